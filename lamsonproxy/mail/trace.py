"""The Received line that a hop puts in front of a mail.

Law: nothing from the peer gets into it but what is printable and cannot end a comment or a line; it is pure ASCII,
so it never makes a 7-bit mail an 8-bit one.

RFC 5321 §4.4 (trace information), RFC 3848 (the `with` words), RFC 5322 §3.3 (dates).
"""

from datetime import datetime
from email.utils import format_datetime

from lamsonproxy.mail.session import Session


def received_line(session: Session, *, hostname: str, version: str, trace: str, at: datetime) -> bytes:
    """The line, CRLF included. It names no recipient: that would tell one of them about the others (RFC 5321 §7.2)."""
    # The name before the literal would be the one that DNS knows, and nobody asked it.
    return (
        f"Received: from {_word(session.helo) or 'unknown'} ({_literal(session.peer)})\r\n"
        f"\tby {_word(hostname)} (lamsonproxy/{version}) with {session.protocol} id {trace};\r\n"
        f"\t{format_datetime(at)}\r\n"
    ).encode("ascii")


def _literal(peer: str) -> str:
    # RFC 5321 §4.1.3; a zone is of no meaning elsewhere.
    address = _word(peer.partition("%")[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]" if address else "unknown"


def _word(text: str) -> str:
    return "".join(ch if "!" <= ch <= "~" and ch not in "()\\;<>" else "?" for ch in text)[:255]
