"""The Received line that a hop puts in front of a mail, and how it is known again.

    Received: from mx.example.org ([127.0.0.1])
            by filter.example.org (lamsonproxy/1.0 3f9ac21be04d) with ESMTP id 7QF3T0A1B2;

The word behind the version is the instance: a mail with too many lines of the same instance goes round in a loop.
Whoever forges such lines harms his own mail alone.

Law: nothing from the peer gets into it but what is printable and cannot end a comment or a line; it is pure ASCII,
so it never makes a 7-bit mail an 8-bit one.

RFC 5321 §4.4 (trace information), RFC 3848 (the `with` words), RFC 5322 §3.3 (dates).
"""

import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session

_UNSAFE = re.compile(r"[^!-~]|[()\\;<>]")


def received_line(
    session: Session, *, hostname: str, version: str, instance: str, trace: str, at: datetime
) -> bytes:
    """The line, CRLF included. It names no recipient: that would tell one of them about the others (RFC 5321 §7.2)."""
    # The name before the literal would be the one that DNS knows, and nobody asked it.
    return (
        f"Received: from {_word(session.helo) or 'unknown'} ({_literal(session.peer)})\r\n"
        f"\tby {_word(hostname)} (lamsonproxy/{version} {_word(instance)}) with {session.protocol} id {trace};\r\n"
        f"\t{format_datetime(at)}\r\n"
    ).encode("ascii")


def count_own(message: Message, instance: str) -> int:
    """How many Received lines of this instance the mail has."""
    return len(_own(instance).findall(message.raw, message.head.start, message.head.end))


@lru_cache(maxsize=16)
def _own(instance: str) -> re.Pattern[bytes]:
    return re.compile(rb"\(lamsonproxy/[!-'*-~]++ " + re.escape(_word(instance).encode("ascii")) + rb"\)")


def _literal(peer: str) -> str:
    if peer.startswith("/"):
        return "unix socket"
    # RFC 5321 §4.1.3; a zone is of no meaning elsewhere.
    address = _word(peer.partition("%")[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]" if address else "unknown"


def _word(text: str) -> str:
    return _UNSAFE.sub("?", text[:255])
