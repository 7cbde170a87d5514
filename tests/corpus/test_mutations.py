"""Mangled mail is read within a second of CPU and 64 MiB, and edited, without an exception."""

import pytest

from tests.corpus.limited import outcomes_of
from tests.corpus.mutations import COUNT, mutation


@pytest.mark.fault("C1")
def test_thousands_of_mutations_are_read_and_some_edited_within_the_limits() -> None:
    outcomes = outcomes_of("mutations")
    assert len(outcomes) >= COUNT
    assert {name: outcome for name, outcome in outcomes.items() if outcome} == {}


def test_a_mutation_is_the_same_in_each_run() -> None:
    mails = [b"A: b\r\n\r\ntext\r\n" * 9, b"C: d\r\n\r\n" * 9]
    assert [mutation(n, mails) for n in range(50)] == [mutation(n, mails) for n in range(50)]
    assert len({mutation(n, mails) for n in range(50)}) > 30
