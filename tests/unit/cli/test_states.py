"""`lamson states`, as an operator meets it."""

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from lamsonproxy.mail.conversation import ConversationKey
from lamsonproxy.state.engines import DatabaseSettings, make_engine
from lamsonproxy.state.rows import conversation_row
from lamsonproxy.state.tables import conversation, metadata
from tests.unit.app.conftest import Write, write

# typer imports from click what click 9 will have elsewhere, and says so at import.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from click.testing import Result
    from typer.testing import CliRunner

    from lamsonproxy.cli.commands import app

__all__ = ["write"]

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
ALICE = "alice@example.com"

LISTS = """
    STATE_KEY = ("list_name",)

    @route("(list_name)@x", list_name="[a-z]+")
    def START(mail, list_name):
        return POSTING

    @route_like(START)
    def POSTING(mail, list_name): ...
    """
DESK = '@route("help@y")\ndef START(mail):\n    return OPEN\n\n@route_like(START)\ndef OPEN(mail): ...\n'
TOML = """
app = "site.main:app"
[[door]]
kind = "lmtp"
listen = "127.0.0.1:10025"
"""

Lamson = Callable[..., Result]


@pytest.fixture
def lamson(write: Write, tmp_path: Path) -> Lamson:
    """A command in the folder of an application with two machines, without a database."""
    write("shop.lists", LISTS)
    write("shop.desk", DESK)
    write("shop.main", 'app = App("shop.lists", "shop.desk")\n')
    (tmp_path / "lamson.toml").write_text(TOML.replace("site.", "shop."))
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def stands(tmp_path: Path) -> Callable[[str, str, str], None]:
    """Put somebody into a state: machine, key, state."""
    engine = make_engine(DatabaseSettings(f"sqlite:///{tmp_path / 'var/lamson.db'}"), has_pool=False)
    with engine.begin() as connection:
        metadata.create_all(connection)

    def put(machine: str, key: str, state: str) -> None:
        row = conversation_row(ConversationKey(machine, key, ALICE), NOW) | {"state": state}
        with engine.begin() as connection:
            connection.execute(insert(conversation), row)

    return put


Stands = Callable[[str, str, str], None]


def told(result: Result) -> tuple[int, list[str]]:
    """The exit status, and what stands on standard output or, where that is empty, on standard error."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, [line.rstrip() for line in (result.stdout or result.stderr).splitlines()]


def test_states_are_listed_with_how_many_stand_there(lamson: Lamson, stands: Stands) -> None:
    stands("shop.lists", "cooks", "POSTING")
    stands("shop.lists", "bakers", "READING")
    assert told(lamson("states")) == (
        0,
        [
            "machine     state    conversations",
            "shop.lists  START    -",
            "shop.lists  POSTING  1",
            "shop.desk   START    -",
            "shop.desk   OPEN     0",
            "shop.lists  READING  1              is no state of the application",
        ],
    )


def test_states_are_listed_without_a_database_too(lamson: Lamson, tmp_path: Path) -> None:
    result = lamson("states", "list", "--json")
    assert result.exit_code == 0
    assert f"There is no database yet ({tmp_path}/var/lamson.db): `lamson run` makes it." in result.stderr
    assert json.loads(result.stdout)[1] == {
        "machine": "shop.lists",
        "state": "POSTING",
        "conversations": None,
        "is_known": True,
    }


@pytest.mark.parametrize(
    "words",
    [
        ("show", ALICE),
        ("move", ALICE, "desk.OPEN"),
        ("rename", "desk.OLD", "desk.OPEN"),
        ("diagram", "--counts"),
    ],
)
def test_what_needs_a_database_says_so_and_makes_none(
    lamson: Lamson, tmp_path: Path, words: tuple[str, ...]
) -> None:
    sentence = f"There is no database yet ({tmp_path}/var/lamson.db): `lamson run` makes it."
    assert told(lamson("states", *words)) == (1, [sentence])
    assert not (tmp_path / "var").exists()


def test_a_database_without_our_tables_is_told_from_one_with_them(lamson: Lamson, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/lamson.db").touch()
    sentence = "The database has no tables of lamsonproxy yet: `lamson run` makes them."
    assert told(lamson("states", "show", ALICE)) == (1, [sentence])


def test_a_correspondent_is_shown_by_any_spelling_of_the_address(lamson: Lamson, stands: Stands) -> None:
    stands("shop.lists", "cooks", "POSTING")
    assert told(lamson("states", "move", ALICE, "desk.OPEN"))[0] == 0
    status, lines = told(lamson("states", "show", "prvs=0123456789=Alice@EXAMPLE.com"))
    assert status == 0
    assert lines[0].startswith("alice@example.com is in shop.desk.OPEN since 20")
    assert lines[1].startswith("alice@example.com is in shop.lists.POSTING (cooks) since 2026-07-01 ")
    assert lines[3].split()[2:] == ["shop.desk", "START", "OPEN", "operator"]


def test_a_correspondent_is_shown_as_json(lamson: Lamson, stands: Stands) -> None:
    stands("shop.lists", "cooks", "POSTING")
    found = json.loads(lamson("states", "show", ALICE, "--json").stdout)
    assert (found["correspondent"], found["history"]) == (ALICE, [])
    assert [one["state"] for one in found["conversations"]] == ["POSTING"]


def test_who_is_not_known_is_at_start(lamson: Lamson, stands: Stands) -> None:
    assert told(lamson("states", "show", "bob@x")) == (0, ["bob@x is at START everywhere."])


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (
            ("lists.POSTING", "--key", "cooks"),
            0,
            "alice@example.com was in shop.lists.READING (cooks) and is in shop.lists.POSTING now.",
        ),
        (
            ("shop.lists.POSTING", "--key", "brewers"),
            0,
            "alice@example.com was in shop.lists.START (brewers) and is in shop.lists.POSTING now.",
        ),
        (
            ("lists.START",),
            1,
            "alice@example.com has 2 conversations with shop.lists: name one by --key, of 'bakers', 'cooks'.",
        ),
        (("lists.POSTING", "--key", "bakers"), 1, "alice@example.com is in shop.lists.POSTING already."),
        (
            ("lists.POSTNG", "--key", "bakers"),
            1,
            "There is no state lists.POSTNG; did you mean shop.lists.POSTING or shop.lists.START?",
        ),
        (("somewhere",), 1, "There is no state somewhere."),
    ],
)
def test_somebody_is_moved_or_it_is_said_why_not(
    lamson: Lamson, stands: Stands, words: tuple[str, ...], status: int, line: str
) -> None:
    stands("shop.lists", "cooks", "READING")
    stands("shop.lists", "bakers", "POSTING")
    assert told(lamson("states", "move", ALICE, *words)) == (status, [line])


def test_who_is_at_start_is_moved_where_it_is_known_which_conversation(
    lamson: Lamson, stands: Stands
) -> None:
    assert told(lamson("states", "move", ALICE, "lists.POSTING")) == (
        1,
        [
            "alice@example.com is at START in shop.lists, which tells conversations by STATE_KEY: name one by --key."
        ],
    )
    sentence = "alice@example.com was in shop.desk.START and is in shop.desk.OPEN now."
    assert told(lamson("states", "move", ALICE, "desk.OPEN")) == (0, [sentence])


def test_a_renamed_state_takes_its_people_along(lamson: Lamson, stands: Stands) -> None:
    stands("shop.lists", "cooks", "READING")
    sentence = "1 conversation went from shop.lists.READING to shop.lists.POSTING."
    assert told(lamson("states", "rename", "lists.READING", "lists.POSTING")) == (0, [sentence])
    assert told(lamson("states", "rename", "lists.READING", "lists.POSTING")) == (
        1,
        ["Nobody stands in lists.READING; did you mean shop.lists.POSTING?"],
    )


def test_who_cannot_be_renamed_is_counted(lamson: Lamson, stands: Stands) -> None:
    stands("old.lists", "cooks", "READING")
    stands("old.lists", "bakers", "READING")
    stands("shop.lists", "cooks", "POSTING")
    result = lamson("states", "rename", "old.lists.READING", "shop.lists.POSTING")
    assert result.exit_code == 1
    assert result.stdout == "1 conversation went from old.lists.READING to shop.lists.POSTING.\n"
    assert result.stderr.startswith(
        "1 conversation stayed in old.lists.READING: under shop.lists somebody stands"
    )


@pytest.mark.parametrize("new", ["lists.READING", "lists.START", "lists.NOWHERE"])
def test_a_state_is_renamed_into_another_one_of_the_application_only(
    lamson: Lamson, stands: Stands, new: str
) -> None:
    stands("shop.lists", "cooks", "POSTING")
    assert told(lamson("states", "rename", "lists.POSTING", new))[0] == 1
    assert told(lamson("states", "list"))[1][2] == "shop.lists  POSTING  1"


def test_machines_are_drawn_with_how_many_stand_there(lamson: Lamson, stands: Stands) -> None:
    stands("shop.lists", "cooks", "POSTING")
    assert '        s2["POSTING"]' in told(lamson("states", "diagram"))[1]
    assert (
        '        "shop.lists.POSTING" [label="POSTING\\n1"];'
        in told(lamson("states", "diagram", "--dot", "--counts"))[1]
    )


def test_lint_and_check_tell_what_is_doubtful(lamson: Lamson, stands: Stands) -> None:
    assert told(lamson("states", "lint")) == (0, ["Nothing is doubtful."])
    stands("shop.lists", "cooks", "READING")
    sentence = (
        "1 conversation stands in shop.lists.READING, which is no state of the App: `lamson states rename` takes them"
        " to the one that it has become, or bring the function back."
    )
    assert told(lamson("states", "lint")) == (0, [f"warning: {sentence}"])
    assert json.loads(lamson("states", "lint", "--json").stdout) == [{"text": sentence, "is_error": False}]
    status, lines = told(lamson("check"))
    assert (status, lines[0]) == (0, f"Warning: {sentence}")


@pytest.mark.fault("K5")
def test_an_error_of_lint_fails_lint_and_check(lamson: Lamson, write: Write) -> None:
    write("shop.desk", '@route("help@y")\ndef START(mail):\n    return later\n\ndef later(mail): ...\n')
    sentence = "shop.desk.START returns shop.desk.later, which is no state function in a module of the App."
    assert told(lamson("states", "lint")) == (1, [f"error: {sentence}"])
    assert told(lamson("check")) == (1, [sentence])


def test_check_tells_of_a_database_that_cannot_be_read_beside_other_mistakes(
    lamson: Lamson, tmp_path: Path
) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/lamson.db").write_text("this is no database, " * 100)
    (tmp_path / "var/quarantine").touch()
    status, lines = told(lamson("check"))
    assert status == 1
    assert lines[0].startswith("quarantine.path is ")
    assert lines[1:] == ["the database: the database refused: file is not a database."]


def test_without_an_application_there_are_no_states(lamson: Lamson, tmp_path: Path) -> None:
    (tmp_path / "lamson.toml").write_text('[[door]]\nkind = "lmtp"\nlisten = "127.0.0.1:10025"\n')
    assert told(lamson("states")) == (1, ["No application is named (app), so there are no states."])
