from itertools import product

import pytest

from lamsonproxy.mail.fold import Fate, Fold, Outcome, fold
from lamsonproxy.mail.reply import Reply

QUEUED = Reply(250, "2.0.0", "Ok: queued as X")
KEPT = Reply(250, "2.7.0", "Ok: quarantined")
NO = Reply(550, "5.7.1", "No")
NEVER = Reply(554, "5.7.0", "Never")
LATER = Reply(451, "4.3.0", "Later")

PASS = Outcome(Fate.PASS, QUEUED)
TAKEN = Outcome(Fate.TAKEN, KEPT)
REFUSED = Outcome(Fate.REFUSED, NO)
WHOLE = Outcome(Fate.REFUSED, NEVER, whole=True)
DEFERRED = Outcome(Fate.DEFERRED, LATER)


@pytest.mark.parametrize(
    ("outcomes", "folded"),
    [
        ([PASS], Fold(QUEUED, True)),
        ([TAKEN], Fold(KEPT, True)),
        ([REFUSED], Fold(NO, False)),
        ([DEFERRED], Fold(LATER, False)),
        ([TAKEN, PASS], Fold(QUEUED, True)),
        ([PASS, DEFERRED], Fold(LATER, False)),
        ([REFUSED, DEFERRED], Fold(LATER, False)),
        ([WHOLE, DEFERRED], Fold(LATER, False)),
        ([PASS, WHOLE], Fold(NEVER, False)),
        ([REFUSED, WHOLE], Fold(NEVER, False)),
        ([REFUSED, Outcome(Fate.REFUSED, NEVER)], Fold(NO, False)),
        ([REFUSED, PASS, REFUSED], Fold(QUEUED, True, strays=(0, 2))),
        ([TAKEN, REFUSED], Fold(KEPT, True, strays=(1,))),
    ],
)
def test_outcomes_fold_as_law_7_says(outcomes: list[Outcome], folded: Fold) -> None:
    assert fold(outcomes) == folded


@pytest.mark.parametrize("outcomes", list(product([PASS, TAKEN, REFUSED, WHOLE, DEFERRED], repeat=3)))
def test_no_fold_loses_or_doubles_mail(outcomes: tuple[Outcome, ...]) -> None:
    folded = fold(outcomes)
    fates = {outcome.fate for outcome in outcomes}
    assert folded.goes_on is folded.reply.is_positive
    if Fate.DEFERRED in fates:
        assert folded.reply.is_transient
    if folded.goes_on:
        assert folded.strays == tuple(n for n, o in enumerate(outcomes) if o.fate is Fate.REFUSED)
    else:
        assert folded.strays == ()
