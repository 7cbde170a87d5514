"""What a database does to those who rely on it: away, locked, dead-locked, cut off in its commit."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from lamsonproxy.errors import ConflictError, StoreError
from lamsonproxy.mail.conversation import START, Standing, Work
from lamsonproxy.ports import Unit
from lamsonproxy.state import writing
from lamsonproxy.state.engines import make_engine
from lamsonproxy.state.rows import settled_row
from lamsonproxy.state.tables import settled
from tests.contract.stores import ALICE, BOB, OK, Sql, mail, sql_store, step
from tests.postgres import PASSWORD, Cluster, running

KINDS = {"threads": False, "loop": True}


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, postgresql: Cluster) -> AsyncIterator[Sql]:
    with postgresql.database() as url:
        async with sql_store(url, is_async=KINDS[request.param]) as store:
            yield store


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """One that may be stopped."""
    with running() as cluster:
        yield cluster


def terminate(store: Sql, *, of: str = "%") -> None:
    """End every session of this database but the one that says so, as an administrator would."""
    url = store.database.settings.url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s",
            (of,),
        )


async def again(store: Sql) -> None:
    """A unit, done again once as the engine does it."""
    for attempt in range(2):
        try:
            return await store.does(Work((step(ALICE, "A"),), settled={"k": OK}), ALICE)
        except ConflictError:
            if attempt:
                raise


@pytest.mark.fault("B1")
@pytest.mark.parametrize("is_async", KINDS.values(), ids=KINDS)
async def test_a_database_that_is_away_is_451_and_used_again_when_it_is_back(
    own_cluster: Cluster, is_async: bool
) -> None:
    with own_cluster.database() as url:
        async with sql_store(url, is_async=is_async) as store:
            unit = await store.begun(BOB)
            await asyncio.to_thread(own_cluster.stop)
            with pytest.raises(StoreError):
                await unit.write(Work((step(BOB, "A"),)))
            await unit.rollback()
            # More often than there are connections: none may be lost to a failure.
            for _ in range(30):
                with pytest.raises(StoreError) as raised:
                    await store.begun(ALICE)
            assert PASSWORD not in str(raised.value)
            await asyncio.to_thread(own_cluster.start)
            await again(store)
            assert (await store.state(ALICE), await store.state(BOB)) == ("A", START)


@pytest.mark.fault("B1")
async def test_a_session_that_is_killed_in_its_transaction_has_done_nothing(store: Sql) -> None:
    for is_written in (False, True):
        unit = await store.begun(ALICE)
        if is_written:
            await unit.write(Work((step(ALICE, "A"),), outgoing=(mail(),)))
        await asyncio.to_thread(terminate, store)
        with pytest.raises(StoreError):
            await unit.write(Work((step(ALICE, "B"),)))
        assert unit.has_conflict
        await unit.rollback()
    await again(store)
    assert (await store.state(ALICE), await store.outgoing()) == ("A", [])


@pytest.mark.fault("B2")
async def test_a_locked_table_is_waited_for_and_the_loop_goes_on(store: Sql) -> None:
    holder = await psycopg.AsyncConnection.connect(store.database.settings.url.replace("+psycopg", ""))
    await holder.execute("LOCK TABLE lamson_conversation")
    unit = store.conversations.unit(store.asked(ALICE))
    beginning = asyncio.ensure_future(unit.begin(until=store.clock.monotonic() + 0.5))
    turns = 0
    while not beginning.done():
        await asyncio.sleep(0.01)  # its end is the unit's own limit
        turns += 1
    with pytest.raises(StoreError, match="held a lock for too long"):
        await beginning
    assert turns > 10
    await unit.rollback()
    await holder.close()
    await again(store)


@pytest.mark.fault("B2")
@pytest.mark.parametrize("is_async", KINDS.values(), ids=KINDS)
async def test_a_database_that_somebody_holds_exclusively_is_waited_for_until_the_time_is_over(
    tmp_path: Path, is_async: bool
) -> None:
    async with sql_store(f"sqlite:///{tmp_path}/lamson.db", is_async=is_async) as store:
        holder = sqlite3.connect(tmp_path / "lamson.db", isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        unit = store.conversations.unit(store.asked(ALICE))
        with pytest.raises(StoreError, match="held a lock for too long"):
            await unit.begin(until=store.clock.monotonic() + 0.3)
        await unit.rollback()
        holder.close()
        await again(store)


@pytest.mark.fault("B3")
async def test_of_two_that_lock_crosswise_one_is_told_to_begin_again(store: Sql) -> None:
    def makes(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE counter (name text PRIMARY KEY, n integer NOT NULL)")
        connection.exec_driver_sql("INSERT INTO counter VALUES ('a', 0), ('b', 0)")

    def counts(name: str) -> Any:
        return lambda db: (
            db.execute(text("UPDATE counter SET n = n + 1 WHERE name = :name"), {"name": name}).rowcount
        )

    await store.reads(makes)
    first, second = await store.begun(ALICE), await store.begun(BOB)
    await store.in_handler(counts("a"), first)
    await store.in_handler(counts("b"), second)
    crossed = await asyncio.gather(
        store.in_handler(counts("b"), first), store.in_handler(counts("a"), second), return_exceptions=True
    )
    assert sum(isinstance(result, DBAPIError) for result in crossed) == 1
    # Whatever the handler made of it: the unit knows.
    assert sorted((first.has_conflict, second.has_conflict)) == [False, True]
    await _ends(first)
    await _ends(second)
    values = await store.reads(lambda c: c.execute(text("SELECT n FROM counter")).scalars().all())
    assert values == [1, 1]


async def _ends(unit: Unit) -> None:
    if unit.has_conflict:
        with pytest.raises(StoreError):
            await unit.write(Work())
        await unit.rollback()
    else:
        await unit.write(Work())
        await unit.commit()


@pytest.mark.fault("B3")
@pytest.mark.parametrize(
    ("sqlstate", "is_conflict"), [("40001", True), ("40P01", True), ("55P03", False), ("22012", False)]
)
async def test_what_is_worth_doing_again_is_known_by_its_code(
    store: Sql, sqlstate: str, is_conflict: bool
) -> None:
    def fails(db: Session) -> None:
        db.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$"))

    unit = await store.begun(ALICE)
    with pytest.raises(DBAPIError):
        await store.in_handler(fails, unit)
    assert unit.has_conflict == is_conflict
    await unit.rollback()


@pytest.mark.fault("B4")
async def test_a_commit_that_did_not_arrive_is_known_not_to_have_happened(
    store: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    await unit.write(Work((step(ALICE, "A"),), settled={"k": OK}))
    _cut(store, monkeypatch, is_after=False)
    with pytest.raises(StoreError):
        await unit.commit()
    await unit.rollback()
    monkeypatch.undo()
    assert await store.state(ALICE) == START
    await again(store)


@pytest.mark.fault("B4")
async def test_a_commit_whose_answer_was_lost_is_known_to_have_happened(
    store: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    await unit.write(Work((step(ALICE, "A"),), settled={"k": OK}))
    _cut(store, monkeypatch, is_after=True)
    looked_up: list[bool] = []

    def looks_up(*arguments: Any) -> bool:
        looked_up.append(was_committed(*arguments))
        return looked_up[-1]

    was_committed = writing.was_committed
    monkeypatch.setattr(writing, "was_committed", looks_up)
    await unit.commit()
    monkeypatch.undo()
    assert looked_up == [True]
    assert await store.state(ALICE) == "A"


@pytest.mark.fault("B4")
async def test_an_end_in_one_exchange_that_did_not_arrive_is_known_not_to_have_happened(
    store: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    put = writing.put

    def cut_and_put(*arguments: Any, **more: Any) -> None:
        terminate(store, of="%lamson_%")
        put(*arguments, **more)

    monkeypatch.setattr(writing, "put", cut_and_put)
    with pytest.raises(StoreError):
        await unit.settle(Work((step(ALICE, "A"),), settled={"k": OK}))
    await unit.rollback()
    monkeypatch.undo()
    assert await store.state(ALICE) == START
    await again(store)


async def test_what_the_database_refuses_within_one_exchange_is_told_and_nothing_of_it_has_happened(
    store: Sql,
) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    other = await store.begun(BOB, settled=("k",))
    await other.settle(Work((step(BOB, "B"),), settled={"k": OK}))
    with pytest.raises(ConflictError):
        await unit.settle(Work((step(ALICE, "A"),), settled={"k": OK}))
    await unit.rollback()
    assert (await store.state(ALICE), await store.state(BOB)) == (START, "B")


@pytest.mark.fault("B4")
async def test_a_commit_of_which_nobody_can_know_is_an_error(
    store: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = await store.begun(ALICE)
    await unit.write(Work((step(ALICE, "A"),)))
    _cut(store, monkeypatch, is_after=True)
    with pytest.raises(StoreError):
        await unit.commit()
    await unit.rollback()


def _cut(store: Sql, monkeypatch: pytest.MonkeyPatch, *, is_after: bool) -> None:
    """The server's end of the connection goes, before COMMIT is sent or after it was done."""
    dialect = store.database.engine.dialect
    amend, end = writing.amend, dialect.do_commit

    def cut_and_amend(*arguments: Any) -> None:
        terminate(store, of="%lamson_%")
        amend(*arguments)

    def end_and_cut(connection: Any) -> None:
        end(connection)
        terminate(store, of="COMMIT%")
        connection.cursor().execute("SELECT 1")

    if is_after:
        monkeypatch.setattr(dialect, "do_commit", end_and_cut)
    else:
        monkeypatch.setattr(writing, "amend", cut_and_amend)


@pytest.mark.fault("B4")
@pytest.mark.parametrize("is_committed", [True, False])
async def test_the_look_up_waits_for_a_commit_that_is_still_going_on(store: Sql, is_committed: bool) -> None:
    asked = store.asked(settled=("k",))
    engine = make_engine(store.database.settings, has_pool=False)
    with engine.connect() as ours, engine.connect() as looking:
        ours.execute(insert(settled), [settled_row("k", OK, asked.trace, asked.now)])
        waiting = asyncio.ensure_future(asyncio.to_thread(writing.was_committed, looking, asked, ("k",)))
        done, _ = await asyncio.wait((waiting,), timeout=0.3)
        assert not done
        await asyncio.to_thread(ours.commit if is_committed else ours.rollback)
        assert await waiting == is_committed


@pytest.mark.fault("B6")
async def test_a_state_that_no_code_knows_is_found_as_it_stands(store: Sql) -> None:
    await store.does(Work((step(ALICE, "A"),)), ALICE)
    sql = text("UPDATE lamson_conversation SET state = :odd, machine = '', key = ''")
    await store.reads(lambda c: c.execute(sql, {"odd": "GONE '\\x00" + "é" * 240}))
    unit = await store.begun(ALICE)
    assert unit.found is not None
    assert unit.found.standings == {ALICE: Standing("GONE '\\x00" + "é" * 240)}
    await unit.rollback()
