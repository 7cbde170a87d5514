"""What a DKIM signature is over: whether an edit makes it false, without any key.

Law: nothing is verified here. Two messages that give a signature the same octets to hash are equally true to it, so a
signature that was false before is said to break only when what it covers has changed.

RFC 6376 §3.4 (canonicalisation), §3.5 (tags), §5.4.2 (fields are taken from the bottom, and may be signed as missing).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lamsonproxy.mail.headers import Field, Fields, unfold
from lamsonproxy.mail.message import Message

_BLANKS = re.compile(rb"[ \t]+")
_LINE_END = re.compile(rb"\r?\n")
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]+(?=\r\n|\Z)")
_ALL_BLANKS = re.compile(r"\s+")


def breaks_signature(before: Message, after: Message) -> bool:
    """Whether a signature of the first message is missing or no longer true of the second."""
    signatures = [field for field in before.headers if field.name.lower() == "dkim-signature"]
    kept = {field.raw for field in after.headers}
    bodies = _Bodies(before), _Bodies(after)
    return any(
        field.raw not in kept or _Signature.read(field).differs(before, after, *bodies)
        for field in signatures
    )


class _Bodies:
    """The body of a message in each canonical form, made once."""

    def __init__(self, message: Message) -> None:
        self.raw = message.raw[message.body_start :]
        self._forms: dict[str, bytes] = {}

    def form(self, algorithm: str) -> bytes:
        if algorithm not in self._forms:
            self._forms[algorithm] = _canonical_body(self.raw, algorithm)
        return self._forms[algorithm]


@dataclass(frozen=True, slots=True)
class _Signature:
    names: tuple[str, ...]
    header_algorithm: str
    body_algorithm: str
    length: int | None

    @classmethod
    def read(cls, field: Field) -> "_Signature":
        tags = _tags(field)
        header, _, body = tags.get("c", "").partition("/")
        length = tags.get("l", "")
        names = tuple(name.lower() for name in tags.get("h", "").split(":") if name)
        return cls(names, header, body, int(length[:20]) if length.isdecimal() else None)

    def differs(self, before: Message, after: Message, body: _Bodies, other: _Bodies) -> bool:
        if list(self._fields(before.headers)) != list(self._fields(after.headers)):
            return True
        if body.raw == other.raw:
            return False
        forms = body.form(self.body_algorithm), other.form(self.body_algorithm)
        return forms[0][: self.length] != forms[1][: self.length]

    def _fields(self, fields: Fields) -> Iterator[bytes]:
        """What is signed of the head, in the order of `h=`; nothing for a field that is signed as missing."""
        left: dict[str, list[Field]] = {name: [] for name in self.names}
        for field in fields:
            if field.name.lower() in left:
                left[field.name.lower()].append(field)
        for name in self.names:
            yield _canonical_field(left[name].pop(), self.header_algorithm) if left[name] else b""


def _tags(field: Field) -> Mapping[str, str]:
    text = unfold(field.raw_value).decode("latin-1")
    pairs = (tag.partition("=") for tag in text.split(";"))
    return {name.strip(): _ALL_BLANKS.sub("", value) for name, equals, value in pairs if equals}


def _canonical_field(field: Field, algorithm: str) -> bytes:
    if algorithm != "relaxed":
        return _LINE_END.sub(b"\r\n", field.raw)
    return field.name.lower().encode() + b":" + _BLANKS.sub(b" ", unfold(field.raw_value))


def _canonical_body(raw: bytes, algorithm: str) -> bytes:
    body = _LINE_END.sub(b"\r\n", raw)
    if algorithm == "relaxed":
        body = _BLANKS.sub(b" ", _TRAILING_BLANKS.sub(b"", body))
    stripped = body.rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped or algorithm != "relaxed" else b""
