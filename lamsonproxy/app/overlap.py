"""Addresses that two routes both match.

Law: what is given is proved by the expressions themselves; that nothing is given proves little, because only as many
addresses are tried as a start can afford, made of the characters that the automata know.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from lamsonproxy.app.automaton import Automaton, TooLarge, automata

TRIED = 64
"""Addresses that are tried on one pair of routes."""

VISITED = 20_000
"""Pairs of positions that are gone through for them; a pair of ordinary routes has some thousands."""

_Node = tuple[int, int, bool]
"""A position in each automaton, and whether an @ stands behind."""


class Overlaps:
    """Some expressions, to be compared with one another."""

    def __init__(self, patterns: Iterable[re.Pattern[str]]) -> None:
        listed = list(patterns)
        # One alphabet for all, or a character that stands in one of them would be unknown to the others.
        characters = "".join(pattern.pattern for pattern in listed)
        self._automata = {pattern: _automaton(pattern.pattern, characters) for pattern in listed}

    def shared_by(self, one: re.Pattern[str], other: re.Pattern[str]) -> Iterator[str]:
        """Addresses that both match, short ones first."""
        both = self._automata[one], self._automata[other]
        for address in islice(_candidates(*both), TRIED):
            if one.fullmatch(address) and other.fullmatch(address):
                yield address


def _automaton(pattern: str, characters: str) -> Automaton:
    """One that takes nothing where the expression is too large."""
    try:
        return automata(pattern, characters)[0]
    except TooLarge:
        return Automaton("@")


def _candidates(one: Automaton, other: Automaton) -> Iterator[str]:
    for (n, m, has_at), address in _words(one, other):
        if has_at and n in one.last and m in other.last:
            yield address


def _words(one: Automaton, other: Automaton) -> Iterator[tuple[_Node, str]]:
    """Each pair of positions that one text can lead to, with a shortest such text."""
    seen: set[_Node] = set()
    waiting = deque((False, n, m, "") for n in one.first for m in other.first)
    while waiting and len(seen) < VISITED:
        had_at, n, m, before = waiting.popleft()
        for ch in _characters(one, one.takes[n] & other.takes[m], had_at):
            node = (n, m, had_at or ch == "@")
            if node not in seen:
                seen.add(node)
                yield node, before + ch
                waiting += ((node[2], i, j, before + ch) for i in one.follow[n] for j in other.follow[m])


def _characters(automaton: Automaton, bits: int, had_at: bool) -> Iterator[str]:
    """Characters to go on with: an ordinary one, and one @ in all, as addresses have it."""
    at = 1 << automaton.alphabet.index("@")
    if bits & ~at:
        yield automaton.sample_of(bits & ~at)
    if bits & at and not had_at:
        yield "@"
