"""The heart of a worker: nothing that goes wrong around it stops it from beating."""

from pathlib import Path

import pytest

from tests.downstream import ScriptedDownstream
from tests.house_rig import open_house


@pytest.mark.fault("D1")
async def test_the_heart_asks_no_disk(tmp_path: Path) -> None:
    async with ScriptedDownstream("quit", "fin") as script, open_house(tmp_path, script.port) as house:
        # What is not there cannot be asked: any use of it would be counted as a bug of ours.
        del house.service.quarantine, house.service.notices
        house.service.measure(0.5)
        assert house.service.metrics.loop_lag._value.get() == 0.5
        assert house.service.metrics.bugs._value.get() == 0


async def test_gauges_that_cannot_be_set_are_told_and_the_heart_goes_on(tmp_path: Path) -> None:
    async with ScriptedDownstream("quit", "fin") as script, open_house(tmp_path, script.port) as house:
        del house.service.budget
        house.service.measure(0.5)
        assert house.service.metrics.bugs._value.get() == 1
