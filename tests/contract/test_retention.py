"""The port `Retention` over each database: what is old goes, what is not stays, and nobody waits."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select

from lamsonproxy.ports import Backlog
from lamsonproxy.state import retention
from lamsonproxy.state.database import Database
from lamsonproxy.state.retention import AUTOMATIC_AGE, Ages, SqlRetention
from lamsonproxy.state.tables import automatic, confirmation, conversation, failure, settled, transition
from tests.doubles import FakeClock
from tests.outboxes import GREYLISTED, NO_SUCH_USER, Rig, database_of

AGES = Ages()
_ID = "0" * 64
_SHOWN: Mapping[str, str] = {"machine": "app.lists", "key": "", "correspondent": "bob@example.net"}

ROWS: Mapping[str, tuple[Table, Mapping[str, Any], str, timedelta]] = {
    "history": (
        transition,
        {"conversation": _ID, **_SHOWN, "old": "START", "new": "POSTING", "route": "r", "trace": "t"},
        "at",
        AGES.history,
    ),
    "answers": (
        settled,
        {"key": _ID, "code": 250, "status": "2.0.0", "text": "Ok", "trace": "t"},
        "at",
        AGES.settled,
    ),
    "questions": (
        confirmation,
        {
            "id": _ID,
            "name": "joining",
            "target": "cooks@lists.example.org",
            "correspondent": _ID,
            "digest": _ID,
            "asked_at": FakeClock().now(),
            "envelope": "{}",
            "octets": b"",
        },
        "expires_at",
        timedelta(0),
    ),
    "failures": (failure, {"key": _ID, "count": 1}, "at", AGES.settled),
    "automatic mails": (automatic, {"recipient": _ID}, "at", AUTOMATIC_AGE),
}


@pytest.fixture(params=["sqlite", "postgresql on the loop", "mariadb"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with database_of(request.param, request, tmp_path) as database:
        yield Rig(database, FakeClock())


async def forget_old(rig: Rig) -> int:
    return await SqlRetention(rig.database, AGES).forget_old(rig.clock.now())


async def add(database: Database, table: Table, *rows: Mapping[str, Any]) -> None:
    await database.transaction(lambda connection: connection.execute(insert(table), list(rows)).rowcount)


@pytest.mark.parametrize("what", ROWS)
async def test_what_is_old_goes_and_not_a_second_before(rig: Rig, what: str) -> None:
    table, row, column, age = ROWS[what]
    await add(rig.database, table, {**row, column: rig.clock.now()})
    rig.clock.advance(age.total_seconds() - 1)
    assert await forget_old(rig) == 0
    rig.clock.advance(1)
    assert await forget_old(rig) == 1
    assert await forget_old(rig) == 0


async def test_dead_letters_go_with_their_octets_and_waiting_mail_never(rig: Rig) -> None:
    await rig.has(conversation="c1")
    await rig.has(conversation="c2")
    rig.clock.advance(AGES.dead_letters.total_seconds())
    dead, waiting = await rig.claim()
    await rig.settle(dead, {"bob@example.net": NO_SUCH_USER})
    await rig.settle(waiting, {"bob@example.net": GREYLISTED})
    rig.clock.advance(AGES.dead_letters.total_seconds() - 1)
    assert await forget_old(rig) == 0
    rig.clock.advance(1)
    assert await forget_old(rig) == 1
    backlog = await rig.outbox.backlog(rig.clock.now())
    assert (backlog.pending, backlog.dead) == (1, 0) and backlog != Backlog()
    assert await rig.contents() == 1


async def test_much_goes_a_little_at_a_time_and_several_may_sweep(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 10)
    await add(rig.database, automatic, *({"recipient": _ID, "at": rig.clock.now()} for _ in range(95)))
    rig.clock.advance(AUTOMATIC_AGE.total_seconds())
    gone = await asyncio.gather(*(forget_old(rig) for _ in range(3)))
    # One may find all that is left locked by the others, and go: they finish it.
    assert sum(gone) == 95
    left = select(func.count(automatic.c.id))
    assert await rig.database.transaction(lambda connection: connection.execute(left).scalar_one()) == 0


async def test_conversations_are_counted_by_machine_and_state(rig: Rig) -> None:
    states = ["POSTING", "POSTING", "PENDING"]
    rows = [
        {**_SHOWN, "id": f"{n}", "state": state, "moved_at": rig.clock.now()}
        for n, state in enumerate(states)
    ]
    await add(rig.database, conversation, *rows)
    counts = await SqlRetention(rig.database, AGES).counts()
    assert counts == {("app.lists", "POSTING"): 2, ("app.lists", "PENDING"): 1}
