"""People who write mail with swaks(1), and read what comes to the sink.

Law: swaks sends the octets that it is given and adds none, and whoever `hears` a mail hears it once.

swaks(1), --no-data-fixup.
"""

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from integration import arrival
from integration.children import poll
from tests.downstream import RawSink, SunkMail

REPOSITORY = Path(__file__).parents[1]
LIMIT_S = 120

_QUEUED = re.compile(r"^<- .*queued as (\w+)", re.MULTILINE)
_FROM = re.compile(rb"^From: .*?([^\s<]+@[^\s>]+)", re.MULTILINE)


def find_swaks() -> Path:
    """Where swaks is. Skips the test where there is none, or fails it where REQUIRE_POSTFIX=1."""
    done = subprocess.run([REPOSITORY / "scripts/get-swaks"], capture_output=True, text=True, timeout=600)
    if done.returncode == 0:
        return Path(done.stdout.strip())
    reason = done.stderr.strip() or "no swaks"
    if os.environ.get("REQUIRE_POSTFIX") == "1":
        pytest.fail(f"REQUIRE_POSTFIX=1, but: {reason}")
    pytest.skip(reason)


@dataclass(slots=True)
class Correspondent:
    """Somebody who sends at a port, and whose mail is at the sink."""

    swaks: Path
    address: str
    port: int
    sink: RawSink
    _heard: list[SunkMail] = field(default_factory=list)

    def says(self, subject: str, to: str, *, headers: str = "", envelope_sender: str | None = None) -> str:
        """Send a short mail; its queue id. `headers` are lines with their ends, `envelope_sender` may be empty."""
        head = f"From: {self.address}\r\nTo: {to}\r\nSubject: {subject}\r\n{headers}\r\n"
        return self.sends(
            f"{head}{subject}\r\n".encode(),
            to,
            self.address if envelope_sender is None else envelope_sender,
        )

    def sends(self, content: bytes, to: str, sender: str | None = None) -> str:
        """Send these very octets, which end with a line; the queue id."""
        data = re.sub(rb"(?m)^\.", b"..", content) + b".\r\n"
        words = ("--server", "127.0.0.1", "--port", str(self.port), "--helo", "client.example", "--to", to)
        envelope = ("--from", f"<{self.address if sender is None else sender}>")
        done = subprocess.run(
            [self.swaks, *words, *envelope, "--data", "-", "--no-data-fixup"],
            input=data,
            capture_output=True,
            timeout=LIMIT_S,
        )
        said = done.stdout.decode("utf-8", "replace")
        queued = _QUEUED.search(said)
        assert done.returncode == 0 and queued, f"{said}\n{done.stderr.decode('utf-8', 'replace')}"
        return queued[1]

    def hears(self, words: str) -> SunkMail:
        """The next mail to this address with these words in it. Raises TimeoutError."""
        poll(f"{self.address} hears {words!r}", lambda: bool(self.unheard(words)), LIMIT_S)
        mail = self.unheard(words)[0]
        self._heard.append(mail)
        return mail

    def unheard(self, words: str = "") -> list[SunkMail]:
        """What has come to this address and was not heard yet."""
        return [
            mail
            for mail in list(self.sink.mails)
            if self.address in arrival.recipients(mail)
            and mail not in self._heard
            and words.encode() in mail.content
        ]


def author(mail: SunkMail) -> str:
    """The address in From, where an answer goes."""
    match = _FROM.search(mail.content)
    assert match, mail.content
    return match[1].decode()
