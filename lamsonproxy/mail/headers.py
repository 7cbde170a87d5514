"""The head of a message: where it ends, and its fields, each with the octets it was read from.

Law: reading never raises and never changes an octet; every field keeps its own spelling, folding and line
end. The head ends where Postfix sees it end: at the first empty line, or at the first line that is neither a
field nor a continuation. Finding the end costs one regular expression search; fields are only made when
somebody asks.

RFC 5322 §2.2 (fields, folding) and §4.5 (blanks before the colon), RFC 6532 (UTF-8 in headers), Postfix's
is_header(3) and mime_state(3).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.words import decode

FIELDS_LIMIT = 10_000
"""Fields read. Real mail has some hundreds at most; reading 10,000 takes about 10 ms."""

OCTETS_LIMIT = 1024 * 1024
"""Octets of fields read: ten times what Postfix allows one header (header_size_limit)."""

_NAME = rb"[!-9;-~]++[ \t]*+:"
FIELD_START = re.compile(_NAME)
_LAST_LINE_END = re.compile(rb"\n(?![ \t]|" + _NAME + rb")")
_FIELD_END = re.compile(rb"\n(?![ \t])")
# smtp_get(3) takes all CRs off before the LF, so CR CR LF is an empty line too.
_EMPTY_LINE = re.compile(rb"\r*+\n")
# smtpd(8) turns these into X-Mailbox-Line fields; whoever else sends them means them as no part of the head.
_MBOX_LINES = re.compile(rb"(?:>*+From [^\n]*+\n)*+")
_MBOX_LINE = re.compile(rb">*+From ")
_CONTINUATION = re.compile(rb"[ \t]")
_RECEIVED_FIRST = re.compile(rb"received[ \t]*+:", re.IGNORECASE)
# Begins with one plain octet, so that the search runs at the speed of memchr(3).
_RECEIVED = re.compile(rb"\n[Rr][Ee][Cc][Ee][Ii][Vv][Ee][Dd][ \t]*+:")
_DELIVERED_TO_FIRST = re.compile(rb"delivered-to[ \t]*+:", re.IGNORECASE)
_DELIVERED_TO = re.compile(rb"\n[Dd][Ee][Ll][Ii][Vv][Ee][Rr][Ee][Dd]-[Tt][Oo][ \t]*+:")
# The look behind keeps it linear: a run of CRs is tried once, not from each of its octets.
_FOLDING = re.compile(rb"(?<!\r)\r*+\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Field:
    """One header field. Two fields are equal when their octets are."""

    raw: bytes
    """All its octets, with folding and line end."""

    @property
    def name(self) -> str:
        """The name as it was written."""
        return self.raw.partition(b":")[0].rstrip(b" \t").decode("ascii", "replace")

    @property
    def raw_value(self) -> bytes:
        """The octets behind the colon, folding included, without the last line end."""
        return self.raw.partition(b":")[2].rstrip(b"\r\n")

    @property
    def value(self) -> str:
        """The value unfolded, decoded, and without the blanks around it: one line, whatever stood there."""
        return self.read(Defects())

    def read(self, defects: Defects) -> str:
        """The value, as `value` gives it; what was wrong with it is noted."""
        octets = unfold(self.raw_value)
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:
            defects.note("a header holds octets that are not UTF-8")
            text = octets.decode("latin-1")
        return decode(text, defects)


def unfold(raw_value: bytes) -> bytes:
    """A value on one line (RFC 5322 §2.2.3), without the blanks around it."""
    return _FOLDING.sub(b"", raw_value).strip(b" \t\r\n")


class Fields:
    """Reading by name, not minding capitals, over whatever `__iter__` gives. "" is what is not there."""

    def __init__(self, notes: Defects) -> None:
        self.notes = notes

    def __iter__(self) -> Iterator[Field]:
        raise NotImplementedError

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(self._named(name))

    def get(self, name: str, default: str = "") -> str:
        """The decoded value of the first field of this name."""
        field = next(self._named(name), None)
        return default if field is None else field.read(self.notes)

    def get_all(self, name: str) -> list[str]:
        """The decoded values of all fields of this name, from the top."""
        return [field.read(self.notes) for field in self._named(name)]

    def count(self, name: str) -> int:
        """How many fields have this name."""
        return sum(1 for _ in self._named(name))

    def raw_value(self, name: str) -> bytes:
        """The octets of the first field's value; empty when there is none."""
        field = next(self._named(name), None)
        return b"" if field is None else field.raw_value

    def _named(self, name: str) -> Iterator[Field]:
        wanted = name.lower()
        return (field for field in self if field.name.lower() == wanted)


class Headers(Fields):
    """The fields between two offsets of a message. Never changes; `Edits` has the working copy."""

    def __init__(self, raw: bytes, start: int, end: int, notes: Defects) -> None:
        super().__init__(notes)
        self._raw, self._start, self._end = raw, start, end

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def _named(self, name: str) -> Iterator[Field]:
        return iter(self._by_name.get(name.lower(), ()))

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Field]]:
        by_name: dict[str, list[Field]] = {}
        for field in self.fields:
            by_name.setdefault(field.name.lower(), []).append(field)
        return by_name

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All fields that are read: the limits of this module may leave some out at the end."""
        fields: list[Field] = []
        at = self._start
        stop = min(self._end, self._start + OCTETS_LIMIT)
        while at < self._end:
            match = _FIELD_END.search(self._raw, at, stop)
            end = match.end() if match else stop
            if len(fields) == FIELDS_LIMIT or (end == stop < self._end):
                self.notes.note("the head is too long to be read whole")
                break
            fields.append(Field(self._raw[at:end]))
            at = end
        return tuple(fields)

    @cached_property
    def unread(self) -> bytes:
        """The octets of the head behind the last field that is read."""
        return self._raw[self._start + sum(len(field.raw) for field in self.fields) : self._end]


@dataclass(frozen=True, slots=True)
class Head:
    """Three offsets: where the first field begins, where the last one ends, and where the body begins."""

    start: int
    end: int
    body_start: int


def find_head(raw: bytes, defects: Defects) -> Head:
    """Find the head of a message."""
    mbox = _MBOX_LINES.match(raw)
    start = mbox.end() if mbox else 0
    if start:
        defects.note("the message begins with an mbox line")
    end = _end_of_fields(raw, start)
    body_start = after_empty_line(raw, end)
    if body_start == end < len(raw):
        defects.note("the head ends at a line that is neither a field nor empty")
    return Head(start, end, body_start)


def find_part_head(raw: bytes) -> Head:
    """Find the head of one MIME part: there is no mbox line in front of it."""
    end = _end_of_fields(raw, 0)
    return Head(0, end, after_empty_line(raw, end))


def _end_of_fields(raw: bytes, start: int) -> int:
    if not FIELD_START.match(raw, start):
        return start
    match = _LAST_LINE_END.search(raw, start)
    return match.end() if match else len(raw)


def after_empty_line(raw: bytes, at: int) -> int:
    """The offset behind the empty line here; this offset when there is none."""
    match = _EMPTY_LINE.match(raw, at)
    return match.end() if match else at


def gap(fields: bytes, below: bytes | memoryview) -> bytes:
    """An empty line where what stands right below these fields would be read as more of the head: as a continuation,
    which smtpd(8) prevents in the same way, or below no fields as an mbox line."""
    return b"\r\n" if (_CONTINUATION if fields else _MBOX_LINE).match(below) else b""


def count_received(raw: bytes, head: Head) -> int:
    """The number of Received fields, without making any: every mail is asked this, as a loop guard."""
    first = _RECEIVED_FIRST.match(raw, head.start, head.end)
    return bool(first) + len(_RECEIVED.findall(raw, head.start, head.end))


def count_delivered_to(raw: bytes, head: Head) -> int:
    """The number of Delivered-To fields: Postfix's local(8) writes one where mail is forwarded."""
    first = _DELIVERED_TO_FIRST.match(raw, head.start, head.end)
    return bool(first) + len(_DELIVERED_TO.findall(raw, head.start, head.end))


def below_received(raw: bytes, head: Head) -> int:
    """The offset behind the topmost Received field; 0 when there is none."""
    field = _RECEIVED_FIRST.match(raw, head.start, head.end) or _RECEIVED.search(raw, head.start, head.end)
    if field is None:
        return 0
    end = _FIELD_END.search(raw, field.end(), head.end)
    return end.end() if end else head.end
