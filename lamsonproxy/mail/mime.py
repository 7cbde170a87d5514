"""The MIME tree of a message: every entity as offsets into the octets that came.

Law: one pass over the body with a stack of open entities; no recursion, no second look at a line, whatever
the nesting, because the boundaries in force are one dictionary. Nothing is decoded until `content` or `text`
is asked, nothing is ever decompressed, and reading never raises.

RFC 2046 §5.1 (multipart) and §5.2 (message), Postfix's mime_state(3), whose limit of a boundary this shares.
"""

import re
from dataclasses import dataclass, field

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.detection import Detection
from lamsonproxy.mail.headers import FIELD_START, Head, Headers, after_empty_line
from lamsonproxy.mail.parameters import Parameterized, parse
from lamsonproxy.mail.part import Part

PARTS_LIMIT = 10_000
"""Entities read; what follows is taken as the content of the last one."""

DEPTH_LIMIT = 100
"""Entities within each other. Postfix stops at 100 (mime_nesting_limit)."""

BOUNDARY_LIMIT = 2048
"""Octets of a boundary (mime_boundary_length_limit); RFC 2046 has 70."""

# A delimiter is `--`, the boundary, perhaps `--`, and blanks that gateways add (RFC 2046 §5.1.1).
_DELIMITER_LIMIT = BOUNDARY_LIMIT + 80
_HEAD_MAY_END = re.compile(rb"\n(?:(?=--)|(?![ \t]|" + FIELD_START.pattern + rb"))")
_UNCODED = ("", "7bit", "8bit", "binary")


@dataclass(slots=True)
class _Entity:
    """An entity while it is read: where it ends is not known yet."""

    start: int
    body_start: int
    headers: Headers
    content: Parameterized
    depth: int
    in_message: bool
    boundary: bytes = b""
    shadowed: int | None = None
    """Where in the stack the same boundary was open already."""
    end: int = field(default=-1)

    @property
    def holds_message(self) -> bool:
        encoding = self.headers.raw_value("Content-Transfer-Encoding").strip().lower()
        return (
            self.content.value in ("message/rfc822", "message/global")
            and encoding.decode("latin-1") in _UNCODED
        )


def scan(raw: bytes, head: Head, headers: Headers, defects: Defects) -> tuple[Part, ...]:
    """All entities of a message in the order in which they begin; the first is the message itself."""
    scanner = _Scan(raw, defects)
    scanner.begin(head, headers)
    detection = Detection()
    return tuple(
        Part(
            raw, e.start, e.body_start, e.end, e.depth, e.headers, e.content, e.in_message, defects, detection
        )
        for e in scanner.entities
    )


class _Scan:
    def __init__(self, raw: bytes, defects: Defects) -> None:
        self.entities: list[_Entity] = []
        self._raw = raw
        self._defects = defects
        self._open: list[_Entity] = []
        self._boundaries: dict[bytes, int] = {}

    def begin(self, head: Head, headers: Headers) -> None:
        self._push(head.start, head.body_start, headers)
        at = self._enter_messages()
        while self._boundaries:
            # The line feed before the line is part of what is searched, so the search begins one octet early.
            line_feed = self._raw.find(b"\n--", max(at - 1, 0))
            if line_feed < 0:
                break
            at = self._meet(line_feed + 1)
        if self._boundaries:
            self._defects.note("a multipart is not ended")
        self._close(0, len(self._raw))

    def _meet(self, line: int) -> int:
        """Look at a line that begins with dashes; give the offset from which to search on."""
        index, is_last = self._delimiter(line)
        if index is None:
            return line + 2
        self._close(index + 1, line - 1)
        if is_last:
            self._retire(self._open[index])
            return line + 2
        if len(self.entities) >= PARTS_LIMIT:
            self._defects.note("too many MIME parts to read them all")
            self._close(0, len(self._raw))
            return len(self._raw)
        return self._enter_part(self._open[index], self._line_after(line))

    def _delimiter(self, line: int) -> tuple[int | None, bool]:
        """Whose delimiter the line is, as an index into the stack, and whether it is that one's last."""
        stop = self._raw.find(b"\n", line, line + _DELIMITER_LIMIT)
        text = self._raw[line + 2 : stop if stop >= 0 else line + _DELIMITER_LIMIT].rstrip(b" \t\r")
        if (index := self._boundaries.get(text)) is not None:
            return index, False
        return (self._boundaries.get(text[:-2]), True) if text.endswith(b"--") else (None, False)

    def _line_after(self, at: int) -> int:
        return self._raw.find(b"\n", at) + 1 or len(self._raw)

    def _enter_part(self, parent: _Entity, start: int) -> int:
        default = "message/rfc822" if parent.content.value == "multipart/digest" else "text/plain"
        self._enter(start, default)
        return self._enter_messages()

    def _enter_messages(self) -> int:
        """Enter the message that the innermost entity holds, and the one that this holds, and so on."""
        while (entity := self._open[-1]).holds_message:
            if len(self._open) >= DEPTH_LIMIT or len(self.entities) >= PARTS_LIMIT:
                self._defects.note("MIME parts are nested too deeply to read them all")
                break
            self._enter(entity.body_start, "text/plain")
        return self._open[-1].body_start

    def _enter(self, start: int, default: str) -> None:
        head_end = self._end_of_head(start)
        headers = Headers(self._raw, start, head_end, self._defects)
        self._push(start, after_empty_line(self._raw, head_end), headers, default)

    def _end_of_head(self, start: int) -> int:
        """As for a message's head, but a delimiter ends it too; a boundary may look like a field's name."""
        at = start
        while FIELD_START.match(self._raw, at) and not self._is_delimiter(at):
            match = _HEAD_MAY_END.search(self._raw, at)
            if match is None:
                return len(self._raw)
            at = match.end()
        return at

    def _is_delimiter(self, line: int) -> bool:
        return self._raw.startswith(b"--", line) and self._delimiter(line)[0] is not None

    def _push(self, start: int, body_start: int, headers: Headers, default: str = "text/plain") -> None:
        raw_type = headers.raw_value("Content-Type")
        content = parse(raw_type, self._defects) if raw_type else Parameterized(default)
        if "/" not in content.value:
            # What cannot be read is plain text (RFC 2045 §5.2).
            content = Parameterized("text/plain", content.params)
        outer = self._open[-1] if self._open else None
        in_message = outer is not None and (outer.in_message or outer.holds_message)
        entity = _Entity(start, body_start, headers, content, len(self._open), in_message)
        self._open.append(entity)
        self.entities.append(entity)
        if content.value.startswith("multipart/"):
            self._expect(entity, content.boundary)

    def _expect(self, entity: _Entity, boundary: bytes) -> None:
        if not boundary or len(boundary) > BOUNDARY_LIMIT:
            self._defects.note("a multipart has no boundary that can be used")
        elif len(self._open) >= DEPTH_LIMIT:
            self._defects.note("MIME parts are nested too deeply to read them all")
        else:
            entity.boundary = boundary.rstrip(b" \t")
            entity.shadowed = self._boundaries.get(entity.boundary)
            self._boundaries[entity.boundary] = len(self._open) - 1

    def _close(self, index: int, end: int) -> None:
        """End the open entities from this index inwards; a line end there belongs to the delimiter."""
        if end < len(self._raw) and self._raw[end - 1 : end] == b"\r":
            end -= 1
        for entity in reversed(self._open[index:]):
            entity.end = max(end, entity.body_start)
            self._retire(entity)
        del self._open[index:]

    def _retire(self, entity: _Entity) -> None:
        if not entity.boundary:
            return
        if entity.shadowed is None:
            del self._boundaries[entity.boundary]
        else:
            self._boundaries[entity.boundary] = entity.shadowed
        entity.boundary = b""
