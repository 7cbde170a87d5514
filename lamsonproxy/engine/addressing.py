"""The RCPTs of one relay transaction: who is asked about for which copy, and whose fate each reply is.

    downstream says     to a decision's own recipient        to one that a handler added
                        (or whom it was redirected to)
    ------------------  -----------------------------------  -------------------------------------------
    4xx                 deferred                             deferred
    5xx                 refused                              nothing; the added one's copy is to be kept

Law: what the sender hears of a recipient is what became of that recipient's mail, so a refusal of somebody whom the
sender does not know is none of it (RFC 3461 §5.2.7.3). RCPTs that came go on as they came, twice if they came
twice; an address that a handler redirects or adds to is asked about once. The parameters of MAIL stay as they came,
but for those that an edit has made necessary.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lamsonproxy.engine.decision import Decision
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.content import Content
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Params
from lamsonproxy.mail.fold import Fate, Outcome
from lamsonproxy.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Unserved:
    """An added recipient that downstream refused, beside one of the same copy that it took."""

    decision: Decision
    recipient: Recipient
    reply: Reply


class Addressed:
    """The RCPTs for some decisions whose copies are equal."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self.decisions = decisions
        self.recipients: list[Recipient] = []
        self._first: dict[Address, int] = {}
        self._own: list[int | None] = []
        """None for who is redirected to an address that stands elsewhere, maybe further down."""
        self._owners = {decision.copy.recipient.address for decision in decisions}
        came = {decision.recipient.address for decision in decisions if not decision.is_redirected}
        for decision in decisions:
            self._add(decision, came)

    def envelope(self, received: Envelope) -> Envelope:
        """What downstream is asked."""
        copy = self.decisions[0].copy
        asked = replace(received, sender=copy.sender, recipients=tuple(self.recipients))
        params = _with_smtputf8(_with_8bitmime(received.params, copy.content), received, asked)
        return replace(asked, params=params)

    def places(self, n: int) -> list[int]:
        """Where the recipients of the nth decision stand, its own in front."""
        copy, own = self.decisions[n].copy, self._own[n]
        if own is None:
            own = self._first[copy.recipient.address]
        return [own, *(self._first[r.address] for r in copy.added if r.address not in self._owners)]

    def asked(self, n: int, outcome: Outcome, replies: Sequence[Reply]) -> Outcome:
        """The outcome of the nth decision after downstream's word on each RCPT."""
        own, *added = (replies[place] for place in self.places(n))
        for reply in (own, *added):
            if not (reply.is_positive or reply.is_permanent):
                return Outcome(Fate.DEFERRED, reply)
        return outcome if own.is_positive else Outcome(Fate.REFUSED, own)

    def unserved(self, passing: Collection[int], replies: Sequence[Reply]) -> list[Unserved]:
        """The added recipients of these decisions that downstream refused, each once."""
        found: dict[int, Unserved] = {}
        for n in passing:
            for place in self.places(n)[1:]:
                if not replies[place].is_positive:
                    found.setdefault(
                        place, Unserved(self.decisions[n], self.recipients[place], replies[place])
                    )
        return list(found.values())

    def is_torn(self, passing: Collection[int], replies: Sequence[Reply]) -> bool:
        """Whether downstream has taken somebody to whom none of these decisions sends the mail."""
        served = {place for n in passing for place in self.places(n)}
        return any(reply.is_positive and place not in served for place, reply in enumerate(replies))

    def _add(self, decision: Decision, came: Collection[Address]) -> None:
        own = decision.copy.recipient
        stands_elsewhere = decision.is_redirected and (own.address in came or own.address in self._first)
        self._own.append(None if stands_elsewhere else self._ask(own))
        for recipient in decision.copy.added:
            if recipient.address not in self._owners and recipient.address not in self._first:
                self._ask(recipient)

    def _ask(self, recipient: Recipient) -> int:
        self._first.setdefault(recipient.address, len(self.recipients))
        self.recipients.append(recipient)
        return len(self.recipients) - 1


def _with_8bitmime(params: Params, content: Content) -> Params:
    """RFC 6152 §3: what an edit made 8-bit must be announced so. What came unannounced goes on unannounced."""
    if not content.became_8bit or (params.get("BODY") or "").upper() == "8BITMIME":
        return params
    return Params((*params.without("BODY"), "BODY=8BITMIME"))


def _with_smtputf8(params: Params, received: Envelope, asked: Envelope) -> Params:
    """RFC 6531 §3.4: addresses that a handler put there need the parameter, those that came are as they came."""
    is_needed = any(address.needs_smtputf8 for address in asked.addresses - received.addresses)
    if not is_needed or params.get("SMTPUTF8") is not None:
        return params
    return Params((*params, "SMTPUTF8"))
