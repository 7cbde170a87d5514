"""A door without a wire: what is said to each recipient of a mail, at RCPT and at its end.

Law: gate and desk are the service's own, by the kind of the door; between them stands what the door's dialogue would
do: who is refused at RCPT is no recipient of the mail.
"""

from collections.abc import Sequence
from dataclasses import replace

from lamsonproxy.config import Door
from lamsonproxy.doors.door import Desk, Gate
from lamsonproxy.doors.proxy import ProxyDesk
from lamsonproxy.engine import DoorPolicy, Engine
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace
from lamsonproxy.service.desks import EachDesk, EngineDesk, EngineGate

ANNOUNCED = Message(b"")
"""At RCPT there is no message yet."""


class Entrance:
    """Where mail comes in."""

    def __init__(self, door: Door, engine: Engine, policy: DoorPolicy) -> None:
        self._session = Session(door.name, "127.0.0.1")
        self._answers_each = door.kind == "lmtp"
        self._desk, self._gate = _behind(door, engine, policy)

    async def take(self, envelope: Envelope, content: bytes) -> list[Reply]:
        """Take a mail in; the reply to each recipient."""
        trace = new_trace()
        try:
            return await self._taken(trace, envelope, content)
        finally:
            await self._gate.forget(trace)

    async def _taken(self, trace: str, envelope: Envelope, content: bytes) -> list[Reply]:
        replies: list[Reply] = []
        places: list[int] = []
        """Of those that were taken at RCPT."""
        for n in range(len(envelope.recipients)):
            so_far = _to(envelope, [*places, n])
            replies.append(await self._gate.ask(Transaction(trace, self._session, so_far, ANNOUNCED)))
            places += [n] if replies[n].is_positive else []
        if places:
            mail = Transaction(trace, self._session, _to(envelope, places), Message(content))
            for n, reply in zip(places, await self._settled(mail), strict=True):
                replies[n] = reply
        return replies

    async def _settled(self, mail: Transaction) -> Sequence[Reply]:
        said = [reply async for reply in self._desk.settle(mail, lambda: False)]
        return said if self._answers_each else said * len(mail.envelope.recipients)


def _to(envelope: Envelope, places: Sequence[int]) -> Envelope:
    return replace(envelope, recipients=tuple(envelope.recipients[n] for n in places))


def _behind(door: Door, engine: Engine, policy: DoorPolicy) -> tuple[Desk, Gate]:
    if door.kind == "proxy":
        desk = ProxyDesk(lambda: engine.receive(policy), engine.heard)
        return desk, desk
    kind = EachDesk if door.kind == "lmtp" else EngineDesk
    return kind(engine, policy), EngineGate(engine, policy)
