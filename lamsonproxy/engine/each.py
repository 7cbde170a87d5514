"""Each recipient for itself, where the door has a reply for each: who shares a relay transaction, and how it ends.

Law (design law 7): recipients that pass with equal copies share one relay transaction, everybody else is alone; and
what becomes of one unit changes nothing for another. Of a recipient that hears 4xx or 5xx nothing has been relayed
and nothing is kept: Postfix would send it again, or bounce what arrived.
"""

from collections.abc import Hashable, Mapping

from lamsonproxy.engine.act import Act
from lamsonproxy.engine.addressing import Addressed
from lamsonproxy.engine.decision import Decision
from lamsonproxy.engine.settling import NOBODY_WAITS, Copies, Settling, to_our_client
from lamsonproxy.mail.fold import Fate, Fold, Outcome
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import ACCEPT, reply_to

Unit = Mapping[int, Decision]
"""Recipients that are settled together, by their places in the envelope."""
Ends = dict[int, Reply]
"""The replies to them."""


def units_of(decisions: Mapping[int, Decision]) -> list[Unit]:
    """Who is settled with whom, in the order of the first of each."""
    units: dict[Hashable, dict[int, Decision]] = {}
    for n, decision in decisions.items():
        passes = decision.outcome.fate is Fate.PASS
        units.setdefault(decision.copy.likeness if passes else n, {})[n] = decision
    return list(units.values())


class SettlingEach(Settling):
    """The settling of one unit without a transaction; `act` is an empty attempt."""

    async def run_unit(self, unit: Unit, act: Act) -> Ends:
        """Settle. Raises RemoteError and StorageError, with nothing done for those whose end is not told."""
        ((place, first), *others) = unit.items()
        if others or first.outcome.fate is Fate.PASS:
            return await self._share(unit, act)
        return {place: (await self.run((first,), act)).reply}

    async def _share(self, unit: Unit, act: Act) -> Ends:
        ends: Ends = {}
        while waiting := {n: decision for n, decision in unit.items() if n not in ends}:
            ends |= await self._attempt(waiting, act)
        return ends

    async def _attempt(self, unit: Unit, act: Act) -> Ends:
        """The ends of some at least; whoever has none is to be offered anew."""
        if self._withdrawn():
            return dict.fromkeys(unit, NOBODY_WAITS)
        copies = Copies(range(len(unit)), Addressed(tuple(unit.values())))
        return await self._ask([copies], [], lambda asked: self._give_each(unit, asked[0], act))

    async def _give_each(self, unit: Unit, copies: Copies, act: Act) -> Ends:
        assert copies.offer is not None
        if copies.offer.refusal is not None:
            return dict.fromkeys(unit, to_our_client(copies.offer.refusal))
        replies = copies.replies
        ends: Ends = {}
        passing: list[int] = []
        outcomes: list[Outcome] = []
        for place, (n, decision) in enumerate(unit.items()):
            outcome = copies.addressed.asked(place, decision.outcome, replies)
            outcomes.append(outcome)
            if outcome.fate is Fate.PASS:
                passing.append(place)
            else:
                ends[n] = outcome.reply
        if passing and not copies.addressed.is_torn(passing, replies):
            everybody = Fold(reply_to(ACCEPT), goes_on=True)
            served = [n for place, n in enumerate(unit) if place in passing]
            settled = await self._finish(tuple(unit.values()), outcomes, everybody, [copies], act)
            ends |= dict.fromkeys(served, settled.reply)
        return ends
