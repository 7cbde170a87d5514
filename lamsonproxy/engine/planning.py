"""Who might be asked about one recipient's mail, and which conversations must be locked before.

Law: planning asks nobody but a STATE_KEY that is a function, and that under the handlers' time limit. Every
conversation that a matching state function could be asked for is locked, whichever of them is in its state: only
under the lock can that be known (design law 5).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lamsonproxy.app.edges import graph_of
from lamsonproxy.app.machines import Captures, Machines
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.engine.asking import Asking
from lamsonproxy.mail.conversation import ConversationKey, digest_of
from lamsonproxy.mail.correspondent import correspondent_of
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Step:
    """A route that matches, and the conversation that a state function would be asked for."""

    match: Match
    conversation: ConversationKey | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that may happen to one recipient's mail."""

    recipient: Recipient
    mail: Mail
    steps: tuple[Step, ...] = ()
    conversations: frozenset[ConversationKey] = frozenset()

    @property
    def must_begin(self) -> bool:
        """Whether the database must be looked into before anybody is asked."""
        return bool(self.conversations) or any(step.match.route.needs_unit for step in self.steps)

    @property
    def secrets(self) -> Iterator[str]:
        """The digests of whatever in the address might be the secret of a question."""
        for step in self.steps:
            yield from (digest_of(value.lower()) for value in step.match.captures.values() if value)


@dataclass
class Acquaintances:
    """Which machines move conversations of which others, as the source tells or this process has seen: those are locked
    together, in one order."""

    of: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def told_by(cls, machines: Machines) -> "Acquaintances":
        """What the source tells already."""
        acquaintances = cls()
        for edge in graph_of(machines).edges:
            if edge.source[0] != edge.target[0]:
                acquaintances.learn(edge.source[0], edge.target[0])
        return acquaintances

    def learn(self, machine: str, other: str) -> None:
        self.of.setdefault(machine, set()).add(other)


class Planning:
    """The planning for recipients of one mail."""

    def __init__(
        self, routes: Routes, acquaintances: Acquaintances, transaction: Transaction, asking: Asking
    ) -> None:
        self.routes, self._machines = routes, routes.machines
        self._acquaintances = acquaintances
        self._transaction = transaction
        self._asking = asking
        self._correspondent: str | None = None

    @property
    def correspondent(self) -> str:
        """Who wrote the mail."""
        if self._correspondent is None:
            envelope = self._transaction.envelope
            self._correspondent = correspondent_of(envelope.sender, self._transaction.message)
        return self._correspondent

    async def plan(self, recipient: Recipient, mail: Mail) -> Plan:
        """Raises HandlerFailed when a STATE_KEY fails."""
        steps: list[Step] = []
        conversations: set[ConversationKey] = set()
        for match in self.routes.matches(recipient.address.spec):
            machine = match.route.machine
            if not machine:
                steps.append(Step(match))
                continue
            step = Step(match, await self.conversation(machine, match.route.name, match.captures, mail))
            steps.append(step)
            conversations.update(_known(step.conversation))
            for other in sorted(self._acquaintances.of.get(machine, ())):
                conversations.add(await self.conversation(other, match.route.name, match.captures, mail))
        return Plan(recipient, mail, tuple(steps), frozenset(conversations))

    async def conversation(self, machine: str, route: str, captures: Captures, mail: Mail) -> ConversationKey:
        """The conversation that this mail would belong to in a machine. Raises HandlerFailed."""
        if callable(self._machines.key_parts(machine)):
            # The author's code, so it runs where the author's code runs.
            key = await self._asking.ask(
                route, lambda mail: self._machines.key_of(machine, captures, mail), mail, {}, str
            )
        else:
            key = self._machines.key_of(machine, captures, mail)
        return ConversationKey(machine, key, self.correspondent)


def _known(conversation: ConversationKey | None) -> Iterable[ConversationKey]:
    return () if conversation is None else (conversation,)
