"""Each recipient for itself, where the door has a reply for each: who shares a relay transaction, and how it ends.

Law (design law 7): recipients that pass with equal copies share one relay transaction, everybody else is alone; and
what becomes of one unit changes nothing for another. Of a recipient that hears 4xx or 5xx nothing has been relayed
and nothing is kept: Postfix would send it again, or bounce what arrived.
"""

from collections.abc import Hashable, Mapping, Sequence

from lamsonproxy.engine.addressing import Addressed, Unserved
from lamsonproxy.engine.deciding import Decision
from lamsonproxy.engine.settling import NOBODY_WAITS, Settling, to_our_client
from lamsonproxy.mail.fold import Fate, Fold
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import ACCEPT, reply_to
from lamsonproxy.ports import Offer

Unit = Mapping[int, Decision]
"""Recipients that are settled together, by their places in the envelope."""
Ends = dict[int, Reply]
"""The replies to them."""


def units_of(decisions: Sequence[Decision]) -> list[Unit]:
    """Who is settled with whom, in the order of the first of each."""
    units: dict[Hashable, dict[int, Decision]] = {}
    for n, decision in enumerate(decisions):
        passes = decision.outcome.fate is Fate.PASS
        units.setdefault(decision.copy.likeness if passes else n, {})[n] = decision
    return list(units.values())


class SettlingEach(Settling):
    """The settling of one unit."""

    async def run_unit(self, unit: Unit) -> Ends:
        """Settle. Raises RemoteError and StorageError, with nothing done for those whose end is not told."""
        ((place, first), *others) = unit.items()
        if others or first.outcome.fate is Fate.PASS:
            return await self._share(unit)
        return {place: (await self.run((first,))).reply}

    async def _share(self, unit: Unit) -> Ends:
        ends: Ends = {}
        while waiting := {n: decision for n, decision in unit.items() if n not in ends}:
            ends |= await self._attempt(waiting)
        return ends

    async def _attempt(self, unit: Unit) -> Ends:
        """The ends of some at least; whoever has none is to be offered anew."""
        if self._withdrawn():
            return dict.fromkeys(unit, NOBODY_WAITS)
        addressed = Addressed(tuple(unit.values()))
        return await self._offered(addressed, lambda offer: self._give_each(unit, addressed, offer))

    async def _give_each(self, unit: Unit, addressed: Addressed, offer: Offer) -> Ends:
        if offer.refusal is not None:
            return dict.fromkeys(unit, to_our_client(offer.refusal))
        replies = [to_our_client(reply) for reply in offer.recipients]
        ends: Ends = {}
        passing: list[int] = []
        for place, (n, decision) in enumerate(unit.items()):
            outcome = addressed.asked(place, decision.outcome, replies)
            if outcome.fate is Fate.PASS:
                passing.append(place)
            else:
                ends[n] = outcome.reply
        if passing and not addressed.is_torn(passing, replies):
            served = {n: decision for n, decision in unit.items() if n not in ends}
            ends |= await self._give_all(served, offer, addressed.unserved(passing, replies))
        return ends

    async def _give_all(self, unit: Unit, offer: Offer, unserved: Sequence[Unserved]) -> Ends:
        decisions = tuple(unit.values())
        outcomes = [decision.outcome for decision in decisions]
        everybody = Fold(reply_to(ACCEPT), goes_on=True)
        settled = await self._finish(decisions, outcomes, everybody, offer, unserved)
        return dict.fromkeys(unit, settled.reply)
