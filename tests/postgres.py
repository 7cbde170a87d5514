"""A private PostgreSQL: a cluster in a temporary folder, on the loopback, gone when the tests are over."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers import PASSWORD as PASSWORD
from tests.servers import START_S, as_nobody, free_port, give_to_nobody, printed_by


class Cluster:
    """A server that can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path, *, fsync: bool) -> None:
        self._programs = programs
        self._folder = folder
        self._fsync = fsync
        self.port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        folder.chmod(0o700)
        give_to_nobody(folder, password)
        self._run("initdb", "-D", str(folder / "db"), "-U", "lamson", "-A", "scram-sha-256", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync", f"--pwfile={password}")  # fmt: skip

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://lamson:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    @property
    def pid(self) -> int:
        """The postmaster's; it stays over the change of user (setpriv replaces itself)."""
        assert self._server is not None
        return self._server.pid

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database of one's own; its URL."""
        import psycopg

        name = f"t{time.monotonic_ns()}"
        with psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        yield self.url(name)

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._fsync else "off",
            "max_connections": 200,
            "deadlock_timeout": "100ms",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                (*as_nobody(), str(self._programs / "postgres"), "-D", str(self._folder / "db"), *options),
                stdout=log,
                stderr=log,
                cwd="/",
            )  # fmt: skip
        deadline = time.monotonic() + START_S
        ready = (str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port))
        while subprocess.run(ready, check=False).returncode != 0:
            if time.monotonic() > deadline or self._server.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)  # the limit is START_S

    def stop(self, *, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGINT: fast. SIGQUIT: at once, recovered at the next start. SIGKILL leaves the children to find out."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(START_S)
            self._server = None

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            (*as_nobody(), str(self._programs / program), *arguments),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            timeout=START_S,
        )


def find_programs() -> Path:
    """Where PostgreSQL's programs are. Skips the test where there are none, or fails it where
    REQUIRE_POSTGRESQL=1."""
    return Path(printed_by("get-postgresql", require="REQUIRE_POSTGRESQL")[0])


@contextmanager
def running(*, fsync: bool = False) -> Iterator[Cluster]:
    """A cluster that runs until the context is left."""
    programs = find_programs()
    # Not below pytest's own folder, which only its user may enter.
    folder = Path(tempfile.mkdtemp(prefix="lamson-pg-", dir="/tmp"))
    cluster = None
    try:
        cluster = Cluster(programs, folder, fsync=fsync)
        cluster.start()
        yield cluster
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """One cluster for the whole run; each test takes a database of its own."""
    with running() as cluster:
        yield cluster
