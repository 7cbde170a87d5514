"""The outside world: an SMTP client that sends exactly the bytes it is given.

Law: nothing is added, converted or checked. smtplib would do all three, and a test of bytes must not.

RFC 5321 §4.5.2 (dots), RFC 2920 (pipelining).
"""

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

PATIENCE_S = 120.0
"""How long a reply may take; only a machine that is very busy comes near."""

_DOT_AT_LINE_START = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Rcpt:
    """One RCPT command: the address without brackets, and its parameters as written."""

    address: str
    options: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """One transaction to be sent. The content is neither stuffed nor ended."""

    sender: str
    recipients: Sequence[Rcpt]
    content: bytes
    options: str = ""


class Refused(Exception):
    """The server did not say what was expected of it."""


class Client:
    """One session. EHLO is said on entering, QUIT on leaving."""

    def __init__(self, port: int, name: str = "client.example") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")
        self._name = name

    def __enter__(self) -> Self:
        try:
            self.expect("220")
            self.command(f"EHLO {self._name}", "250")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.write(b"QUIT\r\n")
        except OSError:
            pass  # The server has gone already, which some tests are about.
        self._replies.close()
        self._socket.close()

    def send(self, mail: Mail) -> str:
        """Send one mail, every RCPT of which must be taken; the reply to the end of data. Raises Refused."""
        self.envelope(mail)
        # Postfix ends a line at a bare LF too and takes the dot off after it, so a dot there is stuffed too.
        self.write(_DOT_AT_LINE_START.sub(b"..", mail.content))
        return self.finish(b".\r\n" if _ends_a_line(mail.content) else b"\r\n.\r\n")

    def envelope(self, mail: Mail) -> None:
        """Everything up to the reply 354. Raises Refused."""
        commands = [f"MAIL FROM:<{mail.sender}> {mail.options}".rstrip()]
        commands += [f"RCPT TO:<{rcpt.address}> {rcpt.options}".rstrip() for rcpt in mail.recipients]
        for some in _batches(commands, 100):
            self.write("".join(f"{line}\r\n" for line in some).encode())
            for _ in some:
                self.expect("250")
        self.command("DATA", "354")

    def finish(self, end: bytes) -> str:
        """Send the end of data; the reply, which must be 250. Raises Refused."""
        self.write(end)
        return self.expect("250")

    def command(self, line: str, code: str) -> str:
        self.write(f"{line}\r\n".encode())
        return self.expect(code)

    def write(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def expect(self, code: str) -> str:
        """The next reply's last line. Raises Refused when it is another code."""
        line = self.reply()
        if not line.startswith(code):
            raise Refused(f"expected {code}, got {line or 'the end of the session'}")
        return line

    def reply(self) -> str:
        """The last line of the next reply, "" at the end of the session."""
        while True:
            line = self._replies.readline().decode("utf-8", "replace").rstrip("\r\n")
            if line[3:4] != "-":
                return line


def send_all(port: int, mails: Iterable[Mail]) -> None:
    """Send mails one after the other in one session."""
    with Client(port) as client:
        for mail in mails:
            client.send(mail)


def _ends_a_line(content: bytes) -> bool:
    return not content or content.endswith(b"\r\n")


def _batches(commands: list[str], size: int) -> Iterable[list[str]]:
    return (commands[start : start + size] for start in range(0, len(commands), size))
