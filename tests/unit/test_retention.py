"""Going over the database: what is counted has a closed set of names, and what is old goes once an hour."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

import pytest

from lamsonproxy.errors import StoreError
from lamsonproxy.retention import FORGET_S, Keeping, State
from tests.door_rig import until
from tests.doubles import FakeClock, RecordingLog

POSTING, PENDING, OTHER = ("app.lists", "POSTING"), ("app.lists", "PENDING"), ("other", "other")


class Rig:
    """A database that holds `standing`, and knows when it was told to forget."""

    def __init__(self) -> None:
        self.clock, self.log = FakeClock(), RecordingLog()
        self.standing: dict[State, int] = {}
        self.trouble: Exception | None = None
        self.forgot_at: list[datetime] = []
        self.keeping = Keeping(self, [POSTING, PENDING], self.log, self.clock, chance=lambda: 0.5)

    async def counts(self) -> Mapping[State, int]:
        if self.trouble is not None:
            raise self.trouble
        return self.standing

    async def forget_old(self, now: datetime) -> int:
        self.forgot_at.append(now)
        return 0


async def test_every_known_state_is_counted_and_all_others_together() -> None:
    rig = Rig()
    assert rig.keeping.conversations == {POSTING: 0, PENDING: 0, OTHER: 0}
    rig.standing = {POSTING: 7, ("app.lists", "RENAMED"): 2, ("app.gone", "POSTING"): 1}
    await rig.keeping.once()
    assert rig.keeping.conversations == {POSTING: 7, PENDING: 0, OTHER: 3}
    rig.standing = {}
    await rig.keeping.once()
    assert rig.keeping.conversations == {POSTING: 0, PENDING: 0, OTHER: 0}


async def test_what_is_old_goes_once_an_hour_and_not_at_every_start() -> None:
    rig = Rig()
    await rig.keeping.once()
    assert rig.forgot_at == []
    for _ in range(10):
        rig.clock.advance(FORGET_S / 2)
        await rig.keeping.once()
    assert len(rig.forgot_at) == 5


async def test_while_the_database_is_away_the_last_counts_stand() -> None:
    rig = Rig()
    rig.standing = {POSTING: 7}
    await rig.keeping.once()
    rig.trouble = StoreError("away")
    await rig.keeping.once()
    assert rig.keeping.conversations[POSTING] == 7
    assert [told["error"] for told in rig.log.named("retention_failed")] == [rig.trouble]


async def test_nothing_but_its_cancellation_ends_the_sweeping() -> None:
    rig = Rig()
    rig.trouble = RuntimeError("a bug")
    running = asyncio.create_task(rig.keeping.run())
    await until(lambda: rig.log.events != [])
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
