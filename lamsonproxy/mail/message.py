"""A message: the octets that came, and everything that can be read from them, read when somebody asks.

Law: making one costs nothing but keeping the octets. Reading never raises, whatever they are: what can be
read is given, and `defects` says in sentences what could not. Nothing here changes: `Edits` does.

RFC 5322 (the message), RFC 2045 (its parts), RFC 3834 §5 (Auto-Submitted), RFC 2919 and 2369 (lists).
"""

import hashlib
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import Mailbox
from lamsonproxy.mail.headers import (
    Head,
    Headers,
    below_received,
    count_delivered_to,
    count_received,
    find_head,
)
from lamsonproxy.mail.mailboxes import first_address, read_mailboxes
from lamsonproxy.mail.mime import scan
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.structure import Structure, is_encrypted, is_signed

if TYPE_CHECKING:
    from lamsonproxy.mail.bounce import Bounce

_LIST_FIELDS = ("List-Id", "List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "Mailing-List")


class Message:
    """One message as it came."""

    def __init__(self, raw: bytes, head: Head | None = None) -> None:
        """`head` says where the head ends, if somebody knows that already: a part's may end at a delimiter."""
        self.raw = raw
        self._known_head = head
        self.notes = Defects()
        """Where reading writes what is wrong; `defects` is what stands there."""

    def __repr__(self) -> str:
        return f"<Message of {len(self.raw)} octets>"

    @property
    def defects(self) -> tuple[str, ...]:
        """What is wrong with it, as far as it has been read: plain sentences without any text of the mail."""
        return tuple(self.notes)

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of all octets."""
        return hashlib.sha256(self.raw).digest()

    @cached_property
    def digest_below_received(self) -> bytes:
        """The SHA-256 of all octets below the topmost Received field: what is left the same when the host before
        Postfix sends the mail again, for Postfix then writes another one."""
        with memoryview(self.raw) as octets:
            return hashlib.sha256(octets[below_received(self.raw, self.head) :]).digest()

    @cached_property
    def head(self) -> Head:
        """Where the head begins and ends."""
        return self._known_head or find_head(self.raw, self.notes)

    @property
    def body_start(self) -> int:
        """The offset of the body's first octet, behind the empty line."""
        return self.head.body_start

    @cached_property
    def headers(self) -> Headers:
        return Headers(self.raw, self.head.start, self.head.end, self.notes)

    @cached_property
    def received_count(self) -> int:
        """How many hosts say that they have had it: the number of Received fields."""
        return count_received(self.raw, self.head)

    @cached_property
    def hop_count(self) -> int:
        """How often it was handed on: the number of Received and Delivered-To fields."""
        return self.received_count + count_delivered_to(self.raw, self.head)

    @cached_property
    def sender(self) -> str:
        """The first address of From; "" when there is none. The sender that counts is the envelope's."""
        return first_address(self.headers.raw_value("From"))

    @property
    def subject(self) -> str:
        return self.headers.get("Subject")

    def mailboxes(self, name: str) -> tuple[Mailbox, ...]:
        """All mailboxes in the first header of this name, such as "To"; empty when there is none."""
        return read_mailboxes(self.headers.raw_value(name), self.notes)

    @property
    def is_auto_submitted(self) -> bool:
        """Whether it says that no human sent it; a parameter may follow the keyword (RFC 3834 §5)."""
        keyword = self.headers.get("Auto-Submitted").partition(";")[0].strip().lower()
        return keyword not in ("", "no")

    @cached_property
    def bounce(self) -> "Bounce | None":
        """What it reports of another mail; None when it is no report."""
        # Not above: a report is itself read as messages, and few mails are asked whether they are one.
        from lamsonproxy.mail.bounce import parse_bounce

        return parse_bounce(self.raw)

    @property
    def is_bounce(self) -> bool:
        """Whether it says that another mail has not arrived, or not yet."""
        return self.bounce is not None and self.bounce.kind in ("failure", "delay")

    @cached_property
    def is_list_mail(self) -> bool:
        """Whether a mailing list sent it."""
        precedence = self.headers.get("Precedence").strip().lower()
        return precedence == "list" or any(name in self.headers for name in _LIST_FIELDS)

    @cached_property
    def is_signed(self) -> bool:
        """Whether text in it is signed by its author (S/MIME, PGP); DKIM is another matter."""
        return any(is_signed(part) for part in self.parts if not part.in_message)

    @cached_property
    def is_encrypted(self) -> bool:
        """Whether text in it is encrypted (S/MIME, PGP)."""
        return any(is_encrypted(part) for part in self.parts if not part.in_message)

    @cached_property
    def structure(self) -> Structure:
        """Which part stands in which."""
        return Structure(self.parts)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """All MIME entities in the order in which they begin; the first is the message itself."""
        return scan(self.raw, self.head, self.headers, self.notes)

    @property
    def attachments(self) -> tuple[Part, ...]:
        """The parts that are attachments or have a file name, those in attached messages included."""
        return tuple(part for part in self.parts if part.is_attachment)

    def has_attachment(self, pattern: str) -> bool:
        """Whether an attachment's name fits a pattern such as "*.exe", not minding capitals."""
        return any(part.is_named(pattern) for part in self.attachments)

    @property
    def inline_images(self) -> tuple[Part, ...]:
        """The pictures that the HTML may show, by `content_id`."""
        return tuple(part for part in self.parts if part.is_inline_image and not part.in_message)

    @property
    def messages(self) -> tuple["Message", ...]:
        """The messages attached to this one; not those that are attached to them."""
        attached = (part for part in self.parts if part.is_message and not part.in_message)
        return tuple(Message(part.content()) for part in attached)

    @cached_property
    def text(self) -> str:
        """The first plain text that is no attachment; "" when there is none."""
        return self._first_text("text/plain")

    @cached_property
    def html(self) -> str:
        """The first HTML that is no attachment; "" when there is none."""
        return self._first_text("text/html")

    def _first_text(self, content_type: str) -> str:
        return next((part.text() for part in self._own_leaves() if part.content_type == content_type), "")

    def _own_leaves(self) -> Iterator[Part]:
        return (part for part in self.parts if not (part.in_message or part.is_attachment))
