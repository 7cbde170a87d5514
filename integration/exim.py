"""A private Exim with the recipe of mta-conf/exim, from unpacked packages, in a mount namespace of its own.

    front ──► router lamsonproxy ──► the service ──► re-entry ──► router onward ──► the sink

Law: see `overlay.py`. Exim insists on its account and its paths, and gets them.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from integration.children import DIES_WITH_US, kill_group, listens, poll
from integration.overlay import REPOSITORY, over_ours, with_accounts

RECIPE = REPOSITORY / "mta-conf" / "exim" / "conf.d"
_UID = 64099


@dataclass(frozen=True, slots=True)
class EximPorts:
    """Where everybody listens, on 127.0.0.1."""

    front: int
    reentry: int
    door: int
    sink: int


class PrivateExim:
    """One instance, started on entering and gone without a trace after leaving."""

    def __init__(self, packages: Path, ports: EximPorts) -> None:
        self.ports = ports
        self._packages = packages
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="lamsonproxy-exim-"))
        self._folder.chmod(0o755)
        for name in ("spool", "log"):
            (self._folder / name).mkdir()
            os.chown(self._folder / name, _UID, _UID)
        etc = self._folder / "etc"
        (etc / "exim4").mkdir(parents=True)
        with_accounts(etc, {"Debian-exim": _UID})
        (etc / "exim4" / "exim4.conf").write_text(self._configuration())
        try:
            self._process = self._start("-bdf", "-q1s")
            poll("Exim listens", lambda: listens(self.ports.front) and listens(self.ports.reentry), 20)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            kill_group(self._process)
        shutil.rmtree(self._folder)

    def log(self) -> str:
        return "".join(
            path.read_text("utf-8", "replace") for path in sorted((self._folder / "log").iterdir())
        )

    def queue_count(self) -> int:
        """The mails in the queue."""
        return len(list((self._folder / "spool" / "input").rglob("*-H")))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        words = over_ours(self._folder / "etc", self._packages, "/usr/sbin/exim4", *arguments)
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [*DIES_WITH_US, *words], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )

    def _configuration(self) -> str:
        recipe = {path.parent.name: path.read_text() for path in RECIPE.glob("*/*_lamsonproxy")}
        return f"""\
LAMSON_DOOR = {self.ports.door}
LAMSON_REENTRY = {self.ports.reentry}
{recipe["main"]}
keep_environment =
primary_hostname = mx.exim.test
spool_directory = {self._folder}/spool
log_file_path = {self._folder}/log/%s
pid_file_path = {self._folder}/exim.pid
local_interfaces = <; 127.0.0.1.{self.ports.front} ; 127.0.0.1.{self.ports.reentry}
dsn_advertise_hosts = *
tls_advertise_hosts =
smtp_accept_max_per_connection = 0
acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
{recipe["acl"]}
  accept hosts = 127.0.0.1
begin routers
{recipe["router"]}
onward:
  driver = manualroute
  transport = onward
  route_list = * 127.0.0.1
  self = send
begin transports
{recipe["transport"]}
onward:
  driver = smtp
  port = {self.ports.sink}
  allow_localhost
  message_linelength_limit = 1000000000
begin retry
* * F,1h,1s
"""
