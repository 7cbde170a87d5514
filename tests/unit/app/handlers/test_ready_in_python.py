"""Ready handlers over a route in Python, alone and beside the `[[route]]` tables."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from lamsonproxy import App, AppError
from lamsonproxy.app.handlers import (
    add_header,
    archive,
    footer,
    greylist,
    quarantine_if,
    redirect,
    strip_attachments,
    tag_subject,
    vacation,
)
from lamsonproxy.config import Settings
from lamsonproxy.config.routes import routes_of
from lamsonproxy.testing.world import World
from tests.databases import DATABASES, new_database

ALICE, BOB = "alice@example.com", "bob@example.org"
DATABASE = "sqlite:///here.db"
REMEMBERING = """
    from lamsonproxy import route
    from lamsonproxy.app.handlers import greylist, vacation

    @route(".+@nowhere")
    {kind} START(mail): ...

    guard = route("bob@.+", phase="rcpt")(greylist())
    away = route("bob@.+")(vacation(text="I am away."))
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Write the module `ready_hands`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def write_module(source: str) -> None:
        (tmp_path / "ready_hands.py").write_text(dedent(source))

    yield write_module
    sys.modules.pop("ready_hands", None)


def test_a_configured_handler_is_a_handler_by_the_name_it_is_bound_to(write: Callable[[str], None]) -> None:
    write("""
        from lamsonproxy import route
        from lamsonproxy.app.handlers import footer, tag_subject

        stamp = route(r"(list_name)@example\\.org")(footer(text="-- The cooks"))
        tag = route(".+", on_error="accept")(tag_subject(tag="[x]"))
    """)
    routes = App("ready_hands", captures={"list_name": "[a-z]+"}).load()
    assert [(route.name, route.machine, route.on_error) for route in routes] == [
        ("ready_hands.stamp", "", None),
        ("ready_hands.tag", "", "accept"),
    ]
    assert [match.route.name for match in routes.matches("cooks@example.org")] == [
        "ready_hands.stamp",
        "ready_hands.tag",
    ]


def test_the_tables_of_lamson_toml_come_first(write: Callable[[str], None]) -> None:
    write("""
        from lamsonproxy import route
        from lamsonproxy.app.handlers import forward, log

        pass_on = route(".+")(forward())
    """)
    settings = Settings.model_validate(
        {"route": [{"match": "bob@.+", "handler": "log"}, {"match": "bob@.+", "handler": "log"}]}
    )
    assert [route.name for route in routes_of(settings, App("ready_hands"))] == [
        "route[0].log",
        "route[1].log",
        "ready_hands.pass_on",
    ]


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_what_remembers_works_in_applications_of_both_kinds_on_every_database(
    kind: str, database: str, write: Callable[[str], None], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    write(REMEMBERING.format(kind=kind))
    settings = Settings(hostname="mail.example.org", database=DATABASE)
    with (
        new_database(database, request, tmp_path) as url,
        World(App("ready_hands"), settings, url, tmp_path) as world,
    ):
        alice = world.correspondent(ALICE)
        alice.says("Soup?", to=BOB).is_deferred("Greylisted")
        world.later(days=3)
        alice.says("Soup?", to=BOB).is_deferred("Greylisted")
        world.later(minutes=10)
        alice.says("Soup?", to=BOB).hears("I am away")
        alice.says("Soup?", to=BOB).hears_nothing()
        assert len(world.relayed) == 2


def test_what_remembers_needs_a_database(write: Callable[[str], None]) -> None:
    write("""
        from lamsonproxy import route
        from lamsonproxy.app.handlers import greylist

        guard = route("bob@.+", phase="rcpt")(greylist())
    """)
    with pytest.raises(AppError, match=r"^ready_hands\.guard needs a database"):
        routes_of(Settings(), App("ready_hands"))


def test_a_greylist_that_is_asked_with_the_message_is_an_error_of_its_author(
    write: Callable[[str], None], lamson_database: str, tmp_path: Path
) -> None:
    write("""
        from lamsonproxy import route
        from lamsonproxy.app.handlers import greylist

        guard = route(".+")(greylist())
    """)
    settings = Settings(hostname="mail.example.org", database=DATABASE)
    with World(App("ready_hands"), settings, lamson_database, tmp_path) as world:
        (reply,) = world.send(ALICE, BOB, text="Soup?")
        assert reply.code == 451
        assert 'route(..., phase="rcpt")' in "".join(world.recent_log)


@pytest.mark.parametrize(
    ("make", "options", "sentence"),
    [
        (add_header, {"name": "X Y", "value": "1"}, "name is printable ASCII"),
        (add_header, {"name": "X", "value": "1\r\nBcc: x"}, "CR"),
        (tag_subject, {"tag": ""}, "tag_subject needs tag"),
        (tag_subject, {"tag": " "}, "a tag is not empty"),
        (tag_subject, {"tag": " [x]"}, "no blanks around it"),
        (tag_subject, {"tag": "x" * 3000}, "at most"),
        (footer, {}, "footer needs text or text_file"),
        (footer, {"text": " \n"}, "footer needs text or text_file"),
        (footer, {"text": "a", "text_file": "b"}, "both given"),
        (footer, {"text_file": "/nowhere/at/all"}, "No such file"),
        (footer, {"text": "\0"}, "NUL"),
        (strip_attachments, {"names": ()}, "needs names"),
        (strip_attachments, {"names": ["", ""]}, "needs names"),
        (strip_attachments, {"names": "*.exe", "note": "\ud800"}, "lone surrogate"),
        (quarantine_if, {}, "needs attachments or header or larger_than"),
        (quarantine_if, {"header": "X", "matches": "("}, "no regular expression"),
        (quarantine_if, {"header": "X", "matches": r"(\w+\.?)+@"}, "back-track"),
        (quarantine_if, {"attachments": "*", "matches": "x"}, "no header is given"),
        (quarantine_if, {"header": "X-Flag:"}, "name is printable ASCII"),
        (quarantine_if, {"larger_than": -1}, "not below 0"),
        (redirect, {"to": "two words"}, "not an envelope address"),
        (archive, {"folder": ""}, "archive needs folder"),
        (vacation, {"text": "a", "days": 0}, "above 0"),
        (vacation, {"text": "a", "days": float("inf")}, "at most"),
        (vacation, {"text": "a", "days": float("nan")}, "above 0"),
        (vacation, {"text": "a", "days": 1e15}, "at most"),
        (vacation, {"text": " "}, "vacation needs text"),
        (vacation, {"text": "\ud800"}, "lone surrogate"),
        (vacation, {"text": "a", "subject": "a\nb"}, "subject is one line"),
        (vacation, {"text": "a", "addresses": "two words"}, "not an envelope address"),
        (greylist, {"delay_s": 86400, "retry_days": 1}, "delay_s < retry_days"),
        (greylist, {"delay_s": float("nan")}, "delay_s < retry_days"),
        (greylist, {"retry_days": float("inf")}, "retry_days is"),
        (greylist, {"keep_days": 1e15}, "keep_days is"),
    ],
)
def test_what_is_wrong_with_options_is_told_when_the_handler_is_made(
    make: Callable[..., Any], options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(AppError) as told:
        make(**options)
    assert sentence in str(told.value)
    assert str(told.value).endswith(".")
