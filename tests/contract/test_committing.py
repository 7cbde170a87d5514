"""The commit of a unit, whatever a handler has done to the connection below his session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from lamsonproxy.errors import StoreError
from lamsonproxy.mail.conversation import START, Work
from lamsonproxy.ports import Unit
from tests.contract.stores import ALICE, BOB, OK, Sql, mail, sql_store, step
from tests.postgres import Cluster

KINDS = {"threads": False, "loop": True}
WORK = Work((step(ALICE, "A"),), outgoing=(mail(),), settled={"k": OK})


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, postgresql: Cluster) -> AsyncIterator[Sql]:
    with postgresql.database() as url:
        async with sql_store(url, is_async=KINDS[request.param]) as store:
            yield store


async def driver_of(store: Sql, unit: Unit) -> Any:
    """The driver's own connection, as a handler can get it from `mail.db`."""
    return await store.in_handler(lambda db: db.connection().connection.driver_connection, unit)


async def done(store: Sql, given: Any) -> Any:
    return await given if store.is_async else given


async def is_well(store: Sql) -> None:
    """Whoever has the connection next finds nothing of it."""
    await store.does(Work((step(BOB, "B"),), settled={"next": OK}), BOB, settled=("next",))
    assert await store.state(BOB) == "B"


@pytest.mark.fault("B4")
async def test_a_transaction_that_failed_after_it_was_written_is_not_said_to_be_committed(store: Sql) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    driver = await driver_of(store, unit)
    await unit.write(WORK)
    with pytest.raises(psycopg.Error):
        await done(store, driver.execute("SELECT 1/0"))
    with pytest.raises(StoreError, match="had failed before"):
        await unit.commit()
    await unit.rollback()
    assert (await store.state(ALICE), await store.outgoing()) == (START, [])
    await is_well(store)


@pytest.mark.fault("B4")
async def test_a_connection_that_is_closed_before_the_commit_is_a_failure_of_the_store(store: Sql) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    driver = await driver_of(store, unit)
    await unit.write(WORK)
    await done(store, driver.close())
    with pytest.raises(StoreError):
        await unit.commit()
    await unit.rollback()
    assert await store.state(ALICE) == START
    await is_well(store)


@pytest.mark.parametrize("is_settled", [True, False])
async def test_a_pipeline_that_a_handler_leaves_open_is_an_error_before_the_relay_and_nobody_elses(
    store: Sql, is_settled: bool
) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    pipeline = (await driver_of(store, unit)).pipeline()
    await done(store, pipeline.__aenter__() if store.is_async else pipeline.__enter__())
    with pytest.raises(StoreError, match="has changed the connection"):
        await (unit.settle(WORK) if is_settled else unit.write(WORK))
    await unit.rollback()
    # Here, and not when it is collected: that can be in the middle of another test.
    with suppress(psycopg.Error):
        leave = pipeline.__aexit__ if store.is_async else pipeline.__exit__
        await done(store, leave(None, None, None))
    assert await store.state(ALICE) == START
    await is_well(store)


async def test_a_connection_that_a_handler_made_commit_everything_at_once_is_nobody_elses(store: Sql) -> None:
    unit = await store.begun(ALICE, settled=("k",))
    driver = await driver_of(store, unit)
    await done(store, driver.rollback())
    await (driver.set_autocommit(True) if store.is_async else asyncio.to_thread(driver.set_autocommit, True))
    with pytest.raises(StoreError):
        await unit.settle(WORK)
    await unit.rollback()
    unit = await store.begun(BOB, settled=("k",))
    await unit.write(Work((step(BOB, "B"),), settled={"k": OK}))
    await unit.rollback()
    assert await store.state(BOB) == START


@pytest.mark.fault("B4")
@pytest.mark.parametrize("keys", [("k",), ()])
async def test_what_fails_behind_an_answered_commit_is_looked_up(
    store: Sql, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    leave = psycopg.Pipeline._exit

    def fails(pipeline: Any, error: BaseException | None) -> None:
        leave(pipeline, error)
        raise psycopg.OperationalError("cannot exit pipeline mode")

    unit = await store.begun(ALICE, settled=keys)
    monkeypatch.setattr("psycopg._pipeline_base.BasePipeline._exit", fails)
    if keys:
        await unit.settle(WORK)
    else:
        with pytest.raises(StoreError):
            await unit.settle(Work(WORK.moves))
        await unit.rollback()
    monkeypatch.undo()
    assert await store.state(ALICE) == "A"
    await is_well(store)
