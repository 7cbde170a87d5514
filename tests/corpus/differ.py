"""What differs between two messages, line by line, found without reading either.

Law: nothing of the package is used here, so that a mistake in how it reads mail cannot hide itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True)
class Hunk:
    """Lines that went, and lines that came in their place."""

    removed: Sequence[bytes]
    added: Sequence[bytes]


def hunks(before: bytes, after: bytes) -> list[Hunk]:
    """All differences, in order. Lines end at LF, as `splitlines` would not have it."""
    old, new = before.split(b"\n"), after.split(b"\n")
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [Hunk(old[a:b], new[c:d]) for tag, a, b, c, d in codes if tag != "equal"]


def one_gap(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """What went and what came, as if one range of octets was exchanged for another, as short as it can be."""
    start = _alike(before, after)
    end = _alike(before[start:][::-1], after[start:][::-1])
    return before[start : len(before) - end], after[start : len(after) - end]


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """How many elements at the start are equal."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
