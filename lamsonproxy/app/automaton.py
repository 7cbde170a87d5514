"""A regular expression as the choices that a back-tracking matcher has.

The positions are the places in the expression that take one character. From each, `follow` leads to those
that may take the next one, with the number of ways there: `(a+)+` goes from `a` to `a` by the inner loop and
by the outer one. A matcher that fails tries every way, so two ways around the same loop are twice the work at
each turn.

Law: what is judged is what CPython runs, read from its own parser. Where a tree says more than an automaton
can, it is taken as offering more choices than it does: a possessive repeat is an ordinary one, `^` and `$`
stand anywhere, a back-reference is any character.

V. M. Glushkov, "The abstract theory of automata" (1961); the counting of ways is after N. Weideman et al.,
"Analyzing matching time behavior of backtracking regular expression matchers by using ambiguity of NFA" (CIAA
2016).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce

# The public names, sre_parse and sre_constants, have warned of their removal since 3.11.
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

POSITIONS_LIMIT = 1000
"""An address has at most 320 characters (RFC 5321 §4.5.3.1); what is longer is slow to judge."""

MANY = 2
"""More ways than one are all the same to the judge."""

_SAMPLE = "".join(map(chr, range(0x20, 0x7F))) + "\xe9\xdf\u03a9\u0663\u20ac\u4e2d"
"""Characters are compared by a sample: ASCII, and a letter, a digit and a sign from beyond."""

_CATEGORIES = {
    sre.CATEGORY_DIGIT: re.compile(r"\d"),
    sre.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    sre.CATEGORY_SPACE: re.compile(r"\s"),
    sre.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    sre.CATEGORY_WORD: re.compile(r"\w"),
    sre.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
_ONE_CHARACTER = (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN, sre.GROUPREF)
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)

Ways = dict[int, int]
"""Positions, and in how many ways each is reached; never more than MANY."""


class TooLarge(Exception):
    """The expression has more than POSITIONS_LIMIT positions."""


@dataclass(slots=True)
class Automaton:
    """Positions by number: what each takes (a set of sample characters as bits) and where it leads."""

    alphabet: str
    takes: list[int] = field(default_factory=list)
    follow: list[Ways] = field(default_factory=list)
    first: frozenset[int] = frozenset()
    """Where a match may begin."""
    last: frozenset[int] = frozenset()
    """Where a match may end."""

    def sample_of(self, bits: int) -> str:
        """One character of a set, as an example: a small letter or a digit where there is one."""
        taken = [ch for n, ch in enumerate(self.alphabet) if bits >> n & 1]
        return min(taken, key=lambda ch: (not ch.isalnum(), not ch.isascii(), ch.isupper(), ch.isdigit()))

    @property
    def anything(self) -> int:
        return (1 << len(self.alphabet)) - 1


def automata(pattern: str, characters: str = "") -> list[Automaton]:
    """The automaton of a pattern, and one for each look-around in it, which is a match of its own. Automata of several
    patterns can be compared where each was made with the characters of all.

    Raises TooLarge, and re.error when the pattern is no regular expression.
    """
    alphabet = "".join(sorted({ch for ch in _SAMPLE + pattern + characters if ch.isprintable()}))
    waiting = [parser.parse(pattern, re.IGNORECASE)]
    found = []
    while waiting:
        builder = _Builder(Automaton(alphabet))
        piece = builder.build(waiting.pop())
        builder.automaton.first, builder.automaton.last = frozenset(piece.first), frozenset(piece.last)
        waiting += builder.asserted
        found.append(builder.automaton)
    return found


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the expression: where it begins and ends, and in how many ways it matches nothing."""

    empty: int
    first: Ways
    last: Ways


_NOTHING = _Piece(1, {}, {})
_NEVER = _Piece(0, {}, {})


class _Builder:
    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self.asserted: list[Any] = []

    def build(self, tree: Iterable[tuple[Any, Any]]) -> _Piece:
        return reduce(self._then, (self._node(op, av) for op, av in tree), _NOTHING)

    def _node(self, op: Any, av: Any) -> _Piece:
        if op in _ONE_CHARACTER:
            return self._position(op, av)
        if op in _REPEATS:
            return self._repeat(*av)
        if op is sre.BRANCH:
            return self._either(map(self.build, av[1]))
        if op in (sre.SUBPATTERN, sre.ATOMIC_GROUP):
            return self.build(av[-1] if op is sre.SUBPATTERN else av)
        if op is sre.GROUPREF_EXISTS:
            return self._either(map(self.build, (av[1], av[2] or ())))
        if op in (sre.ASSERT, sre.ASSERT_NOT):
            self.asserted.append(av[1])
        return _NEVER if op is sre.FAILURE else _NOTHING

    def _position(self, op: Any, av: Any) -> _Piece:
        number = len(self.automaton.takes)
        if number == POSITIONS_LIMIT:
            raise TooLarge
        self.automaton.takes.append(_bits(self.automaton.alphabet, op, av))
        self.automaton.follow.append({})
        return _Piece(0, {number: 1}, {number: 1})

    def _repeat(self, least: int, most: int, body: Any) -> _Piece:
        if least > POSITIONS_LIMIT:
            raise TooLarge
        # {2,5} is judged as {2,}: five times is enough to be slow where the parts of it are.
        is_loop = most > least + 1
        fixed = least - 1 if is_loop and least else least
        piece = reduce(self._then, (self.build(body) for _ in range(fixed)), _NOTHING)
        if most == least:
            return piece
        more = self.build(body)
        if is_loop:
            self._link(more.last, more.first)
        # Once more for nothing is a way of its own, as for `a?` in (a?)+.
        empty = more.empty * (MANY if is_loop else 1) + (1 if fixed == least else 0)
        return self._then(piece, _Piece(min(MANY, empty), more.first, more.last))

    def _then(self, one: _Piece, other: _Piece) -> _Piece:
        self._link(one.last, other.first)
        return _Piece(
            min(MANY, one.empty * other.empty),
            _sum(one.first, _times(one.empty, other.first)),
            _sum(other.last, _times(other.empty, one.last)),
        )

    def _either(self, branches: Iterable[_Piece]) -> _Piece:
        return reduce(
            lambda one, other: _Piece(
                min(MANY, one.empty + other.empty), one.first | other.first, one.last | other.last
            ),
            branches,
            _NEVER,
        )

    def _link(self, ends: Ways, beginnings: Ways) -> None:
        for end, ways in ends.items():
            follow = self.automaton.follow[end]
            for beginning, more in beginnings.items():
                follow[beginning] = min(MANY, follow.get(beginning, 0) + ways * more)


def _sum(one: Ways, other: Ways) -> Ways:
    return {n: min(MANY, one.get(n, 0) + other.get(n, 0)) for n in one | other}


def _times(factor: int, ways: Ways) -> Ways:
    return {n: min(MANY, factor * count) for n, count in ways.items()} if factor else {}


def _bits(alphabet: str, op: Any, av: Any) -> int:
    return sum(1 << n for n, ch in enumerate(alphabet) if _takes(ch, op, av))


def _takes(ch: str, op: Any, av: Any) -> bool:
    if op in (sre.ANY, sre.GROUPREF):
        return True
    items = av if op is sre.IN else [(sre.LITERAL, av)]
    is_negated = op is sre.NOT_LITERAL or (sre.NEGATE, None) in items
    return any(_is_in(case, items) for case in {ch, ch.lower(), ch.upper()}) != is_negated


def _is_in(ch: str, items: Iterable[tuple[Any, Any]]) -> bool:
    return any(_member(ch, op, av) for op, av in items)


def _member(ch: str, op: Any, av: Any) -> bool:
    if op is sre.LITERAL:
        return ch == chr(av)
    if op is sre.RANGE:
        return len(ch) == 1 and av[0] <= ord(ch) <= av[1]
    return op is sre.CATEGORY and _CATEGORIES[av].match(ch) is not None


def reachable(automaton: Automaton) -> list[frozenset[int]]:
    """For each position, those that can be reached from it in one step or more."""
    return [frozenset(_reach(automaton, n)) for n in range(len(automaton.takes))]


def _reach(automaton: Automaton, start: int) -> Iterator[int]:
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        for n in automaton.follow[waiting.pop()]:
            if n not in seen:
                seen.add(n)
                waiting.append(n)
                yield n
