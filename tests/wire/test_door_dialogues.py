"""The dialogue files, each played against a door (failures.md 2.6: S3, S5, S6, S7, S13)."""

from pathlib import Path

import pytest

from tests.door_rig import open_rig, rules
from tests.wire.dialogue import play, read

FILES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_dialogue_is_as_it_is_written(path: Path) -> None:
    dialogue = read(path)
    async with open_rig(limits=rules(**dialogue.limits)) as rig:
        await play(dialogue, rig)
