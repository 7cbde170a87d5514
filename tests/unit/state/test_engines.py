"""URLs of databases: what is taken, and what each database is told."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from lamsonproxy.errors import ConfigError
from lamsonproxy.state.engines import BUSY_MS, DatabaseSettings, make_engine, parse_url
from tests.mariadb import Server
from tests.postgres import Cluster


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("lamson.db", "no URL of a database"),
        ("oracle://me:s3cret@host/x", "oracle is not supported"),
        ("postgresql+asyncpg://me:s3cret@host/x", "postgresql\\+asyncpg is not supported"),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
    ],
)
def test_a_url_that_is_of_no_use_is_refused_in_a_sentence(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as raised:
        parse_url(url)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "postgresql://h/x", "mariadb://h/x", "mysql+asyncmy://h/x"]
)
@pytest.mark.parametrize("is_async", [False, True])
def test_the_driver_is_the_one_for_the_kind_of_application(
    url: str, is_async: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = make_engine(DatabaseSettings(url), is_async=is_async)
    assert engine.dialect.is_async == is_async


def test_settings_do_not_show_a_password() -> None:
    assert "s3cret" not in repr(DatabaseSettings("postgresql://me:s3cret@host/x"))


def test_sqlites_file_is_for_us_alone_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "var" / "lamson.db"
    engine = make_engine(DatabaseSettings(f"sqlite:///{path}"), has_pool=False)
    with engine.connect() as connection:
        told = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert told == ["wal", 2, 1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(ConfigError, match="cannot be opened"):
        make_engine(DatabaseSettings(f"sqlite:///{tmp_path}/var/lamson.db"))


def test_postgresql_is_told_how_long_to_wait_and_the_operator_has_the_last_word(postgresql: Cluster) -> None:
    url = postgresql.url() + "?options=-c%20tcp_keepalives_count%3D7&application_name=mine"
    engine = make_engine(DatabaseSettings(url, lock_wait_s=12.5), has_pool=False)
    with engine.connect() as connection:
        told = {
            name: connection.scalar(text(f"SHOW {name}"))
            for name in ("lock_timeout", "transaction_isolation", "application_name", "tcp_keepalives_count")
        }
    assert told == {
        "lock_timeout": "12500ms",
        "transaction_isolation": "read committed",
        "application_name": "mine",
        "tcp_keepalives_count": "7",
    }


_TOLD = text("SELECT @@tx_isolation, @@innodb_lock_wait_timeout, @@sql_mode LIKE '%STRICT_ALL_TABLES%'")


def test_mariadb_is_told_how_long_to_wait_and_nobody_inherits_a_shorter_time(mariadb: Server) -> None:
    with mariadb.emptied() as url:
        engine = make_engine(DatabaseSettings(url, connections=1, lock_wait_s=12.4))
        waits = []
        for busy in ({}, {BUSY_MS: 300}, {BUSY_MS: 99_000}, {BUSY_MS: 2_600}, {}):
            with engine.connect().execution_options(**busy) as connection:
                isolation, wait_s, is_strict = connection.execute(_TOLD).one()
            assert (isolation, is_strict) == ("READ-COMMITTED", 1)
            waits.append(wait_s)
        engine.dispose()
    assert waits == [12, 1, 12, 3, 12]
