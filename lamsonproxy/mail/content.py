"""What leaves of one message: the octets that came, with another head or another body where an edit made one.

Law: it never changes. It is taken of a working copy when a recipient is decided, and what is compared, relayed and
kept is this and nothing else, so an edit that comes too late reaches none of them. What was not edited is not copied,
and whether something was is told by its octets.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from lamsonproxy.mail.headers import gap
from lamsonproxy.mail.message import Message


@dataclass(frozen=True, slots=True)
class Content:
    """A message as it leaves."""

    message: Message
    head: bytes | None = None
    """Everything above the empty line; None when it is as it came."""
    body: bytes | None = None
    """Everything below it; None when it is as it came."""

    @property
    def is_edited(self) -> bool:
        """Whether what leaves differs from what came."""
        return self.head is not None or self.body is not None

    @property
    def became_8bit(self) -> bool:
        """Whether the edits put octets above 127 into a message that had none."""
        return not all(_is_7bit(octets) for octets in (self.head, self.body)) and self.message.raw.isascii()

    @property
    def likeness(self) -> Hashable:
        """Equal for contents of one message of which the same octets leave."""
        return self.head, self.body

    def same_as(self, other: "Content") -> bool:
        """Whether the same octets leave. Those of one message share what nobody edited, which is not compared."""
        if self.message is other.message:
            return bool(self.likeness == other.likeness)
        return b"".join(self.parts()) == b"".join(other.parts())

    def parts(self) -> tuple[bytes | memoryview, ...]:
        """What leaves, in pieces that each begin at the start of a line; canonical where the message was."""
        if not self.is_edited:
            return (self.message.raw,)
        raw, place = self.message.raw, self.message.head
        head = raw[: place.end] if self.head is None else self.head
        if self.body is None:
            rest = memoryview(raw)[place.end :]
            empty_line = b"" if self.head is None else gap(head[place.start :], rest)
            pieces: tuple[bytes | memoryview, ...] = (head, empty_line, rest)
        else:
            empty_line = raw[place.end : place.body_start] or self._missing_line(self.body)
            pieces = (ended(head) + empty_line, self.body)
        return tuple(piece for piece in pieces if piece)

    def below(self, fields: bytes) -> tuple[bytes | memoryview, ...]:
        """What leaves with these fields at the top of its head, in pieces. An mbox line stays first: below a field it
        would end the head."""
        (first, *others), start = self.parts() or (b"",), self.message.head.start
        rest = memoryview(first)[start:]
        pieces = (first[:start], fields, gap(fields, rest), rest, *others)
        return tuple(piece for piece in pieces if piece)

    def _missing_line(self, body: bytes) -> bytes:
        """What is put between head and body where no empty line was: nothing while the first line is the one that came,
        for another one might be read as a header."""
        if self.head is not None and (empty_line := gap(self.head[self.message.head.start :], body)):
            return empty_line
        raw, start = self.message.raw, self.message.body_start
        first_line = raw[start : raw.find(b"\n", start) + 1 or len(raw)]
        return b"" if first_line and body.startswith(first_line) else b"\r\n"


def ended(fields: bytes) -> bytes:
    """A last field without a line end would swallow what is put behind it."""
    return fields + b"\r\n" if fields and not fields.endswith(b"\n") else fields


def _is_7bit(octets: bytes | None) -> bool:
    return octets is None or octets.isascii()
