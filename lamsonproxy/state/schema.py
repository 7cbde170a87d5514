"""The schema of a database: brought up to date, and refused where the code is older than it.

Law: a database is never brought to another schema in silence, unless that only adds to it: each revision says whether
it is safe while older processes still work. Two processes that start at once do it one after the other. A version of
ours stands in a table of ours, `lamson_schema`, so that an application's own Alembic may work in the same database.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, MetaData, text

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import AppError, ConfigError, StoreError
from lamsonproxy.state.engines import DatabaseSettings, make_engine
from lamsonproxy.state.failing import foreign

VERSION_TABLE = "lamson_schema"

LOCK = 0x6C616D736F6E
"""PostgreSQL's advisory lock of ours: "lamson" in ASCII."""


def upgrade(url: str) -> None:
    """Bring a database to the schema of this code, whatever that takes. Raises ConfigError and StoreError."""
    with _exclusive(DatabaseSettings(url)) as connection:
        _missing(connection)
        _upgrade(connection)


def prepare(settings: DatabaseSettings, tables: Sequence[object] = ()) -> None:
    """Make sure that a database can be worked with: one that is fresh, or lacks only safe revisions, gets them; those
    of the application's `tables` that are not there are made, and what is there stays as it is.

    Raises ConfigError when an operator must decide, StoreError when the database cannot be used, AppError when `tables`
    are none.
    """
    metadatas = [_metadata_of(each) for each in tables]
    with _exclusive(settings) as connection:
        _check(connection)
        for metadata in metadatas:
            metadata.create_all(connection, checkfirst=True)
        crash_at("schema-made")


def _metadata_of(tables: object) -> MetaData:
    """MetaData, or a declarative base, which has one."""
    metadata = getattr(tables, "metadata", tables)
    if not isinstance(metadata, MetaData):
        raise AppError(f"App(tables=...) takes SQLAlchemy's MetaData, and {tables!r} is none")
    return metadata


def _check(connection: Connection) -> None:
    missing = _missing(connection)
    unsafe = [script.revision for script in missing if not script.module.is_safe]
    if unsafe and _current(connection) is not None:
        raise ConfigError(
            f"the database lacks the schema revision {unsafe[0]}, during which no older lamsonproxy may work: "
            "stop all of them and run `lamson db upgrade`"
        )
    if missing:
        _upgrade(connection)


def current(url: str) -> tuple[str, str]:
    """The revision of a database, "" where it has none, and the one of this code."""
    with _exclusive(DatabaseSettings(url)) as connection:
        return _current(connection) or "", _scripts().get_current_head() or ""


def _missing(connection: Connection) -> list[Script]:
    """The revisions that the database lacks, the oldest first. Raises ConfigError when it is newer than we."""
    stands = _current(connection)
    scripts = _scripts()
    try:
        lacks = scripts.iterate_revisions("head", stands or "base")
        return [script for script in reversed(list(lacks)) if script.revision != stands]
    except RevisionError:
        raise ConfigError(
            f"the database was written by a newer lamsonproxy: its schema is revision {stands}, which this one "
            "does not know; upgrade lamsonproxy, or restore the database from before"
        ) from None


def _current(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    # A % would begin an interpolation of configparser's.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


@contextmanager
def _exclusive(settings: DatabaseSettings) -> Iterator[Connection]:
    """A transaction in which nobody else changes the schema."""
    engine = make_engine(settings, has_pool=False)
    with foreign("the database's schema"), engine.begin() as connection:
        # SQLite has begun as the only writer already.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            yield connection
        elif connection.dialect.name in ("mysql", "mariadb"):
            with _named_lock(connection):
                yield connection
        else:
            yield connection


@contextmanager
def _named_lock(connection: Connection) -> Iterator[None]:
    # DDL commits there, so the lock must outlive the transaction (MariaDB, GET_LOCK).
    if connection.scalar(text("SELECT GET_LOCK('lamson_schema', 60)")) != 1:
        raise StoreError("the database's schema: another process has been changing it for a minute")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK('lamson_schema')"))
