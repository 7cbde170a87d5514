"""The walk: who is asked about one recipient's mail, and what they say (docs/routes.md).

In the order of the routes, every stateless handler until one of them gives a verdict, and of the state functions the
first one whose state the conversation is in. Each sees what those before it have changed.

Law: a state function's verdict stands, whatever comes behind it. Where a statement of a handler has met another
transaction all of it is done again, whatever the handler made of that.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lamsonproxy.app.application import next_from, verdict_from
from lamsonproxy.app.guards import passes
from lamsonproxy.app.machines import Machines
from lamsonproxy.app.routing import Match
from lamsonproxy.engine.act import Act
from lamsonproxy.engine.asking import Asking, HandlerFailed
from lamsonproxy.engine.decision import UNMATCHED
from lamsonproxy.engine.failing import Failing
from lamsonproxy.engine.planning import Acquaintances, Plan, Planning, Step
from lamsonproxy.engine.policy import DoorPolicy, Means
from lamsonproxy.errors import ConflictError, StoreError
from lamsonproxy.mail.conversation import START, ConversationKey
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import ACCEPT, Consume, Quarantine, Reject, Verdict

_V = TypeVar("_V")

OUT_OF_STATE: Mapping[str, Verdict] = {
    "reject": Reject("5.7.1", "This address does not expect mail from you"),
    "consume": Consume(),
    "quarantine": Quarantine("out of state"),
}


class FailedAt(Exception):
    """A handler failed, at this step."""

    def __init__(self, step: Step) -> None:
        super().__init__(step)
        self.step = step


class Walk:
    """The walks of one mail's recipients."""

    def __init__(
        self,
        machines: Machines,
        means: Means,
        policy: DoorPolicy,
        transaction: Transaction,
        asking: Asking,
        planning: Planning,
        acquaintances: Acquaintances,
        failing: Failing,
    ) -> None:
        self._machines = machines
        self._means, self._log = means, means.log
        self._policy = policy
        self._transaction = transaction
        self._asking = asking
        self._planning = planning
        self._acquaintances = acquaintances
        self._failing = failing

    async def judge(self, plan: Plan, act: Act) -> tuple[Verdict, str]:
        """The verdict, and the name of the route that gave it. Raises FailedAt."""
        stood: tuple[Verdict, str] | None = None
        refused: tuple[Verdict, str] | None = None
        asked = ""
        for step in plan.steps:
            route = step.match.route
            otherwise = self._guarded(step, plan, act)
            if otherwise is False:
                continue
            if otherwise is not True:
                return stood or (otherwise, route.name)
            if step.conversation is None:
                verdict = await self._ask(step, plan, act)
                asked = route.name
                if verdict is not None:
                    return stood or (verdict, route.name)
            elif stood is None:
                state = act.state_of(step.conversation)
                if state == route.state:
                    stood = await self._ask_state(step, step.conversation, plan, act), route.name
                elif refused is None:
                    refused = self._out_of_state(step.conversation.machine, state), route.name
        if stood or refused:
            return stood or refused or (ACCEPT, "")
        if not asked and self._policy.unmatched == "reject":
            return UNMATCHED, ""
        return ACCEPT, asked

    def _out_of_state(self, machine: str, state: str) -> Verdict:
        if state == START or self._machines.has_state(machine, state):
            return OUT_OF_STATE[self._policy.out_of_state]
        # A function that was renamed or taken away: the mail waits for an operator, who takes everybody along.
        sentence = f"{machine} has no state {state}: `lamson states rename {machine}.{state} {machine}.NEW`"
        self._log.store_failed(self._transaction, StoreError(sentence))
        return self._failing.defer

    def _guarded(self, step: Step, plan: Plan, act: Act) -> Verdict | bool:
        """True where the route may be asked, False where it does not match, else what it says instead."""
        if not step.match.route.guards:
            return True
        plan.mail._enter(act.scene(step.match, step.conversation))
        for guard in step.match.route.guards:
            if not passes(guard, plan.mail, self._means.authserv_id):
                return guard.otherwise or False
        return True

    async def _ask(self, step: Step, plan: Plan, act: Act) -> Verdict | None:
        return await self._hear(step, plan, act, verdict_from)

    async def _ask_state(self, step: Step, conversation: ConversationKey, plan: Plan, act: Act) -> Verdict:
        match, mail = step.match, plan.mail
        to, verdict = await self._hear(step, plan, act, lambda returned: next_from(returned, self._machines))
        act.touch(conversation, plan.recipient.address, match.captures)
        if mail.effects.is_confirmed:
            act.confirm(conversation)
        if to is not None:
            await self._move(match, conversation, to, plan, act)
        return verdict

    async def _move(
        self, match: Match, conversation: ConversationKey, to: tuple[str, str], plan: Plan, act: Act
    ) -> None:
        machine, state = to
        name = match.route.name
        if machine != conversation.machine:
            key = await self._planning.conversation(machine, name, match.captures, plan.mail)
            if not act.is_locked(key):
                # In its turn, or two such mails could wait for each other.
                self._acquaintances.learn(conversation.machine, machine)
                raise ConflictError(f"{name} has moved a conversation of {machine}, which is not locked yet")
            conversation = key
            act.touch(conversation, plan.recipient.address, match.captures)
        act.move(conversation, state, name)

    async def _hear(self, step: Step, plan: Plan, act: Act, read: Callable[[Any], _V]) -> _V:
        match = step.match
        plan.mail._enter(act.scene(match, step.conversation))
        route = match.route
        try:
            said = await self._asking.ask(
                route.name,
                route.handler,
                plan.mail,
                match.captures,
                read,
                is_our_fault=lambda: act.has_conflict,
                in_transaction=act.is_open,
            )
        except HandlerFailed:
            act.left = self._asking.left
            if act.has_conflict:
                raise ConflictError("a statement of a handler met another transaction") from None
            raise FailedAt(step) from None
        if act.has_conflict:
            # Whatever the handler made of the failed statement: its transaction is lost.
            raise ConflictError("a statement of a handler met another transaction")
        return said
