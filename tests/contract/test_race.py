"""Four processes of eight threads, two hundred conversations, five thousand mails, one database (B5, K2's equal);
fewer mails on MariaDB."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text

from lamsonproxy.mail.conversation import ConversationKey
from lamsonproxy.state import tables
from tests.databases import DATABASES, new_database

PROCESSES = 4
CONVERSATIONS = 200
MAILS = {"sqlite": 5000, "postgresql": 5000, "mariadb": 400}
LIMIT_S = 300


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def mails(database: str) -> int:
    return MAILS[database]


@pytest.fixture
def url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(database, request, tmp_path) as url:
        yield url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    from lamsonproxy.state.engines import DatabaseSettings
    from lamsonproxy.state.schema import prepare

    prepare(DatabaseSettings(url))
    made = create_engine(url)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE race_count (conversation VARCHAR(20) PRIMARY KEY, n INTEGER)"))
        connection.execute(
            text("CREATE TABLE race_heard (mail INTEGER, conversation VARCHAR(20), state VARCHAR(20))")
        )
        rows = [{"key": f"c{n}"} for n in range(CONVERSATIONS)]
        connection.execute(text("INSERT INTO race_count VALUES (:key, 0)"), rows)
    yield made
    made.dispose()


@pytest.mark.fault("B5")
def test_every_mail_of_a_race_moves_its_conversation_once_along_a_legal_path(
    url: str, engine: Engine, mails: int
) -> None:
    numbers = [str(n) for n in (PROCESSES, mails, CONVERSATIONS)]
    racers = [
        subprocess.Popen([sys.executable, "-m", "tests.contract.racer", url, str(n), *numbers])
        for n in range(PROCESSES)
    ]
    assert [racer.wait(LIMIT_S) for racer in racers] == [0] * PROCESSES
    with engine.connect() as connection:
        _check_mails(connection, mails)
        _check_paths(connection, mails)
        _check_outbox(connection, mails)


def _check_mails(connection: Connection, mails: int) -> None:
    heard = Counter(connection.execute(text("SELECT mail FROM race_heard")).scalars())
    assert heard == Counter(range(mails))
    rows = connection.execute(text("SELECT conversation, n FROM race_count")).all()
    counts = {row.conversation: row.n for row in rows}
    assert counts == {f"c{n}": mails // CONVERSATIONS for n in range(CONVERSATIONS)}


def _check_paths(connection: Connection, mails: int) -> None:
    """Each conversation went round START, second, third, and each step began where the one before had ended."""
    rows = connection.execute(select(tables.transition).order_by(tables.transition.c.id)).all()
    after = {"START": "second", "second": "third", "third": "START"}
    at = dict.fromkeys((_key(n).id for n in range(CONVERSATIONS)), "START")
    for row in rows:
        assert (row.old, row.new) == (at[row.conversation], after[row.old])
        at[row.conversation] = row.new
    assert len(rows) == mails
    found = connection.execute(select(tables.conversation.c.id, tables.conversation.c.state)).all()
    standing = {row.id: row.state for row in found}
    assert standing == {key: state for key, state in at.items() if state != "START"}


def _key(n: int) -> ConversationKey:
    return ConversationKey("race", f"c{n}", f"s{n}@example.org")


def _check_outbox(connection: Connection, mails: int) -> None:
    octets = connection.execute(select(tables.content.c.octets)).scalars()
    subjects = Counter(
        line for mail in octets for line in mail.split(b"\r\n") if line.startswith(b"Subject:")
    )
    assert subjects == Counter(b"Subject: heard %d" % n for n in range(mails))
    assert len(connection.execute(select(tables.outbox.c.id)).all()) == mails
