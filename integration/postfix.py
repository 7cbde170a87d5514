"""A private Postfix: own configuration, queue, data and log in a temporary folder, high loopback ports.

Law: the machine's own instance is neither read nor touched, and no process of ours outlives the test run:
master(8) is our child, and dies with us even when we are killed.

master is started directly, without postfix(1) and its scripts: those check an installation, not an instance.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from integration.children import DIES_WITH_US, kill_group, listens, poll
from integration.client import Client, Mail
from integration.fragments import Options, Ports, Programs, main_cf, master_cf

# Folders of the queue (postfix-files): the owner's own, and those of owner and group with their modes.
_PRIVATE = "active bounce corrupt defer deferred flush hold incoming private saved trace".split()
_SHARED = (("public", 0o710), ("maildrop", 0o730))

_HANDED_OVER = re.compile(
    r"postfix/scan/[sl]mtp\[\d+\]: (?P<id>\w+): to=<(?P<to>[^>]*)>.* dsn=(?P<dsn>[\d.]+), "
    r"status=(?P<status>\w+) \((?P<text>.*)\)$"
)


class Unavailable(Exception):
    """There is no Postfix that the tests could run; the text says why."""


def find_programs() -> Programs:
    """Have Postfix installed or unpacked. Raises Unavailable."""
    script = Path(__file__).parents[1] / "scripts" / "get-postfix"
    done = subprocess.run([script], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Unavailable(done.stderr.strip().splitlines()[-1] if done.stderr else "get-postfix failed")
    if os.geteuid() != 0:
        raise Unavailable("Postfix's master must be started by root")
    return Programs(Path(done.stdout.strip()), *_accounts())


def _accounts() -> tuple[str, str]:
    # The unpacked package has made no accounts. Postfix wants an owner of its own and another group; every
    # Debian has these two from the start, and nothing on a machine of today runs under them.
    try:
        pwd.getpwnam("postfix")
        return "postfix", "postdrop"
    except KeyError:
        return "uucp", "news"


class PrivatePostfix:
    """One instance, started on entering and gone without a trace after leaving."""

    def __init__(self, programs: Programs, ports: Ports, options: Options | None = None) -> None:
        self.ports = ports
        self._programs = programs
        self._options = options or Options()
        self._master: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="lamsonproxy-postfix-"))
        try:
            self._lay_out()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start, and wait until it takes mail."""
        self._master = subprocess.Popen(
            [*DIES_WITH_US, self._programs.daemons / "master", "-c", self._folder / "etc"],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        poll("Postfix listens", self._takes_mail, 20)

    @property
    def etc(self) -> Path:
        """Its configuration directory."""
        return self._folder / "etc"

    def stop(self) -> None:
        """Stop every process of this instance; what is in the queue stays there."""
        if self._master is None:
            return
        self._master.terminate()
        try:
            self._master.wait(20)
        except subprocess.TimeoutExpired:
            kill_group(self._master)
        self._master = None

    def send(self, mail: Mail) -> str:
        """Hand one mail to the front smtpd; its reply to the end of data."""
        with Client(self.ports.front) as client:
            return client.send(mail)

    def log(self) -> list[str]:
        """The mail log so far, as lines."""
        path = self._folder / "mail.log"
        return path.read_text("utf-8", "replace").splitlines() if path.exists() else []

    def deliveries(self) -> Iterator[dict[str, str]]:
        """What became of each attempt to hand a recipient's mail to the filter: id, to, dsn, status, text."""
        return (match.groupdict() for match in map(_HANDED_OVER.search, self.log()) if match)

    def queue(self) -> list[dict[str, Any]]:
        """The mails in the queue, as postqueue(1) -j gives them."""
        done = self._run("postqueue", "-j")
        return [json.loads(line) for line in done.splitlines()]

    def flush(self) -> None:
        """Try all deferred mail now."""
        self._run("postqueue", "-f")

    def flush_until_empty(self, limit_s: float = 60) -> None:
        """Try all deferred mail until none is left. Again and again, because what is being tried at a flush is deferred
        behind it. Raises TimeoutError."""

        def is_empty() -> bool:
            self.flush()
            return not self.queue()

        poll("the queue is empty", is_empty, limit_s, every_s=0.5)

    def delete_all(self) -> None:
        """Forget what is in the queue."""
        self._run("postsuper", "-d", "ALL")

    def wait_until_empty(self, limit_s: float = 60) -> None:
        """Wait until every mail has left the queue. Raises TimeoutError with the end of the log."""
        try:
            poll("the queue is empty", lambda: not self.queue(), limit_s, every_s=0.1)
        except TimeoutError as error:
            error.add_note("\n".join([*map(str, self.queue()[:10]), *self.log()[-30:]]))
            raise

    def _takes_mail(self) -> bool:
        return listens(self.ports.front) and listens(self.ports.reentry)

    def _lay_out(self) -> None:
        # Daemons that have dropped root's rights still read their configuration by its absolute name.
        self._folder.chmod(0o755)
        for name in ("etc", "data", "queue", "queue/pid"):
            (self._folder / name).mkdir()
        shutil.chown(self._folder / "data", self._programs.owner)
        for name in _PRIVATE:
            self._make_queue(name, 0o700)
        for name, mode in _SHARED:
            self._make_queue(name, mode)
        settings = main_cf(self._folder, self._programs, self.ports, self._options)
        (self._folder / "etc/main.cf").write_text(settings)
        # Postfix waits for two seconds where a file was written just now, in case its author is not done.
        os.utime(self._folder / "etc/main.cf", (0, 0))
        (self._folder / "etc/master.cf").write_text(master_cf(self.ports, self._options))

    def _make_queue(self, name: str, mode: int) -> None:
        path = self._folder / "queue" / name
        path.mkdir()
        shutil.chown(path, self._programs.owner, self._programs.group)
        path.chmod(mode)

    def _run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [self._programs.commands / command, "-c", self._folder / "etc", *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr.strip()}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        # The daemons of the unpacked package look for their libraries where the package would have put them.
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": str(self._programs.libraries)}
