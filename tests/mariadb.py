"""A private MariaDB: a server in a temporary folder, on the loopback, gone when the tests are over."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.schema import VERSION_TABLE, prepare
from tests.servers import PASSWORD, START_S, as_nobody, free_port, give_to_nobody, printed_by

LATIN = "latin1"
"""What a server is told to make tables of that do not say it themselves: the oldest default there is."""

# What mariadb-install-db does, which Debian has in a package with far more.
_SYSTEM = "m*_system_tables.sql", "m*_performance_tables.sql", "m*_system_tables_data.sql"
_BEFORE = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL, @skip_auth_anonymous = 1;\n"
_AFTER = f"""FLUSH PRIVILEGES;
CREATE USER lamson@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT ALL ON *.* TO lamson@'127.0.0.1';
"""


class Server:
    """A server that can be stopped, killed and started again."""

    def __init__(self, program: Path, system: Path, folder: Path) -> None:
        self._program = program
        self._system = system
        self._folder = folder
        self.port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._emptied: list[str] = []
        (folder / "db").mkdir()
        give_to_nobody(folder, folder / "db")
        self._make_tables()

    def url(self, name: str = "") -> str:
        return f"mariadb+pymysql://lamson:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """A statement in a session of its own; the rows that it gave."""
        with self._session() as connection:
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else []

    @contextmanager
    def _session(self) -> Iterator[Connection]:
        with create_engine(self.url(), poolclass=NullPool).begin() as connection:
            yield connection

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of one's own; its URL."""
        name = f"t{time.monotonic_ns()}"
        self.execute(f"CREATE DATABASE {name}")
        yield self.url(name)

    @contextmanager
    def emptied(self) -> Iterator[str]:
        """A database with our tables, which take long to make here: others have used it before, and have left no
        rows."""
        if not self._emptied:
            with self.database() as url:
                prepare(DatabaseSettings(url))
                self._emptied.append(url)
        url = self._emptied.pop()
        yield url
        self._empty(url)
        self._emptied.append(url)

    def _empty(self, url: str) -> None:
        name = url.rpartition("/")[2]
        with self._session() as connection:
            run = connection.exec_driver_sql
            # What a test has left behind may hold locks.
            for session in run(
                f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
            ).scalars():
                run(f"KILL {session}")
            run("SET SESSION foreign_key_checks = OFF")
            tables = run(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{name}'")
            for table in {*tables.scalars()} - {VERSION_TABLE}:
                run(f"DELETE FROM {name}.{table}")

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                self._command(
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    f"--socket={self._folder / 'socket'}",
                    f"--pid-file={self._folder / 'pid'}",
                    f"--character-set-server={LATIN}",
                    "--max-connections=200",
                    "--skip-name-resolve",
                    # What is committed outlives the process, though not the machine.
                    "--innodb-flush-log-at-trx-commit=2",
                ),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        deadline = time.monotonic() + START_S
        while not self._is_ready():
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError(f"MariaDB did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)  # the limit is START_S

    def _is_ready(self) -> bool:
        try:
            return bool(self.execute("SELECT 1"))
        except OperationalError:
            return False

    def stop(self, *, how: signal.Signals = signal.SIGKILL) -> None:
        """SIGTERM: in order. SIGKILL: at once, recovered at the next start."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(START_S)
            self._server = None

    def _make_tables(self) -> None:
        files = (next(self._system.glob(pattern)) for pattern in _SYSTEM)
        script = "".join((_BEFORE, *(file.read_text() for file in files), _AFTER))
        subprocess.run(
            self._command("--bootstrap"),
            input=script.encode(),
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            timeout=START_S,
        )

    def _command(self, *options: str) -> tuple[str, ...]:
        return (
            *as_nobody(),
            str(self._program),
            "--no-defaults",
            f"--basedir={self._program.parents[1]}",
            f"--datadir={self._folder / 'db'}",
            f"--lc-messages-dir={self._system}",
            "--innodb-flush-method=nosync",
            "--innodb-log-file-size=16M",
            "--debug-no-sync",
            *options,
        )


def find_server() -> tuple[Path, Path]:
    """The server, and the folder of its SQL. Skips the test where there is none, or fails it where
    REQUIRE_MARIADB=1."""
    server, system = printed_by("get-mariadb", require="REQUIRE_MARIADB")
    return Path(server), Path(system)


@contextmanager
def running() -> Iterator[Server]:
    """A server that runs until the context is left."""
    program, system = find_server()
    # Not below pytest's own folder, which only its user may enter.
    folder = Path(tempfile.mkdtemp(prefix="lamson-mdb-", dir="/tmp"))
    server = None
    try:
        server = Server(program, system, folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """One server for the whole run; each test takes a database of its own."""
    with running() as server:
        yield server
