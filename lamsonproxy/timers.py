"""Looks for timers whose time has come, and hands each to the engine.

Law: nothing is decided here. A claim is a lease; whether the timer still counts is seen under its conversation's lock,
by `fire`. What fails, fires again when its lease is over, and keeps no other timer waiting. Nothing but its
cancellation ends the looking, and what runs is cancelled with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence, Sized
from dataclasses import dataclass
from datetime import timedelta

from lamsonproxy.crash import crash_at
from lamsonproxy.mail.conversation import Timer
from lamsonproxy.ports import Clock, MailLog, Timers


@dataclass(frozen=True, slots=True)
class Ticks:
    """How often, how many, how long."""

    every_s: float = 30.0
    """Seconds between two looks."""
    parallel: int = 4
    """Timers that run at one time, per worker: they are in no hurry, and mail is."""
    lease_s: float = 900.0
    """Seconds that a claim lasts. Above the deadline of a handler (540)."""


class Ticking:
    """Runs timers that are due."""

    def __init__(
        self,
        timers: Timers,
        fire: Callable[[Timer], Awaitable[None]],
        log: MailLog,
        clock: Clock,
        ticks: Ticks,
    ) -> None:
        self._timers = timers
        self._fire = fire
        self._log = log
        self._clock = clock
        self._ticks = ticks

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(self._ticks.every_s)

    async def once(self) -> None:
        """Run all that is due. Never raises."""
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            # No more are claimed than may run at once: a claim that waits uses up its lease.
            while running := running | {
                group.create_task(self._run(t)) for t in await self._claimed(running)
            }:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def _claimed(self, running: Sized) -> Sequence[Timer]:
        room, now = self._ticks.parallel - len(running), self._clock.now()
        lease_until = now + timedelta(seconds=self._ticks.lease_s)
        try:
            claimed = await self._timers.claim(room, now=now, lease_until=lease_until)
        except Exception as error:
            self._log.timer_failed(None, error)
            return ()
        if claimed:
            crash_at("timer-claimed")
        return claimed

    async def _run(self, timer: Timer) -> None:
        try:
            await self._fire(timer)
        except Exception as error:
            self._log.timer_failed(timer, error)
