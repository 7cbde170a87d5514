"""The addresses in a header such as From, with the names that people see.

Law: linear, never raises; comments and display names are never mistaken for addresses, and a name that looks like an
address is none.

RFC 5322 §3.4 (addresses), §3.2.2 (comments), §4.4 (obsolete forms).
"""

import re
from collections.abc import Iterator
from itertools import islice

from lamsonproxy.mail import words
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import Mailbox
from lamsonproxy.mail.headers import unfold

OCTETS_LIMIT = 8 * 1024
"""Octets of a header read: the first address is at its beginning."""

LIST_LIMIT = 256 * 1024
"""Octets of a header of which all addresses are read: more than Postfix lets through (header_size_limit)."""

MAILBOXES_LIMIT = 5_000
"""Addresses read of one header."""

# Angle brackets may stand in a quoted local part, and nowhere else between angle brackets.
_TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|\\.|[(),:;]|<(\s*+"(?:[^"\\]|\\.)*+"@[^<>]*+|[^<>]*+)>|[^"\\()<,:;]++', re.DOTALL
)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_LOCAL = re.compile(r'\s*+("(?:[^"\\]|\\.)++"@(?:\[[^\s\]]*+\]|[^\s:;,]+))', re.DOTALL)
_BLANKS = re.compile(r"\s+")


def first_address(raw_value: bytes) -> str:
    """`local@domain` of the first mailbox, in its own spelling; "" when there is none."""
    text = words.one_line(unfold(raw_value[:OCTETS_LIMIT]).decode("utf-8", "replace"), Defects())
    comments = 0
    bare = ""
    for token in _TOKEN.finditer(text):
        if token[0] in "()":
            comments = max(comments + (1 if token[0] == "(" else -1), 0)
        elif comments:
            continue
        elif token[1] is not None and token[1].strip():
            return Address(token[1].strip()).spec
        elif token[0] == "," and "@" in bare:
            break
        else:
            bare += token[0]
    return _bare_address(bare)


def _bare_address(text: str) -> str:
    """The address in text without angle brackets, perhaps behind a group's name."""
    if quoted := _QUOTED_LOCAL.match(text):
        return quoted[1]
    local, at, domain = text.partition("@")
    local_words, domain_words = re.split(r"[\s:;]", local), re.split(r"[\s;,]", domain)
    return f"{local_words[-1]}@{domain_words[0]}" if at and local_words[-1] and domain_words[0] else ""


def read_mailboxes(raw_value: bytes, defects: Defects) -> tuple[Mailbox, ...]:
    """All mailboxes, those in groups too, each address in its own spelling and its name decoded."""
    if len(raw_value) > LIST_LIMIT:
        defects.note("a header of addresses is too long to be read whole")
    octets = unfold(raw_value[:LIST_LIMIT])
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    readings = _split(words.one_line(text, defects))
    all_of_them = (mailbox for mailbox in map(_Reading.mailbox, readings) if mailbox is not None)
    found = list(islice(all_of_them, MAILBOXES_LIMIT + 1))
    if len(found) > MAILBOXES_LIMIT:
        defects.note("a header has too many addresses to be read whole")
    return tuple(Mailbox(address, words.decode(name, defects)) for address, name in found[:MAILBOXES_LIMIT])


class _Reading:
    """What has been seen of one mailbox."""

    __slots__ = ("address", "comment", "phrase")

    def __init__(self) -> None:
        self.address = ""
        self.phrase: list[str] = []
        self.comment: list[str] = []

    def mailbox(self) -> tuple[Address, str] | None:
        phrase, comment = _plain(self.phrase), _plain(self.comment)
        if self.address:
            return Address(self.address), phrase or comment
        bare = _bare_address("".join(self.phrase).strip())
        return (Address(bare), comment) if bare else None


def _split(text: str) -> Iterator[_Reading]:
    reading, comments = _Reading(), 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("(", ")"):
            comments = max(comments + (1 if token[0] == "(" else -1), 0)
        elif comments:
            reading.comment.append(token[0])
        elif token[0] in (",", ";"):
            yield reading
            reading = _Reading()
        elif token[0] == ":" and not any("@" in piece for piece in reading.phrase):
            # What stood before it is the name of a group.
            reading = _Reading()
        elif token[1] is not None:
            reading.address = reading.address or token[1].strip()
        else:
            reading.phrase.append(token[0])
    yield reading


def _plain(pieces: list[str]) -> str:
    text = "".join(_unquoted(piece) for piece in pieces)
    return _BLANKS.sub(" ", text).strip()


def _unquoted(piece: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", piece[1:].removesuffix('"') if piece.startswith('"') else piece)
