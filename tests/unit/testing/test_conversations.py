"""The kit with an application that has state: `def` and `async def`, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import select

from lamsonproxy import App
from lamsonproxy.testing.correspondent import Correspondent
from lamsonproxy.testing.world import World
from tests.unit.testing.apps.guestbook import Said

ALICE = "alice@example.com"
BOOK = "guestbook@example.org"


@pytest.fixture(params=["guestbook", "async_guestbook"])
def book(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(f"tests.unit.testing.apps.{request.param}")


@pytest.fixture
def lamson_app(book: ModuleType) -> App:
    return App(book.__name__, captures={"host": r"example\.org"}, tables=book.Base)


@pytest.fixture(params=["sqlite", "postgresql"])
def lamson_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/lamson.db"
        return
    with request.getfixturevalue("postgresql").database() as url:
        yield url


@pytest.fixture
def alice(correspondent: Callable[[str], Correspondent]) -> Correspondent:
    return correspondent("Alice <alice@example.com>")


def said(world: World) -> list[tuple[str, str]]:
    with world.db() as db:
        return [(each.who, each.what) for each in db.scalars(select(Said).order_by(Said.id))]


def test_what_was_said_was_answered_moved_and_written(
    world: World, alice: Correspondent, book: ModuleType
) -> None:
    letter = alice.says("Hello", to=BOOK).hears("welcome")
    assert (letter.sender, letter.subject, letter.envelope_sender) == (BOOK, "Welcome", "")
    assert (letter.text.strip(), letter.html.strip()) == ("Thank you.", "<p>Thank <b>you</b>.")
    assert world.state(ALICE, book) == world.state(ALICE, book.START) == "KNOWN"
    assert said(world) == [(ALICE, "Hello")]


def test_a_handler_that_fails_moves_nothing_and_the_mail_comes_again(
    world: World, alice: Correspondent, book: ModuleType
) -> None:
    alice.says("Hello", to=BOOK).says("Let it burn", to=BOOK).is_deferred("4.3.0")
    assert said(world) == [(ALICE, "Hello")]
    assert world.state(ALICE, book) == "KNOWN"


def test_a_mail_comes_again_as_the_same_mail(world: World, alice: Correspondent) -> None:
    with pytest.raises(AssertionError, match="Nobody has written yet"):
        world.again()
    alice.says("Hello", to=BOOK).hears("welcome")
    assert list(world.again()) == alice.replies
    alice.hears_nothing()
    assert said(world) == [(ALICE, "Hello")]


def test_timers_run_when_they_are_due_and_not_when_somebody_looks(
    world: World, alice: Correspondent, book: ModuleType
) -> None:
    alice.says("Hello", to=BOOK).hears("welcome")
    world.later(days=1, hours=23)
    alice.hears_nothing()
    world.later(days=30)
    missed, parted = alice.hears("We miss you"), alice.hears("forget")
    alice.hears_nothing()
    days = [letter.headers.get("Date") for letter in (alice.letters[0], missed, parted)]
    assert len(set(days)) == 3
    assert world.state(ALICE, book) == "START"


def test_a_timer_that_fails_is_told(world: World) -> None:
    world.correspondent("mallory@example.com").says("Hello", to=BOOK)
    with pytest.raises(AssertionError, match=r"Something failed at (.|\n)*nobody takes leave of Mallory"):
        world.later(days=4)


def test_rows_can_be_put_in_and_who_looks_at_them_keeps_nobody_waiting(
    world: World, alice: Correspondent
) -> None:
    with world.db() as db:
        db.add(Said(who="bob@example.net", what="I was here first"))
        with pytest.raises(AssertionError, match=r"Leave `with world\.db\(\)`"):
            alice.says("Hello", to=BOOK)
    alice.says("Hello", to=BOOK)
    assert [who for who, _ in said(world)] == ["bob@example.net", ALICE]


def test_what_postfix_defers_leaves_later_and_what_it_refuses_never(
    world: World, alice: Correspondent
) -> None:
    world.downstream_says("450 4.2.1 Not now", to=ALICE)
    world.downstream_says("550 5.1.1 No such user", to="bob@example.net")
    world.correspondent("bob@example.net").says("Hello", to=BOOK)
    alice.says("Hello", to=BOOK).hears_nothing()
    world.downstream_says("250 2.1.5 Ok", to=ALICE)
    alice.hears_nothing()
    world.later(minutes=1)
    alice.hears("welcome")
    assert [letter.recipients for letter in world.sent] == [(ALICE,)]


async def test_a_world_can_be_used_where_a_loop_runs(alice: Correspondent) -> None:
    alice.says("Hello", to=BOOK).hears("welcome")


def test_a_state_is_asked_for_by_a_machine_that_there_is(world: World) -> None:
    with pytest.raises(AssertionError, match=r"There is no machine app\.nowhere; there are: tests\."):
        world.state(ALICE, "app.nowhere")
