"""What providers and programs say, and the one word for it.

The sentences of said.txt are written after the pages and sources that each group names, not taken from mails: they
show that the families of `words` are general.
"""

from pathlib import Path

import pytest

from lamsonproxy.mail.bounces.finding import Finding
from lamsonproxy.mail.bounces.reasons import REASONS, judge

LINES = (Path(__file__).parent / "said.txt").read_text().splitlines()
SAID = [tuple(line.split(" | ", 1)) for line in LINES if line and not line.startswith("#")]


def test_every_sentence_has_a_reason_of_the_closed_set() -> None:
    assert {reason for reason, _ in SAID} <= REASONS
    assert len(SAID) > 200


@pytest.mark.parametrize(("reason", "said"), SAID)
def test_the_words_of_a_provider_give_their_reason(reason: str, said: str) -> None:
    assert judge(Finding("bob@example.com", "failed", said=said))[2] == reason
