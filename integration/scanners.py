"""rspamd, spamd and clamd, each with a private configuration in a folder of its own, on a high port.

Law: no scanner of this machine is asked, and none of the network: name lookups are off. clamd's public signatures are
not there; the one that it has is ours, and knows EICAR.

scripts/get-scanners; clamd.conf(5), spamd(8), rspamd's "Global options".
"""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pytest

from integration.children import DIES_WITH_US, free_ports, kill_group, listens, poll

REPOSITORY = Path(__file__).parents[1]
START_LIMIT_S = 120
"""spamd compiles its rules first."""

GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

_RSPAMD = """\
options {{
  pidfile = "{folder}/rspamd.pid";
  tempdir = "{folder}";
  hs_cache_dir = "{folder}";
  control_socket = "{folder}/control.sock mode=0600";
  filters = "";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; add_header = 6; greylist = null; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
modules {{ path = []; }}
"""
_SPAMD = """\
use_bayes 0
skip_rbl_checks 1
dns_available no
"""
_WITHOUT = ("SPF", "DKIM", "DCC", "Razor2", "Pyzor", "AskDNS", "URIDNSBL", "SpamCop", "ASN", "DMARC")
"""Plugins that ask the network, or want libraries that may be missing."""
_CLAMD = """\
Foreground true
LogFile {folder}/clamd.log
DatabaseDirectory {folder}/signatures
TCPAddr 127.0.0.1
TCPSocket {port}
SelfCheck 0
"""
_SIGNATURE = "44d88612fea8a8f36de82e1278abb02f:68:Test.EICAR\n"
"""MD5 and size of the file; clamd adds ".UNOFFICIAL" to names that are not its publisher's."""


def find_scanners() -> dict[str, Path]:
    """Where the programs are. Skips the test where they are not, or fails it where REQUIRE_SCANNERS=1."""
    done = subprocess.run([REPOSITORY / "scripts/get-scanners"], capture_output=True, text=True, timeout=900)
    if done.returncode == 0:
        return {Path(line).name: Path(line) for line in done.stdout.splitlines()}
    reason = done.stderr.strip() or "no scanners"
    if os.environ.get("REQUIRE_SCANNERS") == "1":
        pytest.fail(f"REQUIRE_SCANNERS=1, but: {reason}")
    pytest.skip(reason)


class Daemon:
    """One scanner: started on entering, gone after leaving; in between stopped, started again, and held."""

    def __init__(self, name: str, program: Path) -> None:
        (self.port,) = free_ports(1)
        self._name, self._program = name, program
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix=f"lamsonproxy-{self._name}-"))
        try:
            # Its children may have dropped root's rights.
            self._folder.chmod(0o755)
            self._arguments = getattr(self, f"_lay_out_{self._name}")()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start, and wait until it listens."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, self._program, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            poll(f"{self._name} listens", lambda: listens(self.port), START_LIMIT_S, every_s=0.1)
        except TimeoutError as error:
            error.add_note((self._folder / "output").read_text("utf-8", "replace")[-3000:])
            raise

    def stop(self) -> None:
        """End it and its children."""
        if self._process is not None:
            self.release()
            kill_group(self._process)
        self._process = None

    def hold(self) -> None:
        """Let it listen and do nothing: SIGSTOP for it and its children."""
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def _lay_out_rspamd(self) -> list[str]:
        path = self._folder / "rspamd.conf"
        path.write_text(_RSPAMD.format(folder=self._folder, port=self.port))
        # -i: as whoever we are, root included.
        return ["-f", "-i", "-c", str(path)]

    def _lay_out_spamd(self) -> list[str]:
        for plugins in Path("/etc/spamassassin").glob("*.pre"):
            lines = plugins.read_text().splitlines()
            kept = [line for line in lines if not any(word in line for word in _WITHOUT)]
            (self._folder / plugins.name).write_text("\n".join(kept))
        (self._folder / "local.cf").write_text(_SPAMD)
        user = ["--username=nobody"] if os.getuid() == 0 else []
        return [
            "--local",
            f"--listen=127.0.0.1:{self.port}",
            "--max-children=2",
            f"--siteconfigpath={self._folder}",
            f"--pidfile={self._folder}/spamd.pid",
            "--syslog=stderr",
            "--nouser-config",
            *user,
        ]

    def _lay_out_clamd(self) -> list[str]:
        signatures = self._folder / "signatures"
        signatures.mkdir()
        (signatures / "own.hdb").write_text(_SIGNATURE)
        path = self._folder / "clamd.conf"
        path.write_text(_CLAMD.format(folder=self._folder, port=self.port))
        return ["-c", str(path)]
