"""Which header fields stand where, in a head that somebody has edited.

Law: a layout never changes; each edit gives another one. The message's own fields are not taken apart until one of
them has to go, so a field added at either end of a head of a megabyte costs what the field costs.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from lamsonproxy.mail.content import ended
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.message import Message


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a head; `AS_IT_CAME` where nobody has edited any."""

    top: tuple[Field, ...] = ()
    middle: tuple[Field, ...] | None = None
    """The message's own fields; None while nobody had to take them apart."""
    bottom: tuple[Field, ...] = ()

    def fields(self, message: Message) -> Iterator[Field]:
        """All fields, from the top."""
        return chain(self.top, message.headers if self.middle is None else self.middle, self.bottom)

    def added(self, field: Field) -> "Layout":
        """With this field at the end."""
        return replace(self, bottom=(*self.bottom, field))

    def inserted(self, field: Field) -> "Layout":
        """With this field at the very top."""
        return replace(self, top=(field, *self.top))

    def substituted(
        self, message: Message, is_meant: Callable[[Field], bool], new: Sequence[Field] = ()
    ) -> "Layout":
        """Without the fields that are meant, and with the new ones where the first of them was, or at the end."""
        places: list[tuple[Field, ...]] = []
        for fields in (self.top, message.headers.fields if self.middle is None else self.middle, self.bottom):
            kept: list[Field] = []
            for field in fields:
                if not is_meant(field):
                    kept.append(field)
                else:
                    kept += new
                    new = ()
            places.append(tuple(kept))
        top, middle, bottom = places
        return Layout(top, middle, (*bottom, *new))

    def encoded(self, message: Message) -> bytes | None:
        """The head as it leaves, to the empty line, mbox lines and unread fields included; None as it came."""
        if self == AS_IT_CAME:
            return None
        raw, head = message.raw, message.head
        if self.middle is None:
            middle = raw[head.start : head.end]
        else:
            middle = joined(self.middle) + message.headers.unread
        if self.bottom:
            middle = ended(middle)
        encoded = raw[: head.start] + joined(self.top) + middle + joined(self.bottom)
        return None if encoded == raw[: head.end] else encoded


AS_IT_CAME = Layout()


def joined(fields: Sequence[Field]) -> bytes:
    """The octets of the fields."""
    return b"".join([field.raw for field in fields])


def named(name: str) -> Callable[[Field], bool]:
    """Whether a field has this name, not minding capitals."""
    wanted = name.lower()
    return lambda field: field.name.lower() == wanted


def describes_body(field: Field) -> bool:
    """Whether a field belongs to the body: all fields that begin so do, and no others (RFC 2045 §8)."""
    return field.name.lower().startswith("content-")
