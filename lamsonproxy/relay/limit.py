"""A time limit on each of many waits, for the price of one timer.

Law: a wait that has begun ends, by what it waits for or by `expired`. Times are those of the loop's clock.

A timer for each reply would cost more than reading the reply. So the timer runs on between waits, and looks when it
fires whether there is a wait whose time has come; only a limit nearer than the timer sets it anew.
"""

import asyncio
from collections.abc import Callable
from math import inf


class TimeLimit:
    """Calls `expired` when a wait takes too long; at most one wait at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self.deadline = inf
        """No wait is longer than until here, whatever limit it has."""
        self._loop = loop
        self._expired = expired
        self._until = inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        """A wait begins."""
        self._until = min(self._loop.time() + seconds, self.deadline)
        if self._until < inf and (self._timer is None or self._timer.when() > self._until):
            self.cancel()
            self._timer = self._loop.call_at(self._until, self._look)

    def end(self) -> None:
        """The wait is over."""
        self._until = inf

    def cancel(self) -> None:
        """There will be no more waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() >= self._until:
            self._expired()
        elif self._until < inf:
            self._timer = self._loop.call_at(self._until, self._look)
