"""Many outcomes, one reply: the fold table of design law 7, in one function.

SMTP has one reply to end of data, and it speaks for every recipient (RFC 5321 §4.2.5). So whoever must be asked again
decides for all (nobody is served twice), and a refusal is the answer only when there is nobody it would be false for.

    the outcomes hold               the one reply                       refused copies
    ------------------------------  ----------------------------------  -------------------------------
    a deferred one                  its 4xx; nothing relayed or kept    -
    a Reject(whole=True)            its 5xx; nothing relayed or kept    -
    only refused ones               the first one's 5xx                 -
    pass and taken only             250                                 -
    refused beside pass or taken    250                                 to quarantine, with a DSN
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from lamsonproxy.mail.reply import Reply


class Fate(Enum):
    """What became of one recipient's mail."""

    PASS = auto()
    """Accept, and downstream took the RCPT."""
    TAKEN = auto()
    """Consume, Discard, Quarantine: it ends here, on purpose."""
    REFUSED = auto()
    """Reject, or a 5xx to RCPT downstream."""
    DEFERRED = auto()
    """Defer, an error, an overrun, or a 4xx to RCPT downstream."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient's fate and the reply that it would be by itself; `whole` refuses for every recipient."""

    fate: Fate
    reply: Reply
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """The one answer. `goes_on` is true when what passes is to be relayed, what is taken kept, and what stands at
    the indexes in `strays` (refused beside others that were not) put into quarantine with a DSN to the sender."""

    reply: Reply
    goes_on: bool
    strays: tuple[int, ...] = ()


def fold(outcomes: Sequence[Outcome]) -> Fold:
    """Fold the outcomes of one mail's recipients, in envelope order. There is at least one."""
    for stop in _first(outcomes, Fate.DEFERRED), next((o for o in outcomes if o.whole), None):
        if stop is not None:
            return Fold(stop.reply, goes_on=False)
    taken_or_passed = _first(outcomes, Fate.PASS) or _first(outcomes, Fate.TAKEN)
    if taken_or_passed is None:
        return Fold(outcomes[0].reply, goes_on=False)
    strays = tuple(n for n, o in enumerate(outcomes) if o.fate is Fate.REFUSED)
    return Fold(taken_or_passed.reply, goes_on=True, strays=strays)


def _first(outcomes: Sequence[Outcome], fate: Fate) -> Outcome | None:
    return next((o for o in outcomes if o.fate is fate), None)
