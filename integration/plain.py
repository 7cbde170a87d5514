"""A private Postfix that knows nothing of us: what `lamson postfix` finds on a postmaster's machine.

    front ──► queue ──final──► the sink

Law: the configuration is changed by `lamson postfix` alone, started as a postmaster would start it.
"""

import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from integration.children import DIES_WITH_US, listens
from integration.fragments import Options, Ports, Programs, main_cf, master_cf
from integration.postfix import PrivatePostfix
from integration.service import REPOSITORY, Service
from lamsonproxy.postfix.postconf import Postfix

LIMIT_S = 180
_ENTRY = re.compile(r"(?m)^(?![#\s]).*\n(?:[ \t].*\n)*")
_OURS = re.compile(
    r"^(?:scan|enable_long_queue_ids|local_header_rewrite_clients|(?:message|header)_size_limit)|syslog_name=postfix/(?:null|reentry)"
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


class PlainPostfix(PrivatePostfix):
    """The private Postfix without filter, transport and re-entry."""

    def lamson(
        self, command: str, *words: str, settings: Path | None = None, folder: Path | None = None
    ) -> Said:
        """`lamson postfix COMMAND` for this instance, or for another folder."""
        process = self.begin_lamson(command, *words, settings=settings, folder=folder)
        out, err = process.communicate(timeout=LIMIT_S)
        return Said(process.returncode, out.decode(), err.decode())

    def begin_lamson(
        self, command: str, *words: str, settings: Path | None = None, folder: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """The command on its way."""
        arguments = [command, *words, "--config-dir", str(folder or self.etc)]
        if settings is not None:
            arguments += ["-c", str(settings)]
        environment = self._environment()
        environment["PATH"] = f"{self._programs.commands}:{environment['PATH']}"
        return subprocess.Popen(
            [*DIES_WITH_US, sys.executable, "-m", "lamsonproxy", "postfix", *arguments],
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def shown(self) -> tuple[str, str]:
        """`postconf -n` and `postconf -M`."""
        return self._run("postconf", "-n"), self._run("postconf", "-M")

    def postconf(self, *words: str) -> str:
        return self._run("postconf", *words)

    def _takes_mail(self) -> bool:
        return listens(self.ports.front)

    def _lay_out(self) -> None:
        super()._lay_out()
        services = master_cf(self.ports, self._options)
        (self.etc / "master.cf").write_text(unfiltered(services))
        settings = main_cf(self._folder, self._programs, self.ports, self._options)
        (self.etc / "main.cf").write_text(unfiltered(settings))
        grow_old(self.etc)


class EarlyService(Service):
    """A service that stands before Postfix knows of it: no re-entry answers yet, so it is not ready by its own word."""

    def _is_ready_or_gone(self) -> bool:
        return self._process is None or self._process.poll() is not None or self._has_a_worker()

    def _has_a_worker(self) -> bool:
        with suppress(OSError):
            return self.metric("lamson_workers") >= 1
        return False


def configuration(folder: Path, programs: Programs, ports: Ports, more_services: str = "") -> Postfix:
    """A configuration directory that nobody runs on, for what needs postconf(1) alone."""
    folder.mkdir()
    (folder / "main.cf").write_text(unfiltered(main_cf(folder, programs, ports, Options())))
    (folder / "master.cf").write_text(unfiltered(master_cf(ports, Options())) + more_services)
    grow_old(folder)
    return Postfix(folder, {"PATH": str(programs.commands), "LD_LIBRARY_PATH": str(programs.libraries)})


def grow_old(folder: Path) -> None:
    """Postfix waits for two seconds where a main.cf was written just now, in case its author is not done."""
    os.utime(folder / "main.cf", (0, 0))


def unfiltered(text: str) -> str:
    """main.cf or master.cf of the private Postfix without a filter, its transport, its re-entry and its baseline."""
    return "".join(
        entry.partition("\n")[0] + "\n" for entry in _ENTRY.findall(text) if not _OURS.search(entry)
    )
