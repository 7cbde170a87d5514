"""Encoded words: header text that is not ASCII, read and written.

Law: reading takes linear time and never raises. What `encode` writes, `decode` reads back as the same
text, where that is one line; see `NO_LINE`.

RFC 2047. Reading is more tolerant than the RFC: words may stand anywhere, be longer than 75 characters and
hold blanks, and a character may be split between two words of one charset, as many senders do.
"""

import binascii
import re
from collections.abc import Callable, Iterator

from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.defects import Defects

# Linear: each of the three runs ends at the next question mark, and a word can only start at one.
_WORD = re.compile(r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
NO_LINE = "\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029"
"""What is in no line, as a range of a regular expression: C0 but TAB, DEL, C1 (NEL is one of them), and the separators
that many readers take for line ends."""

_NO_LINE = re.compile(f"[{NO_LINE}]")
_NOT_BASE64 = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)
_Q_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")

_ROOM = 75 - len("=?utf-8?q??=")
"""Characters for the text of one encoded word (RFC 2047 §2)."""


def decode(text: str, defects: Defects) -> str:
    """Decode the encoded words in a header's text. The result is one line: a control character that
    a word smuggles in is read as a blank, so what was read can always be written again."""
    return one_line("".join(_pieces(text, defects)) if "=?" in text else text, defects)


def one_line(text: str, defects: Defects) -> str:
    """The text with a blank for each character that is in no line."""
    if not _NO_LINE.search(text):
        return text
    defects.note("a header holds control characters")
    return _NO_LINE.sub(" ", text)


def _pieces(text: str, defects: Defects) -> Iterator[str]:
    end, charset = 0, ""
    run: list[bytes] = []
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        adjacent = bool(run) and not between.strip(" \t")
        if run and not (adjacent and word[1].lower() == charset):
            yield to_text(b"".join(run), charset, defects)
            run = []
        if not adjacent:
            yield between
        charset, end = word[1].lower(), word.end()
        octets = word[3].encode("utf-8")
        run.append(from_base64(octets) if word[2] in "bB" else binascii.a2b_qp(octets, header=True))
    if run:
        yield to_text(b"".join(run), charset, defects)
    yield text[end:]


def from_base64(octets: bytes, limit: int | None = None) -> bytes:
    """Decode base64 up to its first padding, passing over what is none; at most `limit` octets of result."""
    digits = octets.translate(None, _NOT_BASE64).partition(b"=")[0]
    if limit is not None:
        digits = digits[: -(-limit // 3) * 4]
    # One digit alone holds six bits: no octet.
    usable = len(digits) - (len(digits) % 4 == 1)
    return binascii.a2b_base64(digits[:usable] + b"=" * (-usable % 4))[:limit]


def encode(text: str) -> list[str]:
    """The text as encoded words in UTF-8, each at most 75 characters, no character split between two."""
    in_q = sum(map(_q_length, text))
    in_b = -(-len(text.encode("utf-8")) // 3) * 4
    # Q can be read by people who look at the source, so it may be half as long again (RFC 2047 §4).
    if in_q <= in_b * 1.5:
        return [f"=?utf-8?q?{''.join(map(_q, piece))}?=" for piece in _cut(text, _q_length, _ROOM)]
    cut = _cut(text, _octets, _ROOM // 4 * 3)
    return [f"=?utf-8?b?{binascii.b2a_base64(piece.encode(), newline=False).decode()}?=" for piece in cut]


def _cut(text: str, length: Callable[[str], int], limit: int) -> Iterator[str]:
    start = room = 0
    for n, character in enumerate(text):
        need = length(character)
        if n > start and need > room:
            yield text[start:n]
            start = n
        room = (limit if n == start else room) - need
    yield text[start:]


def _octets(character: str) -> int:
    return len(character.encode("utf-8"))


def _q(character: str) -> str:
    if character in _Q_SAFE:
        return character
    return "_" if character == " " else "".join(f"={octet:02X}" for octet in character.encode("utf-8"))


def _q_length(character: str) -> int:
    return 1 if character in _Q_SAFE or character == " " else 3 * _octets(character)
