"""Composed mail, read back by Python's own parser, which shares no line with our writer."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.entity import Attachment

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def composed(**asked: Any) -> bytes:
    return compose(
        **{
            "to": "bob@example.net",
            "from_": "alice@example.com",
            "date": NOON,
            "message_id": "<1@example.com>",
            **asked,
        }
    )


def read(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=SMTP)  # type: ignore[arg-type]  # the policy makes it EmailMessage
    assert isinstance(message, EmailMessage)
    return message


def field_names(raw: bytes) -> list[str]:
    """The names in the head, by a reader of three lines: nothing clever that could be fooled."""
    head = raw.partition(b"\r\n\r\n")[0]
    return [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in (b" ", b"\t")]


def is_on_the_wire_as_it_should(raw: bytes) -> bool:
    lines = raw.split(b"\r\n")
    bare = raw.replace(b"\r\n", b"")
    return lines[-1] == b"" and max(map(len, lines)) <= 998 and not {10, 13, 0} & set(bare) and raw.isascii()


PLAIN = ["Date", "From", "To", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]


def test_a_plain_mail_is_plain() -> None:
    assert composed(subject="Soup", text="Come at eight.\n") == (
        b"Date: Sun, 01 Mar 2026 12:00:00 +0000\r\n"
        b"From: alice@example.com\r\n"
        b"To: bob@example.net\r\n"
        b"Subject: Soup\r\n"
        b"Message-ID: <1@example.com>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: 7bit\r\n"
        b"\r\n"
        b"Come at eight.\r\n"
    )


def test_the_same_values_are_the_same_octets() -> None:
    asked = {"text": "a", "html": "<p>a", "attachments": [Attachment(b"x")]}
    assert composed(**asked) == composed(**asked)
