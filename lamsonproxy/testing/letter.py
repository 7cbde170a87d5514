"""A mail as it left the service, or as it was kept.

Law: the octets are there as they are; everything else is read from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.headers import Headers
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part

SHOWN_LINES = 8
"""Lines of a letter's text that a failed assertion shows."""


@dataclass(frozen=True, eq=False)
class Letter:
    """One mail."""

    envelope: Envelope
    raw: bytes
    was_relayed: bool = False
    """Whether it passed through; otherwise a handler wrote it, or it is a DSN."""
    reason: str = ""
    """Why it is in quarantine."""

    @cached_property
    def message(self) -> Message:
        return Message(self.raw)

    @property
    def sender(self) -> str:
        """The address in From."""
        return self.message.sender

    @property
    def subject(self) -> str:
        return self.message.subject

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def html(self) -> str:
        return self.message.html

    @property
    def headers(self) -> Headers:
        return self.message.headers

    @property
    def attachments(self) -> Sequence[Part]:
        return self.message.attachments

    @property
    def envelope_sender(self) -> str:
        """Where bounces would go; "" is the null sender."""
        return self.envelope.sender.raw

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses of the envelope."""
        return tuple(recipient.address.raw for recipient in self.envelope.recipients)

    @property
    def seen(self) -> str:
        """What somebody sees who opens it: From, Subject and the text."""
        return f"From: {self.headers.get('From')}\nSubject: {self.subject}\n\n{self.text or self.html}"

    def __str__(self) -> str:
        """The beginning of what is seen."""
        lines = self.seen.splitlines()
        rest = ["..."] if len(lines) > 3 + SHOWN_LINES else []
        return "\n".join([*lines[: 3 + SHOWN_LINES], *rest])
