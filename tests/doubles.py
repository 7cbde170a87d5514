"""Doubles of the ports that tell what happened: a log that remembers, a clock that is moved by hand, a desk that takes
every mail.

Law: a double does the whole of what its port promises, and a test reads from it only what the port was told.

    RecordingLog   the port `MailLog`; each event as it was told
    FakeClock      the port `Clock`; time passes when a test says so
    RecordingDesk  the desk behind a door; holds mails back until it is told to answer
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Move, Timer
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Due

Settle = Callable[[Transaction, Callable[[], bool]], AsyncIterator[Reply]]
TAKEN = Reply(250, "2.0.0", "Ok: taken")


@dataclass(frozen=True, slots=True)
class Event:
    """One call of a `MailLog`: its name, and its arguments by their names."""

    name: str
    told: dict[str, Any]


class RecordingLog:
    """Remembers every event, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __repr__(self) -> str:
        return f"<RecordingLog of {[event.name for event in self.events]}>"

    def named(self, name: str) -> list[dict[str, Any]]:
        """What was told with each event of this name."""
        return [event.told for event in self.events if event.name == name]

    def received(self, transaction: Transaction) -> None:
        self._keep("received", transaction=transaction)

    def decided(
        self,
        transaction: Transaction,
        recipient: int,
        *,
        verdict: str,
        route: str,
        reply: Reply,
        queued_as: str,
        seconds: float,
    ) -> None:
        self._keep(
            "decided",
            transaction=transaction,
            recipient=recipient,
            verdict=verdict,
            route=route,
            reply=reply,
            queued_as=queued_as,
            seconds=seconds,
        )

    def handler_ran(self, transaction: Transaction, route: str, seconds: float) -> None:
        self._keep("handler_ran", transaction=transaction, route=route, seconds=seconds)

    def handler_failed(self, transaction: Transaction, route: str, error: BaseException) -> None:
        self._keep("handler_failed", transaction=transaction, route=route, error=error)

    def handler_overran(self, transaction: Transaction, route: str, seconds: float) -> None:
        self._keep("handler_overran", transaction=transaction, route=route, seconds=seconds)

    def relay_answered(self, reply: Reply, seconds: float) -> None:
        self._keep("relay_answered", reply=reply, seconds=seconds)

    def relay_failed(self, transaction: Transaction, error: Exception) -> None:
        self._keep("relay_failed", transaction=transaction, error=error)

    def storage_failed(self, transaction: Transaction, error: Exception) -> None:
        self._keep("storage_failed", transaction=transaction, error=error)

    def copies_differ(self, transaction: Transaction) -> None:
        self._keep("copies_differ", transaction=transaction)

    def would_loop(self, transaction: Transaction, recipient: Address) -> None:
        self._keep("would_loop", transaction=transaction, recipient=recipient)

    def added_recipient_refused(self, transaction: Transaction, recipient: Address, reply: Reply) -> None:
        self._keep("added_recipient_refused", transaction=transaction, recipient=recipient, reply=reply)

    def bug(self, transaction: Transaction, error: BaseException) -> None:
        self._keep("bug", transaction=transaction, error=error)

    def not_measured(self, error: Exception) -> None:
        self._keep("not_measured", error=error)

    def notice_sent(self, name: str, reply: Reply) -> None:
        self._keep("notice_sent", name=name, reply=reply)

    def notice_failed(self, name: str, error: Exception) -> None:
        self._keep("notice_failed", name=name, error=error)

    def moved(self, transaction: Transaction, move: Move) -> None:
        self._keep("moved", transaction=transaction, move=move)

    def settled_again(self, transaction: Transaction, reply: Reply) -> None:
        self._keep("settled_again", transaction=transaction, reply=reply)

    def done_again(self, transaction: Transaction, error: Exception) -> None:
        self._keep("done_again", transaction=transaction, error=error)

    def store_failed(self, transaction: Transaction, error: Exception) -> None:
        self._keep("store_failed", transaction=transaction, error=error)

    def doubtful(self, sentence: str) -> None:
        self._keep("doubtful", sentence=sentence)

    def store_away(self, error: Exception) -> None:
        self._keep("store_away", error=error)

    def reply_withheld(self, transaction: Transaction, reason: str) -> None:
        self._keep("reply_withheld", transaction=transaction, reason=reason)

    def scanned(
        self,
        transaction: Transaction,
        *,
        scanner: str,
        grade: str,
        score: float | None,
        what: str,
        seconds: float,
    ) -> None:
        self._keep(
            "scanned",
            transaction=transaction,
            scanner=scanner,
            grade=grade,
            score=score,
            what=what,
            seconds=seconds,
        )

    def outbox_sent(self, due: Due, recipients: Sequence[Address], reply: Reply) -> None:
        self._keep("outbox_sent", due=due, recipients=recipients, reply=reply)

    def outbox_refused(self, due: Due, recipient: Address, reply: Reply) -> None:
        self._keep("outbox_refused", due=due, recipient=recipient, reply=reply)

    def outbox_deferred(
        self, due: Due, recipients: Sequence[Address], reply: Reply, retry_at: datetime
    ) -> None:
        self._keep("outbox_deferred", due=due, recipients=recipients, reply=reply, retry_at=retry_at)

    def not_signed(self, due: Due, error: Exception) -> None:
        self._keep("not_signed", due=due, error=error)

    def outbox_failed(self, error: Exception) -> None:
        self._keep("outbox_failed", error=error)

    def timer_failed(self, timer: Timer | None, error: Exception) -> None:
        self._keep("timer_failed", timer=timer, error=error)

    def retention_failed(self, error: Exception) -> None:
        self._keep("retention_failed", error=error)

    def refused_peer(self, door: str, peer: str) -> None:
        self._keep("refused_peer", door=door, peer=peer)

    def refused_session(self, door: str, peer: str, reason: str) -> None:
        self._keep("refused_session", door=door, peer=peer, reason=reason)

    def _keep(self, event: str, /, **told: Any) -> None:
        self.events.append(Event(event, told))


class FakeClock:
    """Stands still until `advance`."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._started = self._now = now

    def monotonic(self) -> float:
        return (self._now - self._started).total_seconds()

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@dataclass
class RecordingDesk:
    """Takes every mail with `answers` in turn, the last one for all that follow; or asks the desk `behind` it.
    With `answers_each` there is an answer for each recipient.

    While `is_open` is cleared mails wait inside. `begun` and `ended` count them; `withdrawn` holds each mail's own
    question whether anybody still waits for its answer.
    """

    answers: Iterable[Reply | BaseException] = (TAKEN,)
    behind: Settle | None = None
    answers_each: bool = False
    mails: list[Transaction] = field(default_factory=list)
    withdrawn: list[Callable[[], bool]] = field(default_factory=list)
    read: list[Transaction] = field(default_factory=list)
    """Mails whose replies the client has read."""
    ended: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._answers = list(self.answers)
        self.is_open.set()

    @property
    def begun(self) -> int:
        return len(self.mails)

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        self.mails.append(transaction)
        self.withdrawn.append(withdrawn)
        await self.is_open.wait()
        try:
            async for reply in (self.behind or self._answer)(transaction, withdrawn):
                yield reply
        finally:
            self.ended += 1

    def heard(self, transaction: Transaction) -> None:
        self.read.append(transaction)

    async def _answer(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        for _ in transaction.envelope.recipients if self.answers_each else range(1):
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if isinstance(answer, BaseException):
                raise answer
            yield answer
