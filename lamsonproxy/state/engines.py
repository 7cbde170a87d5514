"""From a URL to a SQLAlchemy engine: which databases there are, and what each must be told.

    sqlite:///var/lamson.db                      one file, one machine, one writer
    postgresql+psycopg://user@host/name          many workers, many machines
    mariadb+pymysql://user@host/name             the same, where it is there already

Law: a transaction of ours is a writer from its beginning (SQLite: BEGIN IMMEDIATE) or READ COMMITTED with row locks;
it is durable when it is committed; every wait for a lock ends. An application of `async def` state functions gets the
driver for the loop, of `def` ones the driver for threads, whichever the URL names. A password is in no text.

SQLite, "Write-Ahead Logging" and "PRAGMA synchronous"; PostgreSQL 20.3.2 (keepalives), 20.11.1 (lock_timeout);
MariaDB, innodb_lock_wait_timeout.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from lamsonproxy.errors import ConfigError

CONNECT_S = 10
"""How long a connection may take to be made: a database of the same house that needs longer is away."""

SPARE_CONNECTIONS = 4
"""For what is not a mail: the outbox, timers, retention, counting failures."""

RECYCLE_S = 3600
"""MariaDB closes what was idle for eight hours (wait_timeout); long before that we do."""

# A machine that is gone without a word gives back its row locks after one minute, not after two hours (tcp(7)); a
# transaction that nobody continues after fifteen, which is longer than any deadline of a door.
_POSTGRESQL_OPTIONS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "900000",
}
BUSY_MS = "lamson_busy_ms"
"""The execution option that says how long a transaction may wait for locks, where that is less than `lock_wait_s`."""

_DRIVERS = {
    # backend: (its drivers in URLs, for threads, for the loop)
    "sqlite": ({"sqlite", "sqlite+pysqlite", "sqlite+aiosqlite"}, "sqlite+pysqlite", "sqlite+aiosqlite"),
    "postgresql": ({"postgresql", "postgresql+psycopg"}, "postgresql+psycopg", "postgresql+psycopg"),
    "mariadb": ({"mariadb", "mariadb+pymysql", "mariadb+asyncmy"}, "mariadb+pymysql", "mariadb+asyncmy"),
    "mysql": ({"mysql", "mysql+pymysql", "mysql+asyncmy"}, "mysql+pymysql", "mysql+asyncmy"),
}


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Which database, and how much of it."""

    url: str = field(repr=False)  # it may hold a password
    connections: int = 20
    """Transactions at the same time, per worker."""
    lock_wait_s: float = 30.0
    """How long a mail waits for another one of its conversation; then it is 451."""


def parse_url(text: str) -> URL:
    """Raises ConfigError when this is no database that we know."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError("database: this is no URL of a database; sqlite:///var/lamson.db is one") from None
    drivers = _DRIVERS.get(url.get_backend_name())
    if drivers is None or url.drivername not in drivers[0]:
        known = ", ".join(sorted(name for names, _, _ in _DRIVERS.values() for name in names))
        raise ConfigError(f"database: {url.drivername} is not supported; these are: {known}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("database: SQLite needs a file, because what is in memory is lost with the process")
    return url


def make_engine(settings: DatabaseSettings, *, is_async: bool = False, has_pool: bool = True) -> Engine:
    """An engine that has not connected yet. One for the loop works only below SQLAlchemy's greenlets.

    Raises ConfigError; also when the driver is not installed, or SQLite's folder cannot be made.
    """
    url = parse_url(settings.url)
    _, threads, loop = _DRIVERS[url.get_backend_name()]
    url = url.set(drivername=loop if is_async else threads)
    options = {**_common(settings, has_pool), **_OPTIONS[url.get_backend_name()](url, settings)}
    try:
        engine = (
            create_async_engine(url, **options).sync_engine if is_async else create_engine(url, **options)
        )
    except ImportError as error:
        raise ConfigError(f"database: {url.drivername} needs the Python package {error.name}") from None
    if url.get_backend_name() == "sqlite":
        _prepare_sqlite(engine, url, settings)
    elif url.get_backend_name() in ("mariadb", "mysql"):
        _prepare_mariadb(engine, settings)
    return engine


def _common(settings: DatabaseSettings, has_pool: bool) -> dict[str, Any]:
    # A pool's text of a parameter would be a text of a mail.
    if not has_pool:
        return {"hide_parameters": True, "poolclass": NullPool}
    return {
        "hide_parameters": True,
        "pool_size": settings.connections + SPARE_CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": settings.lock_wait_s,
        "pool_use_lifo": True,
        "pool_recycle": RECYCLE_S,
    }


def _sqlite(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    return {"connect_args": {"timeout": settings.lock_wait_s, "check_same_thread": False}}


def _postgresql(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    ours = {"lock_timeout": str(round(settings.lock_wait_s * 1000)), **_POSTGRESQL_OPTIONS}
    options = " ".join(f"-c {name}={value}" for name, value in ours.items())
    # The operator's own come last, so they win.
    theirs = url.query.get("options", "")
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "application_name": "lamsonproxy",
        # Milliseconds after which unanswered data means that the server is gone (RFC 5482).
        "tcp_user_timeout": str(round(settings.lock_wait_s * 1000) + CONNECT_S * 1000),
        "options": f"{options} {theirs}".strip(),
    }
    kept = {name: value for name, value in arguments.items() if name == "options" or name not in url.query}
    return {"connect_args": kept, "isolation_level": "READ COMMITTED"}


def _mariadb(url: URL, settings: DatabaseSettings) -> dict[str, Any]:
    # What is too long is an error even where the server was told to cut it off in silence.
    is_strict = "sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')"
    return {
        "connect_args": {
            "connect_timeout": CONNECT_S,
            "charset": "utf8mb4",
            "init_command": f"{_waiting(_seconds(settings.lock_wait_s))}, {is_strict}",
        },
        # REPEATABLE READ, its default, would show who waited for a lock the rows as they were before.
        "isolation_level": "READ COMMITTED",
    }


def _seconds(wait_s: float) -> int:
    # It counts in seconds, and 0 would not wait at all.
    return max(1, round(wait_s))


def _waiting(wait_s: int) -> str:
    return f"SET SESSION innodb_lock_wait_timeout = {wait_s}, lock_wait_timeout = {wait_s}"


_OPTIONS: Mapping[str, Any] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mariadb": _mariadb,
    "mysql": _mariadb,
}


def _prepare_mariadb(engine: Engine, settings: DatabaseSettings) -> None:
    longest_s = _seconds(settings.lock_wait_s)

    def begin(connection: Connection) -> None:
        """A limit belongs to the session, so it stays for whoever has the connection next."""
        limit = connection.get_execution_options().get(BUSY_MS)
        wait_s = longest_s if limit is None else min(longest_s, _seconds(limit / 1000))
        if connection.info.get(BUSY_MS, longest_s) != wait_s:
            connection.exec_driver_sql(_waiting(wait_s))
            connection.info[BUSY_MS] = wait_s

    event.listen(engine, "begin", begin)


def _prepare_sqlite(engine: Engine, url: URL, settings: DatabaseSettings) -> None:
    longest_ms = round(settings.lock_wait_s * 1000)

    def begin_immediate(connection: Connection) -> None:
        # Each time: a limit belongs to the connection, and stays for whoever has it next.
        limit = connection.get_execution_options().get(BUSY_MS, longest_ms)
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {limit:d}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", _tell_sqlite)
    event.listen(engine, "begin", begin_immediate)
    _make_file(Path(url.database or ""))


def _make_file(path: Path) -> None:
    """The folder and the file, readable by us alone: there will be mail in it. SQLite gives its -wal and -shm the
    permissions of the file itself."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise ConfigError(f"database: {path} cannot be opened: {error.strerror}") from error


def _tell_sqlite(connection: Any, record: object) -> None:
    # Python's own idea of when to begin would begin with a reader (sqlite3, "Transaction control").
    connection.isolation_level = None
    cursor = connection.cursor()
    # In WAL mode NORMAL may lose the last commits when the power fails; we have answered 250 for them.
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
