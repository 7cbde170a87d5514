"""A private PostgreSQL: a cluster in a temporary folder, on the loopback, gone when the tests are over."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
START_S = 60.0
PASSWORD = "a-canary-that-no-text-may-hold"


class Cluster:
    """A server that can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path, *, fsync: bool) -> None:
        self._programs = programs
        self._folder = folder
        self._fsync = fsync
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        password = folder / "password"
        password.write_text(PASSWORD)
        folder.chmod(0o700)
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(folder, *_nobody())
            shutil.chown(password, *_nobody())
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
                (*self._as_nobody(), str(self._programs / "postgres"), "-D", str(self._folder / "db"), *options),
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
            (*self._as_nobody(), str(self._programs / program), *arguments),
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
            timeout=START_S,
        )

    def _as_nobody(self) -> tuple[str, ...]:
        if os.getuid() != 0:
            return ()
        uid, gid = _nobody()
        return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")


def _nobody() -> tuple[int, int]:
    import pwd

    user = pwd.getpwnam("nobody")
    return user.pw_uid, user.pw_gid


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def find_programs() -> Path:
    """Where PostgreSQL's programs are. Skips the test where there are none, or fails it where
    REQUIRE_POSTGRESQL=1."""
    done = subprocess.run(
        (str(REPOSITORY / "scripts/get-postgresql"),),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        if os.environ.get("REQUIRE_POSTGRESQL") == "1":
            pytest.fail(f"REQUIRE_POSTGRESQL=1, but: {done.stderr.strip()}")
        pytest.skip(done.stderr.strip() or "no PostgreSQL")
    return Path(done.stdout.strip())


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
