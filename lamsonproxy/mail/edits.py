"""The working copy of one recipient: header fields added, replaced and taken out, the body replaced.

Law: an edit is a splice. Every octet that was not edited leaves as it came: foldings, odd spacings, lines
that are no headers, a missing empty line. Unchanged means the very same octets, and a body that nobody
replaced is never copied. Whether something has changed is found by comparing, so an edit that is taken back
leaves no trace. Each edit puts one value in the place of another, at once: whoever looks from another thread sees
the state before it or behind it, never one between.

RFC 5322 §3.6 (fields may be added at either end), design law 2.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from lamsonproxy.mail.content import Content, ended
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field, Fields
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.wire import canonical

_NAME_IN_LOG = 60
"""Characters of a header's name in `list_changes`: the mail may hold a name of a megabyte."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which fields stand where."""

    top: tuple[Field, ...] = ()
    middle: tuple[Field, ...] | None = None
    """The message's own fields; None while nobody had to take them apart."""
    bottom: tuple[Field, ...] = ()


class EditedHeaders(Fields):
    """The header fields of a working copy: read like `Headers`, and changed."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.notes)
        self._message = message
        self._layout = _Layout()

    def __iter__(self) -> Iterator[Field]:
        layout = self._layout
        middle = self._message.headers if layout.middle is None else layout.middle
        return chain(layout.top, middle, layout.bottom)

    def add(self, name: str, value: str) -> None:
        """Add a field at the end of the head. Raises ValueError for what is no field (see `write_field`)."""
        layout = self._layout
        self._layout = _Layout(layout.top, layout.middle, (*layout.bottom, write_field(name, value)))

    def insert(self, name: str, value: str) -> None:
        """Add a field at the very top. Raises ValueError like `add`."""
        layout = self._layout
        self._layout = _Layout((write_field(name, value), *layout.top), layout.middle, layout.bottom)

    def replace(self, name: str, value: str) -> None:
        """Put a field in the place of the first one of this name and take out the others; add it where there
        is none. Raises ValueError like `add`."""
        if name in self:
            self._substitute(name, [write_field(name, value)])
        else:
            self.add(name, value)

    def remove(self, name: str) -> int:
        """Take out all fields of this name; give how many there were."""
        count = self.count(name)
        if count:
            self._substitute(name, [])
        return count

    def _substitute(self, name: str, new: list[Field]) -> None:
        """Take out the fields of this name, with what is in `new` where the first one was."""
        wanted, layout = name.lower(), self._layout
        middle = self._message.headers.fields if layout.middle is None else layout.middle
        places: list[tuple[Field, ...]] = []
        for fields in (layout.top, middle, layout.bottom):
            kept: list[Field] = []
            for field in fields:
                if field.name.lower() != wanted:
                    kept.append(field)
                else:
                    kept += new
                    new = []
            places.append(tuple(kept))
        self._layout = _Layout(*places)

    @property
    def changed(self) -> bool:
        """Whether the fields are others than the message's, or stand in another order."""
        return self.encoded() is not None

    def undo(self) -> None:
        """Go back to the fields of the message."""
        self._layout = _Layout()

    def encoded(self) -> bytes | None:
        """The head as it leaves, to the empty line, mbox lines and unread fields included; None as it came."""
        layout = self._layout
        if layout == _Layout():
            return None
        raw, head = self._message.raw, self._message.head
        if layout.middle is None:
            middle = raw[head.start : head.end]
        else:
            middle = _joined(layout.middle) + self._message.headers.unread
        if layout.bottom:
            middle = ended(middle)
        encoded = raw[: head.start] + _joined(layout.top) + middle + _joined(layout.bottom)
        return None if encoded == raw[: head.end] else encoded

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


def _joined(fields: tuple[Field, ...]) -> bytes:
    return b"".join([field.raw for field in fields])


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
    def content(self) -> Content:
        """What leaves if nothing more is edited; what is edited later does not change it."""
        return Content(self.message, self.headers.encoded(), self._body)

    @property
    def changed(self) -> bool:
        """Whether what leaves differs from what came."""
        return self.content.is_edited

    def undo(self) -> None:
        """Go back to the message as it came."""
        self.headers.undo()
        self._body = None

    def list_changes(self) -> tuple[str, ...]:
        """What has changed, in short words for the log: names, never values."""
        return self.headers.list_changes() + (("body replaced",) if self._body is not None else ())
