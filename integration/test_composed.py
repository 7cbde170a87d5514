"""Composed mail through a Postfix that refuses bare line feeds: it arrives, and as it was composed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from integration import arrival
from integration.client import Client, Mail, Rcpt
from integration.fragments import Options
from integration.postfix import PrivatePostfix
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.answering import forward_attached
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.rendered import Image
from tests.downstream import RawSink

FORMS: dict[str, dict[str, Any]] = {
    "empty": {},
    "plain": {"text": "Hello.\n"},
    "dots": {"text": ".\n..\n.\r.\n\n.\n"},
    "mbox": {"text": "From here\nFrom there\n"},
    "every line end": {"text": "a\rb\nc\r\nd\r\r\ne\n\n"},
    "a long line": {"text": "x" * 5000 + "\n"},
    "just short enough": {"text": "x" * 998},
    "controls": {"text": "a\0b\x0bc\x1b\x85\u2028d\n"},
    "umlauts": {"text": "Grüße\n" * 50, "subject": "Grüße " * 60},
    "Cyrillic": {"text": "Привет\n" * 50, "subject": "Привет " * 60},
    "html": {"text": "x", "html": "<p>ü</p>" * 500},
    "pictures": {
        "html": '<img src="cid:a@b">',
        "images": [Image("a@b", "image/png", bytes(range(256)) * 20)],
    },
    "files": {"text": "x", "attachments": [Attachment(bytes(range(256)) * 20, "Überblick " * 9 + ".pdf")]},
    "a mail": {"attachments": [forward_attached(Message(b"Subject: x\r\n\r\n.\r\n.dot\r\n"))]},
    "a mail in octets": {
        "attachments": [forward_attached(Message(b"Subject: x\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"))]
    },
    "a mail with a bare CR": {"attachments": [forward_attached(Message(b"Subject: x\r\n\r\na\rb\r\n"))]},
    "many people": {"to": [f"Person, number {n} <p{n}@pass.test>" for n in range(500)]},
    "odd people": {"to": ["a..b@pass.test", '"a b"@pass.test', Address("Zoë@bücher.test")]},
}


@pytest.fixture(scope="module")
def options() -> Options:
    return Options(settings="smtpd_forbid_bare_newline = reject\nsmtpd_forbid_bare_newline_exclusions =")


@pytest.mark.parametrize("form", FORMS)
def test_what_was_composed_arrives_as_it_was(postfix: PrivatePostfix, sink: RawSink, form: str) -> None:
    people = {"to": "Bob <bob@pass.test>", "from_": "alice@example.com"}
    asked = {**people, "date": datetime.now(UTC), "message_id": "<1@example.com>", **FORMS[form]}
    raw = compose(**asked)
    options = "" if raw.isascii() else "SMTPUTF8 BODY=8BITMIME" if form == "odd people" else "BODY=8BITMIME"
    before = len(sink.mails)
    with Client(postfix.ports.null) as client:
        client.send(Mail("alice@example.com", [Rcpt("bob@pass.test")], raw, options))
    [mail] = sink.wait_for(before + 1)[before:]
    assert arrival.below_trace(mail.content, arrival.HOPS_BY_NULL) == raw


def test_this_postfix_does_refuse_bare_line_feeds(postfix: PrivatePostfix) -> None:
    with Client(postfix.ports.null) as client:
        client.envelope(Mail("alice@example.com", [Rcpt("bob@pass.test")], b""))
        client.write(b"Subject: x\n\nbare\n\r\n.\r\n")
        assert client.reply().startswith("550 5.5.2")
