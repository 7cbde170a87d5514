"""What people who know Lamson expect while mail comes: the other half of docs/coming-from-lamson.md's items, with whole
applications. The first half is tests/unit/app/test_lamson.py."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy import App
from lamsonproxy.config import Settings
from lamsonproxy.state.tables import conversation
from lamsonproxy.testing.world import World
from tests.unit.app.conftest import Write, write

__all__ = ["write"]

ALICE = "alice@example.com"

LISTS = """
    import elsewhere

    @route("(word)@lists", word=".+")
    def START(mail, word):
        if word == "call":
            return POSTING(mail, word)
        if word == "raise":
            raise KeyError(word)
        return elsewhere.START if word == "back" else POSTING

    @route_like(START)
    def POSTING(mail, word):
        return {"leave": START, "bounce": elsewhere.BOUNCING, "call": READING}.get(word)

    @route_like(START)
    def READING(mail, word): ...
    """
ELSEWHERE = """
    @route("(word)@elsewhere", word=".+")
    def START(mail, word): ...

    @route_like(START)
    def BOUNCING(mail, word): ...
    """


Build = Callable[..., World]


@pytest.fixture
def build(write: Write, tmp_path: Path) -> Iterator[Build]:
    """A world with these modules; settings of its door, if any."""
    with ExitStack() as stack:

        def built(door: dict[str, Any] | None = None, **modules: str) -> World:
            for name, source in modules.items():
                write(name, source)
            doors = [{"kind": "filter", "listen": "127.0.0.1:10025", **(door or {})}]
            settings = Settings.model_validate({"hostname": "lamson.example", "door": doors})
            url = f"sqlite:///{tmp_path}/lamson.db"
            return stack.enter_context(World(App(*modules), settings, url, tmp_path))

        yield built


@pytest.fixture
def world(build: Build) -> World:
    return build(lists=LISTS, elsewhere=ELSEWHERE)


def test_2_1_7_recipients_are_handled_in_envelope_order(build: Build) -> None:
    source = """
        ran = []

        @route("(word)@x", word=".+")
        @stateless
        def note(mail, word):
            ran.append(word)
        """
    world = build(hands=source)
    world.send(ALICE, ["c@x", "a@x", "b@x"])
    assert import_module("hands").ran == ["c", "a", "b"]


@pytest.mark.parametrize(("unmatched", "reply"), [("accept", "250 "), ("reject", "550 5.1.1 ")])
def test_2_1_7_whom_nobody_matches_is_handed_on_or_refused(build: Build, unmatched: str, reply: str) -> None:
    world = build({"unmatched": unmatched}, lists=LISTS, elsewhere=ELSEWHERE)
    (said,) = world.send(ALICE, "bob@nowhere")
    assert str(said).startswith(reply)
    assert len(world.relayed) == (unmatched == "accept")


def test_2_2_1_everybody_begins_at_start_and_has_a_state_of_its_own(world: World) -> None:
    world.send(ALICE, "join@lists")
    assert world.state(ALICE, "lists") == "POSTING"
    assert world.state("Alice@EXAMPLE.com", "lists") == "POSTING"
    assert world.state("bob@example.com", "lists") == "START"


def test_2_2_1_a_bounce_is_from_whoever_stands_in_from(world: World) -> None:
    world.send("", "join@lists", shown_from="MAILER-DAEMON@mx.example.net")
    assert world.state("mailer-daemon@mx.example.net", "lists") == "POSTING"


def test_2_2_2_a_returned_function_of_another_module_moves_that_machine_alone(world: World) -> None:
    for word in ("join", "bounce"):
        world.send(ALICE, f"{word}@lists")
    assert world.state(ALICE, "elsewhere") == "BOUNCING"
    assert world.state(ALICE, "lists") == "POSTING"


def test_2_2_2_a_called_state_function_goes_on_at_once(world: World) -> None:
    world.send(ALICE, "call@lists")
    assert world.state(ALICE, "lists") == "READING"


def test_2_2_2_none_stays(world: World) -> None:
    for word in ("join", "post"):
        world.send(ALICE, f"{word}@lists")
    assert world.state(ALICE, "lists") == "POSTING"


def test_2_2_3_who_goes_back_to_start_is_forgotten(world: World) -> None:
    for word in ("join", "leave"):
        world.send(ALICE, f"{word}@lists")
    with world.db() as session:
        assert session.query(conversation).count() == 0


def test_2_2_3_another_machine_can_be_sent_back_to_start(world: World) -> None:
    for word in ("join", "bounce", "leave", "back"):
        world.send(ALICE, f"{word}@lists")
    assert world.state(ALICE, "elsewhere") == "START"


def test_2_2_4_after_an_exception_nothing_has_moved(world: World) -> None:
    world.correspondent(ALICE).says("Let me in", to="raise@lists").is_deferred()
    assert world.state(ALICE, "lists") == "START"


def test_2_2_5_a_handler_that_raises_is_451_and_its_mail_tells_nothing(world: World) -> None:
    (said,) = world.send(ALICE, "raise@lists")
    assert said.code == 451
    assert "KeyError" not in str(said)
