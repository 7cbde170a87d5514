"""The service under test: `lamson run` as a child process, with a settings file of its own.

Law: only what an operator can do is done here: write lamson.toml, start the command, send it signals, read
its log and its pages. Nothing of the package is imported.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

from integration.children import DIES_WITH_US, children_of, free_ports, kill_group, poll

REPOSITORY = Path(__file__).parents[1]

START_LIMIT_S = 40.0
STOP_LIMIT_S = 40.0
"""Above the service's own limits for starting (start_s, 30) and for draining (drain_s, 25)."""


class Service:
    """One service; started on entering, stopped politely on leaving."""

    def __init__(
        self,
        folder: Path,
        *,
        door: int,
        reentry: int,
        app: str = "integration.app.main:app",
        workers: int = 2,
        kind: str = "filter",
        listen: str = "",
        above: str = "",
        about_door: str = "",
        more: str = "",
    ) -> None:
        """An application in `folder` is found as well. `listen` is the door's place, by default its port; `above` is
        lines to put at the top of lamson.toml, `about_door` to add to the door's table, `more` tables to add."""
        self.folder = folder
        self.settings = folder / "lamson.toml"
        (self._pages,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.settings.write_text(f"""\
app = "{app}"
workers = {workers}
{above}

[[door]]
kind = "{kind}"
listen = "{listen or f"127.0.0.1:{door}"}"
{about_door}

[relay]
host = "127.0.0.1"
port = {reentry}

[metrics]
listen = "127.0.0.1:{self._pages}"

[quarantine]
path = "{folder}/quarantine"
notice_sweep_s = 1

{more}""")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            try:
                self.terminate()
            finally:
                self.kill()

    def start(self) -> None:
        """Start, and wait until it is ready. Raises RuntimeError with its log when it leaves instead."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, sys.executable, "-m", "lamsonproxy", "run", "-c", self.settings],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        poll("the service is ready", self._is_ready_or_gone, START_LIMIT_S)
        if self._process.poll() is not None:
            raise RuntimeError("\n".join(self.log()[-30:]))

    @property
    def pid(self) -> int:
        """The supervisor's process id; its workers are its children."""
        assert self._process is not None
        return self._process.pid

    @property
    def workers(self) -> set[int]:
        """The process ids of its workers."""
        return set(children_of(self.pid))

    def terminate(self) -> int:
        """SIGTERM; its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(STOP_LIMIT_S)

    def kill(self) -> None:
        """SIGKILL for the supervisor and all workers at once, as if the power had gone."""
        if self._process is not None:
            kill_group(self._process)
        self._process = None

    def reload(self) -> None:
        """SIGHUP: load settings and application anew."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def log(self) -> list[str]:
        """What it has written to its terminal, in all its lives."""
        return self._log.read_text("utf-8", "replace").splitlines() if self._log.exists() else []

    def metric(self, sample: str) -> float:
        """The value of one sample, with its labels as the page writes them; 0 when it is not there."""
        _, page = self.page("/metrics")
        for line in page.splitlines():
            name, _, value = line.rpartition(" ")
            if name == sample:
                return float(value)
        return 0.0

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page on the metrics port."""
        with _connection(self._pages) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def command(self, *arguments: str) -> str:
        """What a `lamson` command prints, with the settings of this service."""
        words = [sys.executable, "-m", "lamsonproxy", *arguments, "-c", str(self.settings)]
        return subprocess.run(
            words, env=_environment(), check=True, capture_output=True, text=True, timeout=60
        ).stdout

    @property
    def _log(self) -> Path:
        return self.folder / "lamson.log"

    def _is_ready_or_gone(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            return True
        with suppress(OSError):
            return self.page("/readyz")[0] == 200
        return False


@contextmanager
def _connection(port: int) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def _environment() -> dict[str, str]:
    """The environment as it is now: a test may have put settings into it."""
    return os.environ | {"PYTHONPATH": str(REPOSITORY)}
