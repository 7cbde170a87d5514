"""Routes that can back-track catastrophically, told from those that cannot.

A recipient's address is remote input, and CPython's matcher holds the interpreter lock while it tries one way
after another: `(\\w+\\.?)+@` takes seconds for 26 letters and doubles with each one more. So a route is
judged before it is used, by its ambiguity: in how many ways can it read one and the same text?

    exponentially many     one loop can be gone round in two ways by the same text      (\\w+\\.?)+@
    a power of the length  three or more repeats can share out one text among them     \\w+\\w+\\w+@
    fine                   two repeats (a square, and addresses are short)              .+-.+@(host)

Law: a judgement is a pure function of the pattern and runs at start, never while mail waits. A repeat that
takes anything up to the end cannot fail, so it is never a choice too many: `.+-.+@.+` is fine.

A. Weber, H. Seidl, "On the degree of ambiguity of finite automata" (1991): exponential ambiguity and its
degree, found in products of the automaton with itself.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from lamsonproxy.app.automaton import Automaton, TooLarge, automata, reachable

EXPONENTIAL = (
    "it can back-track catastrophically: a repeat inside a repeat, or alternatives that overlap, can read"
    " a run of {!r} in exponentially many ways; let each turn of the loop end with a character that nothing"
    " else in it takes"
)
CUBIC = (
    "it can back-track catastrophically: three or more repeats can share out a run of {!r} among them;"
    " let each one exclude the character that ends it, as in [^@]+@"
)

_Node = TypeVar("_Node")
_Pair = tuple[int, int]
_Triple = tuple[int, int, int]


def complaint(pattern: str) -> str:
    """Why a pattern can be too slow; empty when it cannot."""
    try:
        return next(filter(None, (_Judge(a).complaint() for a in automata(pattern))), "")
    except TooLarge:
        return "it is too large to be judged: count less, as in [a-z]+ for [a-z]{500}"


class _Judge:
    def __init__(self, automaton: Automaton) -> None:
        self._automaton = automaton
        self._takes = automaton.takes
        self._follow = automaton.follow
        self._reach = reachable(automaton)
        self._turning = [n for n, beyond in enumerate(self._reach) if n in beyond]

    def complaint(self) -> str:
        shared = self._exponential()
        if shared:
            return EXPONENTIAL.format(self._automaton.sample_of(shared))
        shared = self._cubic()
        if shared:
            return CUBIC.format(self._automaton.sample_of(shared))
        return ""

    def _in_one_loop(self, one: int, other: int) -> bool:
        return other in self._reach[one] and one in self._reach[other]

    def _exponential(self) -> int:
        """The characters of a loop that two ways lead round; 0 when there is none."""
        for n in self._turning:
            for after, ways in self._follow[n].items():
                if ways > 1 and n in self._reach[after]:
                    return self._takes[after]
        # Two readings part, both inside the loop, and meet again: they can do so at every turn.
        for parted in _closure([(n, n) for n in self._turning], self._pairs):
            if parted[0] != parted[1] and any(a == b for a, b in _closure([parted], self._pairs)):
                return self._takes[parted[0]] & self._takes[parted[1]]
        return 0

    def _pairs(self, pair: _Pair) -> Iterator[_Pair]:
        for one in self._follow[pair[0]]:
            for other in self._follow[pair[1]]:
                is_turn = self._in_one_loop(pair[0], one) and self._in_one_loop(one, other)
                if is_turn and self._takes[one] & self._takes[other]:
                    yield min(one, other), max(one, other)

    def _cubic(self) -> int:
        """The characters that three repeats can share out, or twice two; 0 when there are none."""
        sharing = list(self._sharing())
        for _, taker in sharing:
            for giver, other in sharing:
                if taker == giver or giver in self._reach[taker]:
                    return self._takes[giver] & self._takes[other] or self._takes[giver]
        return 0

    def _sharing(self) -> Iterator[_Pair]:
        """Two loops, one behind the other, and some text that both can take, and that leads across."""
        for giver in self._turning:
            for taker in self._turning:
                is_behind = taker in self._reach[giver] and giver not in self._reach[taker]
                if is_behind and not self._takes_the_rest(taker) and self._shares(giver, taker):
                    yield giver, taker

    def _takes_the_rest(self, n: int) -> bool:
        return (
            n in self._follow[n] and n in self._automaton.last and self._takes[n] == self._automaton.anything
        )

    def _shares(self, giver: int, taker: int) -> bool:
        return (giver, taker, taker) in _closure([(giver, giver, taker)], self._triples)

    def _triples(self, triple: _Triple) -> Iterator[_Triple]:
        for one in self._within(triple[0]):
            for other in self._within(triple[2]):
                both = self._takes[one] & self._takes[other]
                yield from ((one, n, other) for n in self._follow[triple[1]] if both & self._takes[n])

    def _within(self, n: int) -> Iterable[int]:
        return (after for after in self._follow[n] if self._in_one_loop(n, after))


def _closure(starts: Iterable[_Node], after: Callable[[_Node], Iterable[_Node]]) -> Iterator[_Node]:
    """The nodes that can be reached from the starts in one step or more."""
    seen: set[_Node] = set()
    waiting = list(starts)
    while waiting:
        for node in after(waiting.pop()):
            if node not in seen:
                seen.add(node)
                waiting.append(node)
                yield node
