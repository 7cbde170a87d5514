"""Addresses that two routes both match.

Law: what is given is proved by the expressions themselves; that nothing is given proves little, because only as many
addresses are tried as a start can afford, made of the characters that the automata know.
"""

import re
from collections import deque
from collections.abc import Iterator

from lamsonproxy.app.automaton import Automaton, TooLarge, automata

TRIED = 64
"""Addresses that are tried on one pair of routes."""

VISITED = 20_000
"""Pairs of positions that are gone through for them; a pair of ordinary routes has some thousands."""

_Node = tuple[int, int, bool]
"""A position in each automaton, and whether an @ stands behind."""


def shared_by(one: re.Pattern[str], other: re.Pattern[str]) -> Iterator[str]:
    """Addresses that both match, short ones first."""
    for address in _candidates(one.pattern, other.pattern):
        if one.fullmatch(address) and other.fullmatch(address):
            yield address


def _candidates(one: str, other: str) -> Iterator[str]:
    try:
        both = automata(one, other)[0], automata(other, one)[0]
    except TooLarge:
        return
    found = 0
    for (n, m, has_at), address in _words(*both):
        if has_at and n in both[0].last and m in both[1].last:
            yield address
            found += 1
            if found == TRIED:
                return


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
