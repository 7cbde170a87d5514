"""`lamson outbox`, as somebody types it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, select, update

from lamsonproxy.state.tables import content, metadata, outbox
from tests.outboxes import CONTENT, write
from tests.wire.test_commands import lamson

NOW = datetime.now(UTC)


def fill(connection: Connection) -> None:
    """1 waits for its second attempt, 2 is being sent, 3 and 4 are dead letters."""
    metadata.create_all(connection)
    write(connection, [["bob@example.net", "carol@example.net"]], CONTENT, "c1", NOW - timedelta(hours=2))
    for number in (2, 3, 4):
        write(connection, [[f"u{number}@example.net"]], CONTENT, f"c{number}", NOW)
    changes = {
        1: {"attempts": 1, "due_at": NOW + timedelta(hours=1), "reply": "450 4.2.0 Greylisted"},
        2: {"lease": "somebody's", "lease_until": NOW + timedelta(hours=1)},
        3: {"is_dead": True, "attempts": 1, "reply": "550 5.1.1 No \x1b[31msuch user"},
        4: {"is_dead": True, "attempts": 1, "reply": "550 5.1.1 No such user"},
    }
    for number, change in changes.items():
        connection.execute(update(outbox).where(outbox.c.id == number).values(change))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    (tmp_path / "var").mkdir()
    engine = create_engine(f"sqlite:///{tmp_path}/var/lamson.db")
    with engine.begin() as connection:
        fill(connection)
    engine.dispose()
    path = tmp_path / "lamson.toml"
    path.write_text('database = "sqlite:///var/lamson.db"\n')
    return path


def listed(settings: Path, *options: str) -> dict[int, str]:
    """The numbers and states of what is listed."""
    rows = json.loads(lamson("outbox", "list", "--json", *options, "-c", settings).stdout)
    return {row["id"]: row["state"] for row in rows}


def test_the_outbox_is_listed_oldest_first_and_moves_no_cursor(settings: Path) -> None:
    assert listed(settings) == {1: "waiting", 2: "sending", 3: "dead", 4: "dead"}
    assert list(listed(settings)) == [1, 2, 3, 4]
    assert listed(settings, "--dead", "--limit", "1") == {3: "dead"}
    table = lamson("outbox", "list", "--limit", "3", "-c", settings).stdout.decode()
    assert "<bob@example.net> and 1 more" in table and "450 4.2.0 Greylisted" in table
    assert "\x1b" not in table and "1 more; --limit shows them." in table


def test_a_shown_mail_has_its_own_octets(settings: Path) -> None:
    shown = lamson("outbox", "show", "1", "-c", settings).stdout
    assert shown.startswith(b"X-Lamson-Kept: ") and shown.endswith(b"\r\n" + CONTENT)
    assert lamson("outbox", "show", "99", "-c", settings).returncode == 1


def test_all_dead_letters_are_made_due_and_what_is_being_sent_is_left_alone(settings: Path) -> None:
    done = lamson("outbox", "retry", "--all", "-c", settings)
    assert done.stdout == b"3 due\n4 due\n" and done.returncode == 0
    assert listed(settings) == {1: "waiting", 2: "sending", 3: "new", 4: "new"}
    refused = lamson("outbox", "retry", "1", "2", "-c", settings)
    assert refused.returncode == 1 and b"2 is not in the outbox, or it is being sent" in refused.stderr
    assert listed(settings)[1] == "waiting", "nothing was changed"
    assert lamson("outbox", "retry", "1", "-c", settings).returncode == 0
    assert listed(settings)[1] == "new"


@pytest.mark.parametrize("words", [(), ("1", "--all")], ids=["nothing", "both"])
def test_retry_wants_numbers_or_all(settings: Path, words: tuple[str, ...]) -> None:
    assert lamson("outbox", "retry", *words, "-c", settings).returncode == 2


def test_what_is_dropped_is_gone_with_its_octets(settings: Path) -> None:
    assert lamson("outbox", "drop", "2", "-c", settings).returncode == 1
    assert lamson("outbox", "drop", "3", "4", "-c", settings).stdout == b"3 dropped\n4 dropped\n"
    assert listed(settings) == {1: "waiting", 2: "sending"}
    engine = create_engine(f"sqlite:///{settings.parent}/var/lamson.db")
    with engine.connect() as connection:
        assert len(connection.execute(select(content.c.id)).all()) == 2
    engine.dispose()


def test_without_a_database_it_says_so_and_makes_none(tmp_path: Path) -> None:
    settings = tmp_path / "lamson.toml"
    settings.write_text("")
    refused = lamson("outbox", "list", "-c", settings)
    assert refused.returncode == 1 and b"There is no database yet" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lamson.toml"]
