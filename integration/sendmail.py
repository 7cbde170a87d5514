"""A private Sendmail, two instances with the recipe of mta-conf/sendmail, from unpacked packages.

    MTA-RX ──► the service ──► MTA-TX ──► the sink

Law: see `overlay.py`. Sendmail looks for its own full name before it does anything, and finds it in a hosts file.
"""

import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from integration.children import DIES_WITH_US, kill_group, listens, poll
from integration.overlay import REPOSITORY, over_ours, with_accounts

RECIPE = REPOSITORY / "mta-conf" / "sendmail"
NAME = "mx.sendmail.test"


@dataclass(frozen=True, slots=True)
class SendmailPorts:
    """Where everybody listens, on 127.0.0.1."""

    front: int
    reentry: int
    door: int
    sink: int


class PrivateSendmail:
    """Both instances, started on entering and gone without a trace after leaving."""

    def __init__(self, packages: Path, ports: SendmailPorts) -> None:
        self.ports = ports
        self._packages = packages
        self._processes: list[subprocess.Popen[bytes]] = []
        self._folder = Path()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="lamsonproxy-sendmail-"))
        etc = self._folder / "etc"
        (etc / "mail").mkdir(parents=True)
        (etc / "mail" / "local-host-names").touch()
        (etc / "hosts").write_text(f"127.0.0.1 {NAME} {socket.gethostname()} localhost\n")
        with_accounts(etc, {"smmta": 64101, "smmsp": 64102})
        try:
            self._start("tx", self._tx())
            self._start("rx", self._rx())
            poll("Sendmail listens", lambda: listens(self.ports.front) and listens(self.ports.reentry), 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            kill_group(process)
        shutil.rmtree(self._folder)

    def waiting(self) -> int:
        """The mails that wait for the service."""
        return len(list((self._folder / "queue-rx").glob("qf*")))

    def _start(self, name: str, source: str) -> None:
        (self._folder / f"queue-{name}").mkdir(mode=0o700)
        (self._folder / f"{name}.mc").write_text(source)
        configuration = self._folder / f"{name}.cf"
        with configuration.open("wb") as file:
            subprocess.run(
                self._over("m4", str(self._folder / f"{name}.mc")), stdout=file, check=True, timeout=60
            )
        command = ["/usr/libexec/sendmail/sendmail", "-C", str(configuration), "-bD", "-q1s"]
        words = [*DIES_WITH_US, *self._over(*command)]
        quiet = subprocess.DEVNULL
        self._processes.append(
            subprocess.Popen(words, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        )

    def _over(self, *command: str) -> list[str]:
        return over_ours(self._folder / "etc", self._packages, *command)

    def _rx(self) -> str:
        return f"""\
define(`LAMSON_DOOR', `{self.ports.door}')dnl
{_HEAD}
DAEMON_OPTIONS(`Name=MTA-RX, Addr=127.0.0.1, Port={self.ports.front}')dnl
FEATURE(`accept_unresolvable_domains')dnl
include(`{RECIPE}/rx.m4')dnl
{self._places("rx")}
MAILER(`smtp')dnl
"""

    def _tx(self) -> str:
        """What is delivered goes to the sink."""
        return f"""\
define(`LAMSON_REENTRY', `{self.ports.reentry}')dnl
{_HEAD}
include(`{RECIPE}/tx.m4')dnl
{self._places("tx")}
undefine(`ALIAS_FILE')dnl
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h {self.ports.sink}')dnl
MAILER(`smtp')dnl
"""

    def _places(self, name: str) -> str:
        """A host has its queue and its pid file where the recipe says; the test has them in its own folder."""
        return f"""\
define(`QUEUE_DIR', `{self._folder}/queue-{name}')dnl
define(`STATUS_FILE', `{self._folder}/{name}.statistics')dnl
define(`confPID_FILE', `{self._folder}/{name}.pid')dnl
define(`confHOST_STATUS_DIRECTORY', `')dnl
define(`confMIN_QUEUE_AGE', `0')dnl"""


_HEAD = f"""\
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
define(`confDOMAIN_NAME', `{NAME}')dnl"""
