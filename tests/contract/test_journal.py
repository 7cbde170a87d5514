"""docs/howto/state-store.md is true: the store that it shows passes the contract suite, and keeps what it was given."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from examples.journal.journal import JournalConversations
from lamsonproxy.errors import StoreError
from lamsonproxy.mail.conversation import START, Work
from tests.contract import test_conversations as suite
from tests.contract.stores import ALICE, BOB, LOCK_WAIT_S, OK, Store, mail, question, step
from tests.doubles import FakeClock

# The whole suite, over the fixture `store` of this module.
globals().update({name: test for name, test in vars(suite).items() if name.startswith("test_")})


class Journaled(Store):
    def __init__(self, path: Path) -> None:
        clock = FakeClock()
        self.journaled = JournalConversations(path, clock, lock_wait_s=LOCK_WAIT_S)
        super().__init__(self.journaled, self.journaled, clock)

    async def outgoing(self) -> list[tuple[str, bytes]]:
        return [(mail.conversation, mail.content) for mail in self.journaled.contents.outgoing]

    async def steps(self) -> list[tuple[str, str]]:
        return [(step.move.old, step.move.new) for step in self.journaled.contents.steps]


def octets_of(path: Path) -> bytes:
    return path.read_bytes()


def written(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    """In the place of the suite's own."""
    store = Journaled(path)
    yield store
    store.journaled.close()


async def test_what_was_committed_is_there_after_a_restart(path: Path) -> None:
    before = Journaled(path)
    asked = question(before.clock)
    await before.does(
        Work((step(ALICE, "A"),), questions=(asked,), outgoing=(mail(),), settled={"k": OK}), ALICE
    )
    await before.does(Work((step(BOB, "A"),), settled={"gone": OK}), BOB)
    await before.conversations.forget(["gone"])
    await before.conversations.failed("bad", before.clock.now())
    unit = await before.begun(ALICE)
    await unit.write(Work((step(ALICE, "B", old="A"),)))
    before.journaled.close()

    after = Journaled(path)
    unit = await after.begun(ALICE, settled=("k", "gone"))
    assert unit.found is not None
    assert (unit.found.standings[ALICE].state, unit.found.settled) == ("A", {"k": OK})
    assert [found.id for found in unit.found.questions] == [asked.id]
    await unit.rollback()
    assert await after.state(BOB) == "A"
    assert await after.outgoing() == [("", b"hello\r\n")]
    assert await after.conversations.failures(["bad"]) == {"bad": 1}
    after.journaled.close()


async def test_a_record_that_was_cut_off_was_never_there(path: Path) -> None:
    before = Journaled(path)
    await before.does(Work((step(ALICE, "A"),)), ALICE)
    whole = len(octets_of(path))
    await before.does(Work((step(ALICE, "B", old="A"),)), ALICE)
    before.journaled.close()
    octets = octets_of(path)
    for length in range(whole, len(octets)):
        copy = written(path.with_name(f"cut-{length}"), octets[:length])
        after = Journaled(copy)
        assert await after.state(ALICE) == "A"
        await after.does(Work((step(ALICE, "C", old="A"),)), ALICE)
        after.journaled.close()
        again = Journaled(copy)
        assert await again.state(ALICE) == "C"
        again.journaled.close()


@pytest.mark.parametrize("broken", ["write", "fsync"])
async def test_where_the_disk_fails_nothing_is_committed_until_a_restart(
    path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*arguments: Any) -> int:
        raise OSError(28, "No space left on device")

    store = Journaled(path)
    unit = await store.begun(ALICE)
    await unit.write(Work((step(ALICE, "A"),)))
    with monkeypatch.context() as patch:
        patch.setattr(os, broken, fail)
        with pytest.raises(StoreError, match="No space left"):
            await unit.commit()
    await unit.rollback()
    assert await store.state(ALICE) == START
    with pytest.raises(StoreError, match="start again"):
        await store.does(Work(), BOB)
    store.journaled.close()


def test_a_journal_belongs_to_one_process_and_one_user(path: Path) -> None:
    store = Journaled(path)
    with pytest.raises(StoreError, match="another process"):
        Journaled(path)
    assert path.stat().st_mode & 0o777 == 0o600
    store.journaled.close()
    Journaled(path).journaled.close()
