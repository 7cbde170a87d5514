"""Time limits, on a clock that stands still."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lamsonproxy.relay.limit import TimeLimit


class Timer:
    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at, self.callback, self.is_cancelled = at, callback, False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """As much of a loop as a time limit sees; time moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(at, callback))
        return self.timers[-1]

    def move_to(self, now: float) -> None:
        self.now = now
        for timer in [t for t in self.timers if t.at <= now]:
            self.timers.remove(timer)
            if not timer.is_cancelled:
                timer.callback()


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def expired() -> list[float]:
    return []


@pytest.fixture
def limit(loop: Any, expired: list[float]) -> TimeLimit:
    as_loop: asyncio.AbstractEventLoop = loop
    return TimeLimit(as_loop, lambda: expired.append(loop.now))


def test_a_wait_that_is_too_long_expires(limit: TimeLimit, loop: Loop, expired: list[float]) -> None:
    limit.begin(60)
    loop.move_to(59.9)
    assert expired == []
    loop.move_to(60)
    assert expired == [60]


def test_a_wait_that_ended_in_time_does_not(limit: TimeLimit, loop: Loop, expired: list[float]) -> None:
    limit.begin(60)
    limit.end()
    loop.move_to(1000)
    assert expired == []


def test_a_thousand_waits_take_one_timer(limit: TimeLimit, loop: Loop) -> None:
    for n in range(1000):
        loop.now = n / 1000
        limit.begin(60)
        limit.end()
    assert len(loop.timers) == 1


def test_a_later_wait_has_its_own_time(limit: TimeLimit, loop: Loop, expired: list[float]) -> None:
    limit.begin(60)
    limit.end()
    loop.now = 30
    limit.begin(60)
    loop.move_to(60)
    assert expired == []
    loop.move_to(90)
    assert expired == [90]


def test_a_shorter_limit_is_not_held_up_by_a_longer_one(
    limit: TimeLimit, loop: Loop, expired: list[float]
) -> None:
    limit.begin(60)
    limit.end()
    limit.begin(2)
    loop.move_to(2)
    assert expired == [2]


def test_the_deadline_ends_every_wait(limit: TimeLimit, loop: Loop, expired: list[float]) -> None:
    limit.deadline = 5
    limit.begin(60)
    loop.move_to(5)
    assert expired == [5]


def test_after_a_cancel_nothing_expires(limit: TimeLimit, loop: Loop, expired: list[float]) -> None:
    limit.begin(60)
    limit.cancel()
    loop.move_to(60)
    assert expired == []


def test_a_wait_without_limit_takes_no_timer(limit: TimeLimit, loop: Loop) -> None:
    limit.begin(float("inf"))
    assert loop.timers == []
