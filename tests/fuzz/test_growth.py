"""Growth: quadratic cost is told, linear cost and noise are not."""

from collections.abc import Callable
from itertools import count

import pytest

from tests.fuzz.growth import MOST_S, SIZE, TooSteep, check_growth, pumped, steep_costs


def _linear(size: int) -> float:
    return size * 1e-5


def _quadratic(size: int) -> float:
    return size**2 * 1e-10


def _dear(size: int) -> float:
    return size**2 * 1e-8


def _ended_by_a_limit(size: int) -> float:
    return _quadratic(min(size, 2 * SIZE))


def _cheap(size: int) -> float:
    return size**2 * 1e-12


@pytest.mark.parametrize("cost", [_linear, _ended_by_a_limit, _cheap])
def test_what_is_linear_or_has_a_limit_or_costs_nothing_is_not_accused(
    cost: Callable[[int], float],
) -> None:
    assert steep_costs(cost) == {}


def test_what_is_quadratic_is_told_with_what_it_costs() -> None:
    assert list(steep_costs(_quadratic)) == [SIZE, 4 * SIZE, 16 * SIZE]


def test_what_is_very_dear_is_not_measured_further() -> None:
    assert list(steep_costs(_dear)) == [SIZE, 4 * SIZE]
    assert steep_costs(_dear)[4 * SIZE] > MOST_S


def test_noise_is_not_accused_unless_it_comes_each_time() -> None:
    calls = count()
    assert steep_costs(lambda size: _linear(size) * (20 if next(calls) % 3 == 1 else 1)) == {}


def test_a_target_is_accused_by_its_cpu_time(monkeypatch: pytest.MonkeyPatch) -> None:
    spent = 0.0

    def look_behind_each_octet(octets: bytes) -> None:
        nonlocal spent
        spent += _dear(len(octets))

    monkeypatch.setattr("time.thread_time", lambda: spent)
    with pytest.raises(TooSteep, match=r"171.79 s for 131072 octets"):
        check_growth(look_behind_each_octet, b"soup")
    check_growth(look_behind_each_octet, b"")


def test_a_target_that_reads_once_is_not_accused() -> None:
    def read(octets: bytes) -> None:
        sum(octets)

    check_growth(read, b"soup")


@pytest.mark.parametrize(
    "octets", [b"x", b"soup\nbowl\n", bytes(range(256)), *(b"%d\r\n" % n for n in range(50))]
)
def test_what_is_pumped_begins_and_ends_as_the_octets_do(octets: bytes) -> None:
    grown = pumped(octets, 5_000)
    assert 4_000 < len(grown) <= 5_000 + len(octets)
    assert (grown[0], grown[-1]) == (octets[0], octets[-1])
    assert grown == pumped(octets, 5_000)
