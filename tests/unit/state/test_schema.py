"""The schema's revisions: they make what tables.py says, once, and refuse what is newer."""

import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, Integer, MetaData, Table, inspect, text

from lamsonproxy.errors import AppError, ConfigError, StoreError
from lamsonproxy.state import schema
from lamsonproxy.state.engines import DatabaseSettings, make_engine
from lamsonproxy.state.tables import metadata
from tests.databases import DATABASES, new_database

_T = TypeVar("_T")
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, request, tmp_path / "50%") as url:
        yield url


def prepare(url: str, *tables: object) -> None:
    schema.prepare(DatabaseSettings(url), tables)


def reading(url: str, act: Callable[[Connection], _T]) -> _T:
    with make_engine(DatabaseSettings(url), has_pool=False).begin() as connection:
        return act(connection)


def version(url: str, revision: str) -> None:
    reading(url, lambda c: c.execute(text("UPDATE lamson_schema SET version_num = :r"), {"r": revision}))


def test_the_revisions_make_what_the_tables_say(url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        # Alembic cannot read back SQLite's spelling of an empty default, nor MariaDB's of false.
        has_defaults = connection.dialect.name == "postgresql"
        options = {"version_table": schema.VERSION_TABLE, "compare_server_default": has_defaults}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    prepare(url)
    assert reading(url, differences) == []


def test_a_database_that_is_up_to_date_stays_as_it_is(url: str) -> None:
    for _ in range(2):
        prepare(url)
        schema.upgrade(url)
    stands, wanted = schema.current(url)
    assert stands == wanted != ""


def test_a_database_that_is_newer_than_the_code_is_refused_in_a_sentence(url: str) -> None:
    prepare(url)
    version(url, "9999")
    for act in (prepare, schema.upgrade):
        with pytest.raises(ConfigError, match="written by a newer lamsonproxy: its schema is revision 9999"):
            act(url)


def test_a_revision_that_is_not_safe_is_left_to_the_operator(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(url)

    class Script:
        revision = "0002"

        class module:
            is_safe = False

    monkeypatch.setattr(schema, "_missing", lambda connection: [Script])
    with pytest.raises(ConfigError, match="lamson db upgrade"):
        prepare(url)


def test_every_revision_says_whether_it_is_safe() -> None:
    scripts = ScriptDirectory(str(REPOSITORY / "lamsonproxy/state/migrations"))
    assert [type(script.module.is_safe) for script in scripts.walk_revisions()] == [bool]


def test_processes_that_start_at_once_upgrade_one_after_the_other(url: str) -> None:
    failures: list[BaseException] = []
    program = (
        "import sys; from lamsonproxy.state import schema; from lamsonproxy.state.engines import DatabaseSettings; "
        "schema.prepare(DatabaseSettings(sys.argv[1]))"
    )

    def start() -> None:
        try:
            subprocess.run((sys.executable, "-c", program, url), check=True, timeout=60, cwd=REPOSITORY)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_applications_tables_are_made_and_then_left_alone(url: str) -> None:
    theirs = MetaData()
    Table("member", theirs, Column("id", Integer, primary_key=True))
    prepare(url, theirs)
    reading(url, lambda c: c.execute(text("INSERT INTO member VALUES (7)")))

    class Base:
        metadata = theirs

    prepare(url, Base)
    assert reading(url, lambda c: c.scalar(text("SELECT id FROM member"))) == 7
    assert "alembic_version" not in reading(url, lambda c: inspect(c).get_table_names())


def test_what_is_no_metadata_is_refused() -> None:
    with pytest.raises(AppError, match="App\\(tables"):
        prepare("sqlite:////tmp/never.db", "member")


def test_a_database_that_is_away_is_said_to_be_without_the_password() -> None:
    with pytest.raises(StoreError) as raised:
        prepare("postgresql+psycopg://me:s3cret@127.0.0.1:1/none")
    assert "s3cret" not in str(raised.value)


def test_the_revisions_are_in_the_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=REPOSITORY)
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "lamsonproxy/state/migrations/env.py" in names
    assert [name for name in names if "migrations/versions/r0001" in name]
