"""What the engine's tests have in common: an engine between doubles, and mails to settle.

Law: whoever settles by way of a `Rig` proves without asking that nothing stays held, that each recipient got its
line in the log, and that there was no bug of ours, unless the test takes it out of the log first.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from lamsonproxy.app.machines import Machine, Machines, State
from lamsonproxy.app.marks import OnError
from lamsonproxy.app.routing import Route, Routes, compile_format
from lamsonproxy.engine import DoorPolicy, Engine
from lamsonproxy.mail.conversation import START
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Clock, Conversations, Courier, Notices, Quarantine
from lamsonproxy.runner import Runner
from lamsonproxy.state.none import NoConversations
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier
from tests.kept import MemoryNotices, MemoryProbes, MemoryQuarantine
from tests.relay_rig import envelope

CONTENT = b"From: alice@example.org\r\nSubject: Soup\r\n\r\nIs there any?\r\n"
TRACE = "7QF3T0A1B2"
BARE = DoorPolicy(trace_header=False)
"""Mail leaves exactly as it came."""


def mail(*recipients: str, content: bytes = CONTENT, **words: str) -> Transaction:
    """See `relay_rig.envelope` for the words."""
    session = Session(door="filter", peer="127.0.0.1", helo="mx.example.org")
    return Transaction(TRACE, session, envelope(*recipients, **words), Message(content))


def on(format: str, handler: Callable[..., Any], on_error: OnError | None = None) -> Route:
    """A route without captures, named after its handler."""
    name = getattr(handler, "__name__", "handler")
    return Route(format, compile_format(format, {}), handler, f"tests.{name}", on_error)


def state(format: str, handler: Callable[..., Any], name: str = START, machine: str = "tests") -> Route:
    """A route without captures to a state function."""
    return Route(
        format, compile_format(format, {}), handler, f"{machine}.{name}", machine=machine, state=name
    )


def machines_of(routes: Iterable[Route]) -> Machines:
    """The machines of these routes' state functions."""
    found: dict[str, dict[str, State]] = {}
    for route in routes:
        if route.machine:
            found.setdefault(route.machine, {})[route.state] = State(route.state, route.handler)
    return Machines(Machine(name, states) for name, states in found.items())


def answering(verdict: object) -> Callable[[Any], object]:
    """A handler that returns this."""
    return lambda mail: verdict


@dataclass
class Rig:
    """An engine and the doubles around it."""

    routes: tuple[Route, ...] = ()
    journal: list[str] = field(default_factory=list)
    log: RecordingLog = field(default_factory=RecordingLog)
    clock: Clock = field(default_factory=FakeClock)
    courier: Courier = field(default_factory=FakeCourier)
    conversations: Conversations = field(default_factory=NoConversations)
    runner: Runner = field(default_factory=lambda: Runner(4))
    quarantine: Quarantine | None = None
    notices: Notices | None = None

    def __post_init__(self) -> None:
        self.kept = MemoryQuarantine(self.journal)
        self.sent = MemoryNotices(self.journal)
        self.probes = MemoryProbes()
        self.engine = Engine(
            Routes(self.routes, machines_of(self.routes)),
            runner=self.runner,
            courier=self.courier,
            quarantine=self.quarantine or self.kept,
            notices=self.notices or self.sent,
            probes=self.probes,
            conversations=self.conversations,
            log=self.log,
            clock=self.clock,
            hostname="filter.example.org",
            instance="filter-1",
        )

    @property
    def downstream(self) -> FakeCourier:
        assert isinstance(self.courier, FakeCourier)
        return self.courier

    async def settle(
        self,
        transaction: Transaction,
        policy: DoorPolicy = BARE,
        withdrawn: Callable[[], bool] = lambda: False,
    ) -> Reply:
        before = len(self.log.named("decided"))
        reply = await self.engine.settle(transaction, policy, withdrawn)
        told = self.log.named("decided")[before:]
        assert [event["recipient"] for event in told] == list(range(len(transaction.envelope.recipients)))
        assert not self.log.named("bug"), self.log.named("bug")
        return reply

    async def settle_each(
        self,
        transaction: Transaction,
        policy: DoorPolicy = BARE,
        withdrawn: Callable[[], bool] = lambda: False,
    ) -> list[Reply]:
        """The reply to each recipient."""
        before = len(self.log.named("decided"))
        replies = [reply async for reply in self.engine.settle_each(transaction, policy, withdrawn)]
        told = self.log.named("decided")[before:]
        assert [(event["recipient"], event["reply"]) for event in told] == list(enumerate(replies))
        assert len(replies) == len(transaction.envelope.recipients)
        assert not self.log.named("bug"), self.log.named("bug")
        assert not self.kept.held and not self.sent.letters and not self.sent.held
        return replies

    @property
    def delivered(self) -> list[tuple[list[str], bytes]]:
        """Recipients and octets of each mail that downstream has."""
        return [([r.address.raw for r in sent.recipients], octets) for sent, octets in self.downstream.mails]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was relayed, nothing is kept and nothing is held."""
        return not (
            self.downstream.mails
            or self.kept.letters
            or self.kept.held
            or self.sent.letters
            or self.sent.held
        )
