"""What downstream's replies make of a mail: who has it, who is refused, who waits, and whom a DSN tells.

Law: no clock, no database, no network. A mail that has waited too long is refused by us in downstream's place.

RFC 3463 §3.5 (X.4.7, delivery time expired), RFC 5321 §6.1 (who took a mail on tells of its end).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.dsn import Refusal, failure_notice
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Due


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be written of a mail that was offered."""

    due: Due
    replies: Mapping[Address, Reply]
    """One for every recipient."""
    retry_at: datetime
    """When those who wait are tried again."""
    notice: Outgoing | None = None

    @property
    def taken(self) -> Sequence[Address]:
        return [address for address, reply in self.replies.items() if reply.is_positive]

    @property
    def refused(self) -> Sequence[Address]:
        return [address for address, reply in self.replies.items() if reply.is_permanent]

    @property
    def waiting(self) -> Sequence[Address]:
        return [address for address, reply in self.replies.items() if _is_open(reply)]

    def given_up(self, after: timedelta) -> "Answer":
        """The same for a mail that waits no longer: who was not taken is refused."""
        words = f"Given up after {after / timedelta(days=1):g} days"
        final = {
            address: Reply(554, "5.4.7", f"{words}: {reply}") if _is_open(reply) else reply
            for address, reply in self.replies.items()
        }
        return replace(self, replies=final)

    def without_content(self) -> "Answer":
        """For keeping: the octets are not needed to settle a mail."""
        outgoing = replace(self.due.outgoing, content=b"")
        return replace(self, due=replace(self.due, outgoing=outgoing))


def notice_of(answer: Answer, *, hostname: str, at: datetime) -> Outgoing | None:
    """The DSN for the sender of mail that was only on its way through; None where nobody is to be told."""
    due = answer.due
    outgoing = due.outgoing
    if outgoing.kind != "relay" or not answer.refused:
        return None
    heard = ((recipient, answer.replies[recipient.address]) for recipient in outgoing.envelope.recipients)
    notice = failure_notice(
        outgoing.envelope,
        Message(outgoing.content),
        [Refusal(recipient, reply) for recipient, reply in heard if reply.is_permanent],
        hostname=hostname,
        # Its Message-ID is made of this, and must differ from that of a DSN at the time of the relay.
        trace=f"{due.trace}.{due.id}.{due.attempts + 1}",
        at=at,
    )
    return None if notice is None else Outgoing(*notice, "notice")


def _is_open(reply: Reply) -> bool:
    return not (reply.is_positive or reply.is_permanent)
