"""What handlers leave behind when their mail has been answered, and what other mail sees of it.

Each test has a real database: SQLite in a folder of its own, whose one writer everybody wants.
"""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from lamsonproxy.errors import AppError
from lamsonproxy.mail.conversation import Asked, Work
from lamsonproxy.mail.verdict import Consume
from lamsonproxy.runner import Runner
from tests.door_rig import until
from tests.engine_rig import BARE, on, state
from tests.unit.test_conversing import TAKEN, Build, World, note, to, world

__all__ = ["world"]

LIMIT_S = 60.0


async def is_free(w: World) -> None:
    """Somebody else gets the database. Raises StoreError when it is held."""
    await w.rig.conversations.failed("key", w.clock.now())


@pytest.mark.fault("H3")
async def test_a_handler_at_rcpt_that_overran_cannot_begin_a_transaction_afterwards(world: Build) -> None:
    go_on = threading.Event()
    said: list[BaseException] = []

    def checking(subject: Any) -> None:
        go_on.wait(LIMIT_S)
        try:
            subject.db.execute(text("INSERT INTO note VALUES ('late')"))
        except AppError as error:
            said.append(error)

    w = world(replace(on(".+", checking), phase="rcpt"))
    assert (await w.rig.engine.ask_gate(to("a"), replace(BARE, rcpt_timeout_s=0.1))).code == 451
    go_on.set()
    await until(lambda: bool(said))
    await is_free(w)
    assert not w.notes


@pytest.mark.fault("H3")
async def test_a_thread_of_a_handlers_own_that_waits_for_the_database_gets_none_after_the_answer(
    world: Build,
) -> None:
    said: list[BaseException] = []
    waits = threading.Event()

    def handler(mail: Any) -> Consume:
        def later(db: Any) -> None:
            waits.set()
            try:
                db.execute(text("INSERT INTO note VALUES ('late')"))
            except AppError as error:
                said.append(error)

        threading.Thread(target=later, args=(mail.db,), daemon=True).start()
        return Consume()

    w = world(on("a@.+", handler))
    other = await w.database.turns.take((), wait_s=1)
    assert await w.settle(to("a")) == TAKEN
    await until(waits.is_set)
    await other.aclose()
    await until(lambda: bool(said))
    await is_free(w)
    assert not w.notes


@pytest.mark.fault("H3")
async def test_what_is_kept_of_a_session_is_refused_as_soon_as_the_unit_is_written(world: Build) -> None:
    # A statement that failed while the mail is relayed would make a rollback of PostgreSQL's COMMIT, in silence.
    w = world()
    unit = w.rig.conversations.unit(Asked("TRACE", w.clock.now()))
    await unit.begin(until=w.clock.monotonic() + 1)
    db = unit.db
    await asyncio.to_thread(db.execute, text("INSERT INTO note VALUES ('in time')"))
    await unit.write(Work())
    with pytest.raises(AppError, match=r"mail\.db is over"):
        await asyncio.to_thread(db.execute, text("INSERT INTO no_such_table VALUES (1)"))
    await unit.commit()
    assert w.notes == ["in time"]


@pytest.mark.fault("H2")
async def test_an_async_handler_among_def_ones_is_told_that_its_session_would_hold_up_the_loop(
    world: Build,
) -> None:
    async def handler(mail: Any) -> None:
        mail.db.execute(text("INSERT INTO note VALUES ('x')"))

    w = world(on("a@.+", handler))
    assert (await w.settle(to("a"))).startswith("451 ")
    assert "no `async def` state functions" in str(w.rig.log.named("handler_failed")[0]["error"])
    await is_free(w)


@pytest.mark.fault("B2")
async def test_who_has_the_database_needs_no_thread_of_those_who_wait_for_it(world: Build) -> None:
    w = world(state("list@.+", note("state")), on("a@.+", note("no state")), runner=Runner(2))
    # Each of the latter takes a thread and then waits for the one writer, which one of the former may be by then.
    mails = [to(recipient) for recipient in ("list", "a", "a", "a") * 5]
    replies = await asyncio.gather(*(w.rig.engine.settle(one, BARE) for one in mails))
    assert all(reply.is_positive for reply in replies) and len(w.notes) == 20


@pytest.mark.fault("H3")
async def test_a_worker_whose_database_a_stuck_handler_holds_is_used_up(world: Build) -> None:
    go_on = threading.Event()

    def stuck(mail: Any) -> None:
        note("never")(mail)
        go_on.wait(LIMIT_S)

    w = world(state("list@.+", stuck))
    w.database.settings = replace(w.database.settings, lock_wait_s=0.1)
    assert (await w.settle(to("list"), replace(BARE, deadline_s=0.5))).startswith("451 ")
    await until(lambda: w.database.is_used_up)
    go_on.set()
    await until(lambda: not w.database.is_used_up)
    await is_free(w)


@pytest.mark.fault("H3")
async def test_a_stuck_handler_without_a_transaction_uses_up_no_database(world: Build) -> None:
    go_on = threading.Event()

    def stuck(subject: Any) -> None:
        go_on.wait(LIMIT_S)

    w = world(replace(on(".+", stuck), phase="rcpt"))
    w.database.settings = replace(w.database.settings, lock_wait_s=0.0)
    await w.rig.engine.ask_gate(to("a"), replace(BARE, rcpt_timeout_s=0.1))
    assert w.rig.runner.stuck == 1 and not w.database.is_used_up
    go_on.set()
    await until(lambda: w.database.stuck == 0)


@pytest.mark.fault("B2")
@pytest.mark.parametrize("recipients", [("a",), ("a", "b")], ids=["one copy", "copies that differ"])
async def test_nobody_holds_a_connection_to_downstream_while_it_waits_for_the_database(
    world: Build, recipients: tuple[str, ...]
) -> None:
    def sending(mail: Any) -> None:
        mail.headers.add("X-For", mail.recipient.local)
        mail.send(to="bob@example.org", from_="a@example.org", text="Soup")

    w = world(on(".+", sending))
    w.database.settings = replace(w.database.settings, lock_wait_s=0.1)
    # Somebody who has the database may be waiting for just that connection.
    other = await w.database.turns.take((), wait_s=1)
    assert (await w.settle(to(*recipients))).startswith("451 ")
    assert not w.rig.downstream.undone
    await other.aclose()
    assert (await w.settle(to(*recipients))).startswith("250 ")


@pytest.mark.fault("B2")
async def test_a_mail_that_had_little_time_leaves_the_next_one_its_own(world: Build) -> None:
    w = world()
    unit = w.rig.conversations.unit(Asked("TRACE", w.clock.now()))
    await unit.begin(until=w.clock.monotonic() + 0.005)
    await unit.rollback()
    limit = await w.database.transaction(lambda c: c.exec_driver_sql("PRAGMA busy_timeout").scalar_one())
    assert limit == w.database.settings.lock_wait_s * 1000
