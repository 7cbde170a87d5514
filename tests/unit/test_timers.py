"""Looking for timers: each is handed on once, and what fails keeps no other waiting."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from lamsonproxy.errors import StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Timer
from lamsonproxy.timers import Ticking, Ticks
from tests.door_rig import until
from tests.doubles import FakeClock, RecordingLog

TICKS = Ticks(every_s=0.001, parallel=2)


class Rig:
    """Timers 0, 1 ... that are due, and a function that runs them while `is_open`; numbers in `broken` raise."""

    def __init__(self, count: int) -> None:
        self.clock, self.log = FakeClock(), RecordingLog()
        self.waiting = list(range(count))
        self.leases: list[datetime] = []
        self.broken: set[int] = set()
        self.trouble: Exception | None = None
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.ticking = Ticking(self, self.fire, self.log, self.clock, TICKS)

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Timer]:
        if self.trouble is not None:
            raise self.trouble
        self.leases.append(lease_until)
        claimed, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return [timer(number) for number in claimed]

    async def fire(self, timer: Timer) -> None:
        number = int(timer.conversation.correspondent)
        self.begun.append(number)
        await self.is_open.wait()
        if number in self.broken:
            raise RuntimeError("a bug")
        self.ended.append(number)


def timer(number: int) -> Timer:
    key = ConversationKey("app.lists", "", str(number))
    return Timer(key, "PENDING", "EXPIRED", FakeClock().now(), Address("cooks@lists.example.org"), {})


async def test_all_that_is_due_runs_each_under_its_lease() -> None:
    rig = Rig(5)
    await rig.ticking.once()
    assert sorted(rig.ended) == [0, 1, 2, 3, 4]
    assert set(rig.leases) == {rig.clock.now() + timedelta(seconds=TICKS.lease_s)}


async def test_no_more_run_at_one_time_than_may_and_a_slow_one_holds_up_nobody() -> None:
    rig = Rig(5)
    rig.is_open.clear()
    running = asyncio.create_task(rig.ticking.once())
    await until(lambda: len(rig.begun) == TICKS.parallel)
    rig.is_open.set()
    await running
    assert len(rig.ended) == 5


async def test_one_that_fails_keeps_no_other_waiting() -> None:
    rig = Rig(4)
    rig.broken = {1}
    await rig.ticking.once()
    assert sorted(rig.ended) == [0, 2, 3]
    [told] = rig.log.named("timer_failed")
    assert told["timer"] == timer(1)


async def test_nothing_but_its_cancellation_ends_the_looking() -> None:
    rig = Rig(3)
    rig.trouble = StoreError("away")
    running = asyncio.create_task(rig.ticking.run())
    await until(lambda: len(rig.log.named("timer_failed")) > 2)
    assert rig.log.named("timer_failed")[0]["timer"] is None
    rig.trouble = None
    await until(lambda: len(rig.ended) == 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_runs_is_cancelled_with_the_looking() -> None:
    rig = Rig(1)
    rig.is_open.clear()
    running = asyncio.create_task(rig.ticking.run())
    await until(lambda: rig.begun == [0])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert rig.ended == [] and not rig.log.events


def test_a_lease_outlives_the_longest_handler() -> None:
    assert Ticks().lease_s > 540
