"""The corpus: real mail and other people's test mail is read without an exception and taken apart without loss."""

from pathlib import Path

import pytest

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.odd import ODD
from tests.corpus.reading import read_everything

MAILS = sorted((Path(__file__).parent / "mails").glob("*.eml"))


def _spellings(raw: bytes) -> list[bytes]:
    """As it is, with LF, and with CRLF."""
    with_lf = raw.replace(b"\r\n", b"\n")
    return [raw, with_lf, with_lf.replace(b"\n", b"\r\n")]


@pytest.mark.fault("C1")
@pytest.mark.parametrize("mail", MAILS, ids=lambda path: path.stem)
def test_a_mail_of_the_corpus_is_read_whatever_its_line_ends(mail: Path) -> None:
    for raw in _spellings(mail.read_bytes()):
        read_everything(raw)


@pytest.mark.fault("C1")
@pytest.mark.parametrize("mail", MAILS, ids=lambda path: path.stem)
def test_the_fields_of_a_mail_are_its_head_octet_for_octet(mail: Path) -> None:
    for raw in _spellings(mail.read_bytes()):
        message = Message(raw)
        fields = b"".join(field.raw for field in message.headers)
        assert raw[: message.head.start] + fields + raw[message.head.end :] == raw


@pytest.mark.fault("C1")
@pytest.mark.parametrize("mail", MAILS, ids=lambda path: path.stem)
def test_a_mail_means_the_same_with_lf_and_with_crlf(mail: Path) -> None:
    _, with_lf, with_crlf = map(Message, _spellings(mail.read_bytes()))
    assert [(f.name, f.value) for f in with_lf.headers] == [(f.name, f.value) for f in with_crlf.headers]
    assert [p.content_type for p in with_lf.parts] == [p.content_type for p in with_crlf.parts]
    assert [p.filename for p in with_lf.attachments] == [p.filename for p in with_crlf.attachments]


@pytest.mark.fault("C1")
@pytest.mark.parametrize("mail", MAILS, ids=lambda path: path.stem)
def test_a_mail_with_a_header_added_differs_by_that_header(mail: Path) -> None:
    for raw in _spellings(mail.read_bytes()):
        edits = Edits(Message(raw))
        edits.headers.insert("X-Checked-By", "lamsonproxy")
        assert b"".join(edits.content.parts()).replace(b"X-Checked-By: lamsonproxy\r\n", b"", 1) == raw


@pytest.mark.fault("C1")
@pytest.mark.parametrize("name", ODD)
def test_an_odd_mail_is_read(name: str) -> None:
    read_everything(ODD[name]())
