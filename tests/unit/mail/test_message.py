import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.message import Message
from tests.corpus.reading import read_everything

MULTIPART = (
    b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\r\n"
    b"Subject: Hello\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nattached\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
    b"--b\r\n\r\nown text\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>own</p>\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Disposition: attachment; filename=Setup.EXE\r\n\r\nMZ\r\n"
    b"--b--\r\n"
)


def test_a_message_is_read() -> None:
    message = Message(MULTIPART)
    assert message.sender == "j@example.com"
    assert message.subject == "Hello"
    assert message.text == "own text"
    assert message.html == "<p>own</p>"
    assert [part.filename for part in message.attachments] == ["notes.txt", "Setup.EXE"]
    assert message.digest == hashlib.sha256(MULTIPART).digest()
    assert message.defects == ()


def test_attachments_are_found_by_a_pattern_whatever_their_capitals() -> None:
    message = Message(MULTIPART)
    assert message.has_attachment("*.exe")
    assert message.has_attachment("setup.*")
    assert not message.has_attachment("*.zip")
    assert not message.has_attachment("exe")


def test_an_empty_message_has_empty_answers() -> None:
    message = Message(b"")
    assert (message.sender, message.subject, message.text, message.html) == ("", "", "", "")
    assert (message.attachments, message.received_count, message.body_start) == ((), 0, 0)


def test_nothing_is_read_until_somebody_asks() -> None:
    message = Message(b"no head at all")
    assert not message.defects
    assert message.body_start == 0
    assert message.defects == ("the head ends at a line that is neither a field nor empty",)


def test_what_is_shown_of_a_message_holds_none_of_its_text() -> None:
    assert repr(Message(b"Subject: secret\r\n\r\n")) == "<Message of 19 octets>"


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("a@example.com", "a@example.com"),
        ("<a@example.com>", "a@example.com"),
        ('"Doe, John" <j@example.com>', "j@example.com"),
        ('"x@evil.example" <a@example.com>', "a@example.com"),
        ("a@example.com (Alice)", "a@example.com"),
        ("(a (nested) comment with x@evil.example) a@example.com", "a@example.com"),
        ("a@example.com, b@example.com", "a@example.com"),
        ("Alice <a@example.com>, Bob <b@example.com>", "a@example.com"),
        ("friends: a@example.com, b@example.com;", "a@example.com"),
        ("=?utf-8?q?x=40evil.example?= <a@example.com>", "a@example.com"),
        ('"\\"quoted\\"" <a@example.com>', "a@example.com"),
        ('<"odd local"@example.com>', '"odd local"@example.com'),
        ("<@relay.example:a@example.com>", "a@example.com"),
        ("<jürgen@example.com>", "jürgen@example.com"),
        ("<>", ""),
        ("nobody", ""),
        ("@example.com", ""),
        ("undisclosed-recipients:;", ""),
        ("((((", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_first_address_of_from(value: str, sender: str) -> None:
    assert Message(f"From: {value}\r\n\r\n".encode()).sender == sender


@pytest.mark.parametrize(
    ("fields", "is_auto"),
    [
        (b"", False),
        (b"Auto-Submitted: no\r\n", False),
        (b"Auto-Submitted: NO; x=y\r\n", False),
        (b"Auto-Submitted: auto-replied\r\n", True),
        (b"Auto-Submitted: auto-generated; type=x\r\n", True),
    ],
)
def test_automatic_mail_is_known_by_its_header(fields: bytes, is_auto: bool) -> None:
    assert Message(fields + b"\r\n").is_auto_submitted is is_auto


_PIECES = [
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Type: text/plain; charset=utf-7\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Content-Disposition: attachment; filename*0*=x''%00; filename*1=b\r\n",
    b"From: (a <b@c>\r\n",
    b"Subject: =?utf-8?b?w6?= =?x?q?=?=\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"\r\n",
    b"\n",
    b" ",
    b"\r",
    b"\0\xff",
    b"text",
]


@pytest.mark.fault("C1")
@given(st.binary(max_size=500) | st.lists(st.sampled_from(_PIECES), max_size=40).map(b"".join))
def test_reading_never_raises_whatever_the_octets(raw: bytes) -> None:
    message = read_everything(raw)
    message.subject.encode("utf-8")
    message.text.encode("utf-8")
    for part in message.parts:
        assert part.start <= part.body_start <= part.end <= len(raw)
