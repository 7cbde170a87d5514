"""SMTP replies as values: code, enhanced status, text; bytes in and bytes out.

Law: what goes to the wire is printable ASCII, a code from 200 to 599 and never more than `LINE_LIMIT` octets a
line, whatever was put in. A reply that was read is kept as it was said, until it is written again.

RFC 5321 §4.2 (replies), RFC 3463 (enhanced status codes), RFC 2034 (where they stand).
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property

LINE_LIMIT = 480
"""Octets of text a line; RFC 5321 §4.5.3.1.5 allows 512 with the code and CRLF."""

LINES_LIMIT = 16
"""Lines of text in one reply that we write; a longer one from downstream is cut, not passed on."""

_STATUS = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\r\n]*))?\r?\n?\Z")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Reply:
    """One reply: `code` (RFC 5321), `status` (RFC 3463, "" when there is none) and `text`, lines split by LF."""

    code: int
    status: str
    text: str

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code < 600

    @property
    def ends_session(self) -> bool:
        """True for 221 and 421: whoever says it closes the connection (RFC 5321 §3.8)."""
        return self.code in (221, 421)

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.status, self.text.replace("\n", " / "))))

    @cached_property
    def encoded(self) -> bytes:
        """The reply as it goes to the wire, CRLF included."""
        lines = self.text.split("\n")[:LINES_LIMIT]
        head = f"{self.status} " if self.status else ""
        last = len(lines) - 1
        return b"".join(
            b"%d%s%s\r\n" % (self.code, b" " if n == last else b"-", _printable(head + line))
            for n, line in enumerate(lines)
        )


def _printable(text: str) -> bytes:
    return _UNPRINTABLE.sub("?", text)[:LINE_LIMIT].rstrip().encode("ascii")


def parse_line(line: bytes) -> tuple[int, bool, str]:
    """Read one line of a reply: its code, whether it is the last one, and the text.

    Raises ValueError when the line is no reply: a code outside 200 to 599 is none, because Postfix would take a
    999 that we passed on for a permanent refusal.
    """
    match = _LINE.match(line)
    if match is None:
        raise ValueError(f"not an SMTP reply: {line[:80]!r}")
    text = (match[3] or b"").decode("utf-8", "replace")
    return int(match[1]), match[2] != b"-", text


def from_lines(code: int, lines: list[str]) -> Reply:
    """Join the lines of one reply; the enhanced status is taken from the first and off all of them."""
    match = _STATUS.match(lines[0]) if lines else None
    # The class must agree with the code (RFC 2034 §4), or it is only text.
    if match is None or match[1][0] != str(code)[0]:
        return Reply(code, "", "\n".join(lines))
    status = match[1]
    return Reply(code, status, "\n".join(line.removeprefix(status).lstrip() for line in lines))


def with_trace(reply: Reply, trace: str) -> Reply:
    """The same reply with the trace id at the end of its text, by which the log lines are found."""
    return replace(reply, text=f"{reply.text} ({trace})")


TROUBLE = Reply(451, "4.3.0", "Temporary processing failure")
"""What every fault of ours is to the peer: Postfix keeps the mail and tries again (design law 1)."""
