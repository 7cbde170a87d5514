"""What stands in Postfix's place: takes every mail, or says what it was told to say.

Law: fulfils `ports.Courier` as the relay does; no mail leaves the process.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.correspondent import folded
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Parts
from lamsonproxy.testing.letter import Letter

TAKEN = Reply(250, "2.1.5", "Ok")


@dataclass(slots=True)
class Downstream:
    """All that has left, and what is said of whom."""

    letters: list[Letter] = field(default_factory=list)
    replies: dict[str, Reply] = field(default_factory=dict)
    """What is said to RCPT, by address in small letters; 250 to everybody else."""

    def way(self, *, is_relay: bool) -> "Way":
        """A courier: for mail that passes through, or for mail that the application writes."""
        return Way(self, is_relay)

    def reply_to(self, address: Address) -> Reply:
        return self.replies.get(folded(address), TAKEN)

    def take(self, letter: Letter) -> Reply:
        self.letters.append(letter)
        return Reply(250, "2.0.0", f"Ok: queued as WORLD{len(self.letters)}")


@dataclass(frozen=True, slots=True)
class Way:
    """One way out."""

    downstream: Downstream
    is_relay: bool

    @asynccontextmanager
    async def _offer(self, envelope: Envelope) -> AsyncIterator["Offered"]:
        yield Offered(self, envelope, [self.downstream.reply_to(r.address) for r in envelope.recipients])

    def offer(self, envelope: Envelope, *, deadline: float) -> AbstractAsyncContextManager["Offered"]:
        return self._offer(envelope)

    def inquiry(self, envelope: Envelope) -> "Asked":
        return Asked(self)


@dataclass(frozen=True, slots=True)
class Offered:
    """A mail that was asked about."""

    way: Way
    envelope: Envelope
    recipients: Sequence[Reply]
    refusal: None = None

    async def deliver(self, content: Parts) -> Reply:
        answers = zip(self.envelope.recipients, self.recipients, strict=True)
        taken = tuple(recipient for recipient, reply in answers if reply.is_positive)
        envelope = replace(self.envelope, recipients=taken)
        return self.way.downstream.take(Letter(envelope, b"".join(content), self.way.is_relay))


@dataclass(frozen=True, slots=True)
class Asked:
    """Asking recipient by recipient, before the message is there. Nothing is held here, so nothing is to be undone."""

    way: Way

    async def ask(self, recipient: Recipient, *, deadline: float) -> Reply:
        return self.way.downstream.reply_to(recipient.address)

    def offer(self, envelope: Envelope, *, deadline: float) -> AbstractAsyncContextManager[Offered]:
        return self.way.offer(envelope, deadline=deadline)

    async def end(self) -> None:
        return None
