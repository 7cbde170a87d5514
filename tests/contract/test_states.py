"""What `lamson states` does in each database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, insert, select

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Timer
from lamsonproxy.state import admin
from lamsonproxy.state.engines import DatabaseSettings, make_engine
from lamsonproxy.state.renaming import BATCH, Renamed, rename
from lamsonproxy.state.rows import conversation_row, timer_of, timer_row
from lamsonproxy.state.tables import content, conversation, metadata, outbox, timer
from tests.databases import DATABASES, empty_database

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ALICE = "alice@example.com"
COOKS = ConversationKey("lists", "cooks", ALICE)


class Rig:
    """A database, and whoever is put into it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    def stands(self, key: ConversationKey, state: str) -> None:
        with self.begin() as connection:
            connection.execute(insert(conversation), conversation_row(key, NOW) | {"state": state})

    def waits(self, wait: Timer) -> None:
        with self.begin() as connection:
            connection.execute(insert(timer), timer_row(wait))

    def timers(self) -> list[Timer]:
        with self.begin() as connection:
            return [timer_of(row) for row in connection.execute(select(timer).order_by(timer.c.due_at))]

    def stood(self, correspondent: str = ALICE) -> list[tuple[str, str, str]]:
        with self.begin() as connection:
            return [(s.machine, s.key, s.state) for s in admin.conversations_of(connection, correspondent)]

    def steps(self, correspondent: str = ALICE) -> list[tuple[str, str, str, str]]:
        with self.begin() as connection:
            found = admin.history_of(connection, correspondent)
        return [(step.machine, step.old, step.new, step.route) for step in found]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, request, tmp_path) as url:
        yield url


@pytest.fixture
def rig(url: str) -> Iterator[Rig]:
    engine = make_engine(DatabaseSettings(url, connections=1, lock_wait_s=5))
    with engine.begin() as connection:
        metadata.create_all(connection)
    yield Rig(engine)
    engine.dispose()


def _timer(key: ConversationKey, state: str, to: str) -> Timer:
    return Timer(key, state, to, LATER, Address("cooks@x"), {"list_name": "cooks"})


def test_people_are_counted_by_machine_and_state(rig: Rig) -> None:
    rig.stands(COOKS, "POSTING")
    rig.stands(ConversationKey("lists", "bakers", ALICE), "POSTING")
    rig.stands(ConversationKey("lists", "bakers", "bob@x"), "CONFIRMING")
    rig.stands(ConversationKey("lists", "cooks", "carol@x"), "START")
    with rig.begin() as connection:
        assert admin.people(connection) == {("lists", "POSTING"): 2, ("lists", "CONFIRMING"): 1}


def test_states_that_differ_in_case_alone_are_two(rig: Rig) -> None:
    rig.stands(COOKS, "POSTING")
    rig.stands(ConversationKey("lists", "bakers", ALICE), "Posting")
    rig.stands(ConversationKey("lists", "smiths", ALICE), "POSTİNG")
    with rig.begin() as connection:
        found = admin.people(connection)
    assert found == {("lists", state): 1 for state in ("POSTING", "Posting", "POSTİNG")}


def test_a_conversation_is_moved_with_a_step_in_its_history_and_without_its_timer(rig: Rig) -> None:
    rig.stands(COOKS, "CONFIRMING")
    rig.waits(_timer(COOKS, "CONFIRMING", "EXPIRED"))
    with rig.begin() as connection:
        assert admin.move(connection, COOKS.id, "CONFIRMING", "POSTING", LATER)
    assert rig.stood() == [("lists", "cooks", "POSTING")]
    assert rig.steps() == [("lists", "CONFIRMING", "POSTING", "operator")]
    assert rig.timers() == []


def test_a_conversation_that_is_moved_to_start_is_forgotten(rig: Rig) -> None:
    rig.stands(COOKS, "POSTING")
    with rig.begin() as connection:
        assert admin.move(connection, COOKS.id, "POSTING", "START", LATER)
    with rig.begin() as connection:
        assert connection.execute(select(conversation)).all() == []
    assert rig.steps() == [("lists", "POSTING", "START", "operator")]


def test_a_conversation_that_a_mail_has_moved_meanwhile_is_left_alone(rig: Rig) -> None:
    rig.stands(COOKS, "POSTING")
    with rig.begin() as connection:
        assert not admin.move(connection, COOKS.id, "CONFIRMING", "START", LATER)
        assert not admin.move(connection, "no such id", "CONFIRMING", "START", LATER)
        assert not admin.begin(connection, COOKS, "CONFIRMING", LATER)
    assert rig.stood() == [("lists", "cooks", "POSTING")]
    assert rig.steps() == []


def test_somebody_at_start_can_be_put_into_a_state(rig: Rig) -> None:
    with rig.begin() as connection:
        assert admin.begin(connection, COOKS, "POSTING", LATER)
    assert rig.stood() == [("lists", "cooks", "POSTING")]
    assert rig.steps() == [("lists", "START", "POSTING", "operator")]


def test_a_long_history_shows_its_last_steps_oldest_first(rig: Rig) -> None:
    rig.stands(COOKS, "S0")
    for n in range(5):
        with rig.begin() as connection:
            admin.move(connection, COOKS.id, f"S{n}", f"S{n + 1}", LATER)
    with rig.begin() as connection:
        assert [step.new for step in admin.history_of(connection, ALICE, 2)] == ["S4", "S5"]


def test_a_renamed_state_takes_everybody_along_with_their_timers(rig: Rig) -> None:
    people = [ConversationKey("lists", "cooks", f"p{n}@x") for n in range(BATCH + 1)]
    for key in people:
        rig.stands(key, "POSTING")
    rig.stands(COOKS, "CONFIRMING")
    rig.waits(_timer(people[0], "POSTING", "EXPIRED"))
    rig.waits(replace(_timer(COOKS, "CONFIRMING", "POSTING"), due_at=LATER + timedelta(days=1)))
    with rig.begin() as connection:
        assert rename(connection, ("lists", "POSTING"), ("lists", "READING"), LATER) == Renamed(
            len(people), 0
        )
    with rig.begin() as connection:
        assert admin.people(connection) == {("lists", "READING"): len(people), ("lists", "CONFIRMING"): 1}
    assert rig.steps("p7@x") == [("lists", "POSTING", "READING", "operator")]
    assert rig.steps() == []
    assert [(wait.state, wait.to) for wait in rig.timers()] == [
        ("READING", "EXPIRED"),
        ("CONFIRMING", "READING"),
    ]
    with rig.begin() as connection:
        assert rename(connection, ("lists", "POSTING"), ("lists", "READING"), LATER) == Renamed(0, 0)


def test_a_renamed_module_takes_everybody_along_under_new_ids(rig: Rig) -> None:
    rig.stands(COOKS, "POSTING")
    rig.waits(_timer(COOKS, "POSTING", "EXPIRED"))
    with rig.begin() as connection:
        text = connection.execute(insert(content), {"octets": b"x"}).inserted_primary_key
        row = {
            "content": text[0] if text else 0,
            "conversation": COOKS.id,
            "kind": "send",
            "envelope": "{}",
            "trace": "",
            "written_at": NOW,
            "due_at": NOW,
        }
        connection.execute(insert(outbox), row)
        assert rename(connection, ("lists", "POSTING"), ("app.lists", "READING"), LATER) == Renamed(1, 0)
    moved = ConversationKey("app.lists", "cooks", ALICE)
    assert rig.stood() == [("app.lists", "cooks", "READING")]
    assert rig.steps() == [("app.lists", "POSTING", "READING", "operator")]
    assert [(wait.conversation, wait.state) for wait in rig.timers()] == [(moved, "READING")]
    with rig.begin() as connection:
        assert connection.scalars(select(conversation.c.id)).all() == [moved.id]
        assert connection.scalars(select(outbox.c.conversation)).all() == [moved.id]


def test_who_cannot_be_taken_along_into_another_module_is_left_and_counted(rig: Rig) -> None:
    odd = ConversationKey("lists", "cooks", "x" * 1000)
    rig.stands(COOKS, "POSTING")
    rig.stands(ConversationKey("app.lists", "cooks", ALICE), "READING")
    rig.stands(odd, "POSTING")
    with rig.begin() as connection:
        assert rename(connection, ("lists", "POSTING"), ("app.lists", "READING"), LATER) == Renamed(0, 2)
    assert rig.stood() == [("app.lists", "cooks", "READING"), ("lists", "cooks", "POSTING")]
