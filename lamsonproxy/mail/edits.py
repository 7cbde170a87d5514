"""The working copy of one recipient: header fields added, replaced and taken out, the body replaced.

Law: an edit is a splice. Every octet that was not edited leaves as it came: foldings, odd spacings, lines
that are no headers, a missing empty line. Unchanged means the very same octets, and a body that nobody
replaced is never copied. Whether something has changed is found by comparing, so an edit that is taken back
leaves no trace.

RFC 5322 §3.6 (fields may be added at either end), design law 2.
"""

from collections import Counter
from collections.abc import Hashable, Iterator
from itertools import chain

from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field, Fields
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.wire import canonical

_NAME_IN_LOG = 60
"""Characters of a header's name in `list_changes`: the mail may hold a name of a megabyte."""


class EditedHeaders(Fields):
    """The header fields of a working copy: read like `Headers`, and changed."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.notes)
        self._message = message
        self._top: list[Field] = []
        # The message's own fields; None while nobody had to take them apart.
        self._middle: list[Field] | None = None
        self._bottom: list[Field] = []

    def __iter__(self) -> Iterator[Field]:
        middle = self._message.headers if self._middle is None else self._middle
        return chain(self._top, middle, self._bottom)

    def add(self, name: str, value: str) -> None:
        """Add a field at the end of the head. Raises ValueError for what is no field (see `write_field`)."""
        self._bottom.append(write_field(name, value))

    def insert(self, name: str, value: str) -> None:
        """Add a field at the very top. Raises ValueError like `add`."""
        self._top.insert(0, write_field(name, value))

    def replace(self, name: str, value: str) -> None:
        """Put a field in the place of the first one of this name and take out the others; add it where there
        is none. Raises ValueError like `add`."""
        new = write_field(name, value)
        if name in self:
            self._substitute(name, [new])
        else:
            self._bottom.append(new)

    def remove(self, name: str) -> int:
        """Take out all fields of this name; give how many there were."""
        count = self.count(name)
        if count:
            self._substitute(name, [])
        return count

    def _substitute(self, name: str, new: list[Field]) -> None:
        """Take out the fields of this name, with what is in `new` where the first one was."""
        wanted = name.lower()
        if self._middle is None:
            self._middle = list(self._message.headers)
        for fields in (self._top, self._middle, self._bottom):
            kept: list[Field] = []
            for field in fields:
                if field.name.lower() != wanted:
                    kept.append(field)
                else:
                    kept += new
                    new = []
            fields[:] = kept

    @property
    def changed(self) -> bool:
        """Whether the fields are others than the message's, or stand in another order."""
        if self._top or self._bottom:
            return True
        return self._middle is not None and tuple(self._middle) != self._message.headers.fields

    def undo(self) -> None:
        """Go back to the fields of the message."""
        self._top, self._middle, self._bottom = [], None, []

    def encoded(self) -> bytes:
        """The head as it leaves, to the empty line; mbox lines and unread fields included."""
        raw, head = self._message.raw, self._message.head
        if self._middle is None:
            middle = raw[head.start : head.end]
        else:
            middle = _joined(self._middle) + self._message.headers.unread
        if self._bottom:
            middle = _ended(middle)
        return raw[: head.start] + _joined(self._top) + middle + _joined(self._bottom)

    def list_changes(self) -> tuple[str, ...]:
        """What has changed, by names alone: `header X-Foo added`."""
        if not self.changed:
            return ()
        before, now = Counter(self._message.headers), Counter(self)
        came, went = _names(now - before), _names(before - now)
        return tuple(
            f"header {name[:_NAME_IN_LOG]} {_act(key in came, key in went)}"
            for key, name in (went | came).items()
        ) or ("headers moved",)


def _joined(fields: list[Field]) -> bytes:
    return b"".join([field.raw for field in fields])


def _ended(fields: bytes) -> bytes:
    """A last field without a line end would swallow what is put behind it."""
    return fields + b"\r\n" if fields and not fields.endswith(b"\n") else fields


def _names(fields: Counter[Field]) -> dict[str, str]:
    return {field.name.lower(): field.name for field in fields}


def _act(came: bool, went: bool) -> str:
    return "replaced" if came and went else "added" if came else "removed"


class Edits:
    """The working copy: what leaves is the message with these edits."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.headers = EditedHeaders(message)
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """What follows the empty line, as it leaves."""
        return self.message.raw[self.message.body_start :] if self._body is None else self._body

    def replace_body(self, body: bytes) -> None:
        """Put another body in place of the one that came; its line ends become CRLF.

        Content-Type and Content-Transfer-Encoding are headers: who makes them wrong must edit them too.
        """
        if not isinstance(body, bytes):
            raise TypeError("a body is bytes")
        content = canonical(body)
        raw = self.message.raw
        is_same = len(content) == len(raw) - self.message.body_start and raw.endswith(content)
        self._body = None if is_same else content

    @property
    def changed(self) -> bool:
        """Whether what leaves differs from what came."""
        return self._body is not None or self.headers.changed

    def undo(self) -> None:
        """Go back to the message as it came."""
        self.headers.undo()
        self._body = None

    def parts(self) -> tuple[bytes | memoryview, ...]:
        """What leaves, in pieces that each begin at the start of a line; canonical where the message was."""
        raw, head = self.message.raw, self.message.head
        if not self.changed:
            return (raw,)
        if self._body is None:
            pieces: tuple[bytes | memoryview, ...] = (self.headers.encoded(), memoryview(raw)[head.end :])
        else:
            # Without an empty line the first line of the new body might be read as a header.
            empty_line = raw[head.end : head.body_start] or b"\r\n"
            pieces = (_ended(self.headers.encoded()) + empty_line, self._body)
        return tuple(piece for piece in pieces if piece)

    def same_as(self, other: "Edits") -> bool:
        """Whether the same octets leave. Copies of one message share a body, which is not compared then."""
        if self.message is other.message:
            return bool(self.likeness == other.likeness)
        return b"".join(self.parts()) == b"".join(other.parts())

    @property
    def likeness(self) -> Hashable:
        """Equal for edits of one message after which the same octets leave."""
        return self.headers.encoded(), self._body

    def list_changes(self) -> tuple[str, ...]:
        """What has changed, in short words for the log: names, never values."""
        return self.headers.list_changes() + (("body replaced",) if self._body is not None else ())
