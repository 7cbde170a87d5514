"""Routes that can back-track catastrophically are told from those that cannot (C8).

Slow and quick are shown by running the patterns: CPU time is counted by the kernel's virtual timer, which other
processes on the machine do not touch, and CPython's matcher lets a signal interrupt it.
"""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamsonproxy.app.automaton import POSITIONS_LIMIT
from lamsonproxy.app.backtrack import complaint

EXPONENTIAL = [  # the pattern, and a text that it is slow with when it is repeated
    (r"(\w+\.?)+@", "a"),
    (r"(?:\w+)+@", "a"),
    (r"(\w+)*@", "a"),
    (r"(a|a)*@", "a"),
    (r"(ab|ab)*@", "ab"),
    (r"(a|aa)+@", "a"),
    (r"(\w|\d\d)+@", "1"),
    (r"(\w|[^@])+@", "a"),
    (r"(?:[a-z]+|[a-z0-9]+)+@x", "a"),
    (r"(?:[a-z]+-?)*@x", "a"),
    (r"([a-z0-9]+[._-]?)+@.+", "a"),
    (r"(.*)*@", "a"),
    (r"(.+)+@", "a"),
    (r"(.*?)+?@", "a"),
    (r"(\w+\s?)*@", "a"),
    (r"(?:a?a?)*@", "a"),
    (r"(?:(?:a?)*b)*@", "b"),
    (r"(?:(?:a?)+b)*@", "b"),
    (r"(?:(?:a?){1,3}b)*@", "b"),
    (r"(a(?:x?|y?))*@", "a"),
    (r"(?:\w{1,64}\.?){1,99}@x", "a"),
    (r"(?:\w{2,}){2,}@x", "a"),
    (r"(?:x+x+)+y", "x"),
    (r"([^@]*[^.])*@x", "a"),
    (r"(?=(a+)+@)a", "a"),
    (r"(?!(a+)+@)a+b", "a"),
    (r"(a)(?:\1|\1)*@", "a"),
    (r"(É|é)*(?:(?:ß+)+)@", "ß"),
]

CUBIC = [
    (r".*.*.*@", "a"),
    (r"\w+\w+\w+@", "a"),
    (r"(\w+)(\w+)(\w+)@", "a"),
    (r"(?P<a>.+)-(?P<b>.+)-(?P<c>.+)@x", "-"),
    (r".+-.+@.+\.org", "-@"),
    (r"(?:\w+\.?){3}@", "a"),
    (r"\w+\w+\w+@\w+@", "a"),
    (r"[a-z]+[a-z0-9]*[a-z]+\d+@", "a"),
]

FINE = [
    r"",
    r"postmaster@example\.org",
    r".*",
    r".+@.+",
    r".+@example\.org",
    r"[^@]+@[^@]+",
    r".+-.+@.+",
    r"(?P<list>.+)-(?P<tag>.+)@(?P<host>.+)",
    r".*.*.*",
    r".*[0-9]+.*",
    r"[a-z]+(?:\.[a-z]+)*@x",
    r"(?:[a-z]+\.)*[a-z]+@x",
    r"[a-z]+-confirm-[a-z0-9]{32}@lists\.example\.org",
    r"[a-z0-9.]+-confirm-[a-z0-9]+@.+",
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    r"(?:a|b|c)+@x",
    r"(\w|\d)+@",  # CPython makes one set of alternatives that are one character each
    r"(?:ab|cd)+@x",
    r"(a?)*b",
    r"(?:a?b?c)*@",
    r"\w+\w+@",
    r"\w*[0-9]\w*@x",
    r"(?!.*\.\.)[a-z.]+@x",
    r"(?<=a)b+@x",
    r"^[a-z]+@x$",
    r"([a-z]+)-\1@x",
    r"(x)?(?(1)a+|b+)@",
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}\d+",
    r"(?!)",
    r"(?>[a-z]+)@x",
    r"(?i:[a-z]+)\+(?:[a-z]+=)*[a-z]+@x",
]

HOSTILE = ["a", "a.", "-", "@", "-@", "a-", "1", ".", "b", "ab", "-a1.@", "abc", "aA", "é", "cd"]


class TooSlow(Exception):
    """The CPU time is used up."""


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def is_slow(pattern: str, text: str, seconds: float) -> bool:
    compiled = re.compile(pattern, re.IGNORECASE)
    try:
        with cpu_limit(seconds):
            compiled.fullmatch(text)
    except TooSlow:
        return True
    return False


@pytest.mark.fault("C8")
@pytest.mark.parametrize(("pattern", "run"), EXPONENTIAL)
def test_a_loop_with_two_ways_round_is_refused_and_is_slow_indeed(pattern: str, run: str) -> None:
    assert "in exponentially many ways" in complaint(pattern)
    assert is_slow(pattern, (run * 320)[:320] + "!", seconds=0.05)


@pytest.mark.fault("C8")
@pytest.mark.parametrize(("pattern", "run"), CUBIC)
def test_three_repeats_that_share_a_text_are_refused_and_are_slow_indeed(pattern: str, run: str) -> None:
    assert "three or more repeats" in complaint(pattern)
    assert is_slow(pattern, (run * 4000)[:4000] + "!", seconds=0.05)


@pytest.mark.fault("C8")
@pytest.mark.parametrize("pattern", FINE)
def test_a_pattern_that_is_let_pass_is_quick_with_whatever_text(pattern: str) -> None:
    assert complaint(pattern) == ""
    for run in HOSTILE:
        for end in ("", "!", "@"):
            assert not is_slow(pattern, (run * 320)[:320] + end, seconds=0.05)


def patterns() -> st.SearchStrategy[str]:
    """Expressions over a and b, as odd as can be."""
    atoms = st.sampled_from(["a", "b", "[ab]", ".", "[^b]", "a?", "c"])
    repeats = st.sampled_from(["*", "+", "?", "*?", "+?", "{2}", "{1,3}", "{0,5}", "{2,}"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("".join),
            st.tuples(inner, inner).map("(?:{0[0]}|{0[1]})".format),
            st.tuples(inner, repeats).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
        ),
        max_leaves=8,
    )


@pytest.mark.fault("C8")
@settings(deadline=None)
@given(patterns(), st.sampled_from(["", "c", "@x"]), st.text("ab", min_size=1, max_size=3))
def test_no_pattern_that_is_let_pass_is_slow(pattern: str, end: str, run: str) -> None:
    pattern += end
    if not complaint(pattern):
        assert not is_slow(pattern, (run * 100)[:100] + "!", seconds=0.5)


def test_the_complaint_names_a_character_that_can_be_sent() -> None:
    assert "a run of 'a'" in complaint(r"(\w+\.?)+@")
    assert "a run of '-'" in complaint(r"(?:-+)+@")


@pytest.mark.parametrize("pattern", [rf"a{{{POSITIONS_LIMIT + 1}}}", r"(?:[a-z]{100}-){20}", r"(?:){2000}"])
def test_a_pattern_that_is_too_large_to_be_judged_is_refused(pattern: str) -> None:
    assert complaint(pattern).startswith("it is too large to be judged")


def test_a_large_pattern_is_judged_within_a_second() -> None:
    assert not is_slow_to_judge("(?:[a-z0-9-]{30}\\.){20}[a-z]{2,63}" + "|(?:[a-z]{60}\\.)+[a-z]+" * 2)


def is_slow_to_judge(pattern: str) -> bool:
    try:
        with cpu_limit(1):
            complaint(pattern)
    except TooSlow:
        return True
    return False
