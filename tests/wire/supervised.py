"""A supervisor in a process of its own, for tests: started, asked, signalled, and read from."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError

LIMIT_S = 30.0
"""Seconds that a test waits for what must happen; far more than it takes on a quiet machine."""

STAND_IN = (sys.executable, "-S", "-E", str(Path(__file__).with_name("stand_in_worker.py")))
REAL = (sys.executable, "-m", "lamsonproxy", "worker")

_RUN = """
import asyncio, functools, json, pathlib, sys
from lamsonproxy.config import load
from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.supervisor import supervise
try:
    asyncio.run(supervise(functools.partial(load, pathlib.Path("lamson.toml")), json.loads(sys.argv[1])))
except ConfigError as error:
    sys.exit(str(error))
"""

_T = TypeVar("_T")


def until(happens: Callable[[], _T], limit_s: float = LIMIT_S) -> _T:
    """What the question gives as soon as it is true."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if answer := happens():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"{happens} did not happen within {limit_s} s")


class Supervised:
    """One supervisor with its settings in `folder`."""

    def __init__(self, folder: Path, command: tuple[str, ...] = STAND_IN) -> None:
        self.folder = folder
        self.settings = folder / "lamson.toml"
        self.log = folder / "log"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, app: str = "good:app", *, workers: int = 2, limits: str = "", more: str = "") -> None:
        """Write the settings; ports are the system's choice."""
        self.settings.write_text(
            f'app = "{app}"\nworkers = {workers}\n[[door]]\nlisten = "127.0.0.1:0"\n'
            f'[metrics]\nlisten = "127.0.0.1:0"\n[limits]\nstall_s = 3\ndrain_s = 1\n{limits}\n{more}\n'
        )

    def start(self, **environment: str) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                (sys.executable, "-c", _RUN, json.dumps(self._command)),
                cwd=self.folder,
                stderr=log,
                env=os.environ | environment,
            )

    def start_and_wait(self, **environment: str) -> None:
        self.start(**environment)
        until(lambda: self.has_ended or self.address("status page"))
        assert not self.has_ended, self.said

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    def address(self, name: str) -> tuple[str, int] | None:
        """Where a socket of this name was last said to listen."""
        found = re.findall(rf"listening name=\"?{name}\"? address=(\S+):(\d+)", self.said)
        return (found[-1][0], int(found[-1][1])) if found else None

    def ask(self, words: str = "hello") -> tuple[str, int, int]:
        """Ask whichever worker accepts: its application, pid and number."""
        address = self.address("filter")
        assert address
        with socket.create_connection(address, timeout=LIMIT_S) as client, client.makefile("rw") as stream:
            stream.write(words + "\n")
            stream.flush()
            app, pid, number = (stream.readline() or "gone 0 0").split()
            return app, int(pid), int(number)

    def page(self, path: str) -> tuple[int, str]:
        """What the status page says."""
        address = self.address("status page")
        assert address
        try:
            with urllib.request.urlopen(f"http://{address[0]}:{address[1]}{path}", timeout=LIMIT_S) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def number(self, metric: str) -> float:
        """The value of one series, 0 when it is not there."""
        for line in self.page("/metrics")[1].splitlines():
            if line.startswith(metric + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0

    def workers(self) -> set[int]:
        """The pids of its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in children.read_text().split()} if children.exists() else set()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def leave(self) -> int:
        """SIGTERM, and the exit status."""
        self.signal(signal.SIGTERM)
        return self.process.wait(LIMIT_S)

    def end(self) -> None:
        """Whatever the test has left."""
        if self._process is None:
            return
        for pid in (*self.workers(), self.process.pid):
            with suppress(ProcessLookupError):  # It may end between a look and the signal.
                os.kill(pid, signal.SIGKILL)
        self.process.wait(LIMIT_S)
