"""Whether a target's cost grows faster than its input: one of the octets' pieces is repeated, and the CPU time watched.

Law: what is told depends on the octets, and on the machine as little as can be. CPU time of this thread counts, not
the clock's; a suspicion is measured again, three times at three sizes, and the cheapest of each counts, for noise only
ever adds. Cost that grows sixteenfold with four times the octets, and does so again with sixteen times, is quadratic;
what a limit of the package ends is not.
"""

import time
import zlib
from collections.abc import Callable

SIZE = 32 * 1024
"""Octets at which the growth from a quarter of them is looked at, and from which it is confirmed."""

STEEP = 8.0
"""Between 4, of linear cost, and 16, of quadratic cost, when there are four times the octets."""

LEAST_S = 0.02
"""CPU below which nothing is suspected: a quadratic search over SIZE octets costs more."""

MOST_S = 5.0
"""CPU for four times SIZE with which there is nothing left to confirm; linear cost is a fiftieth of it."""

PIECE_LIMIT = 48
TIMES = 3

Cost = Callable[[int], float]


class TooSteep(AssertionError):
    """The cost of reading grows faster than what is read."""


def check_growth(target: Callable[[bytes], None], octets: bytes) -> None:
    """Raise TooSteep when a piece of the octets, repeated, makes the target too dear."""
    if octets and (costs := steep_costs(lambda size: _cost(target, pumped(octets, size)))):
        raise TooSteep(", ".join(f"{seconds:.2f} s for {size} octets" for size, seconds in costs.items()))


def steep_costs(cost: Cost) -> dict[int, float]:
    """What each size costs, where that is too steep; empty where it is not."""
    if not is_steep(cost(SIZE // 4), cost(SIZE)):
        return {}
    costs = {SIZE: _least(cost, SIZE)}
    for size in (4 * SIZE, 16 * SIZE):
        costs[size] = _least(cost, size)
        if costs[size] > MOST_S:
            return costs
        if not is_steep(costs[size // 4], costs[size]):
            return {}
    return costs


def is_steep(before_s: float, after_s: float) -> bool:
    """Whether four times the octets cost much more than four times the CPU."""
    return after_s > LEAST_S and after_s > STEEP * before_s


def pumped(octets: bytes, size: int) -> bytes:
    """The octets, with one piece of them repeated up to this size. Which one, the octets' checksum says."""
    chosen = zlib.crc32(octets)
    start = chosen % len(octets)
    end = start + 1 + (chosen >> 16) % PIECE_LIMIT
    if chosen >> 31:
        # Whole lines are what mail is made of.
        start, end = octets.rfind(b"\n", 0, start) + 1, octets.find(b"\n", start) + 1 or len(octets)
    piece = octets[start:end]
    return octets[:start] + piece * max(1, (size - len(octets)) // len(piece)) + octets[end:]


def _least(cost: Cost, size: int) -> float:
    least = cost(size)
    for _ in range(TIMES - 1):
        # What is as dear as this is no noise, and takes long.
        least = min(least, cost(size)) if least < MOST_S else least
    return least


def _cost(target: Callable[[bytes], None], octets: bytes) -> float:
    began = time.thread_time()
    target(octets)
    return time.thread_time() - began
