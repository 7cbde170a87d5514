"""What `breaks_dkim` says, held against dkimpy and real keys."""

from collections.abc import Callable

import dkim  # type: ignore[import-untyped] # dkimpy has no types
import pytest

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.kinds import FOOTED, HEAD, LEFT_ALONE, PDF, multipart, text
from tests.keys import DNS_RECORD, PRIVATE_KEY

Act = Callable[[Edits], object]

MIXED = (
    b"From: alice@example.com\r\nTo: bob@example.org\r\nSubject:  a  subject\r\n\tin two lines\r\nX-Other: 1\r\n"
    + multipart("mixed", text("utf-8", "8bit", "Gruesse  \r\n\r\n"), PDF)
    + b"\r\n\r\n"
)


def _signed(raw: bytes, canonical: str, names: list[bytes], with_length: bool = False) -> bytes:
    header, body = canonical.encode().split(b"/")
    signature: bytes = dkim.sign(
        raw,
        b"test",
        b"example.com",
        PRIVATE_KEY,
        canonicalize=(header, body),
        include_headers=names,
        length=with_length,
    )
    return signature + raw


def _verifies(raw: bytes) -> bool:
    try:
        verified: bool = dkim.DKIM(raw).verify(dnsfunc=lambda name, timeout=5: DNS_RECORD)
    except dkim.DKIMException:
        return False
    return verified


def _edited(raw: bytes, act: Act) -> tuple[bytes, bool]:
    edits = Edits(Message(raw))
    act(edits)
    return b"".join(edits.content.parts()), edits.breaks_dkim


ACTS: dict[str, Act] = {
    "nothing": lambda edits: None,
    "a header that is not signed": lambda edits: edits.headers.add("X-Checked-By", "us"),
    "a header at the top": lambda edits: edits.headers.insert("Received", "from a"),
    "a header of a signed name, at the top": lambda edits: edits.headers.insert("To", "mallory@example.net"),
    "a header of a signed name, at the end": lambda edits: edits.headers.add("To", "mallory@example.net"),
    "a header that was signed as missing": lambda edits: edits.headers.add("Reply-To", "mallory@example.net"),
    "a second From": lambda edits: edits.headers.insert("From", "mallory@example.net"),
    "a signed header replaced": lambda edits: edits.headers.replace("Subject", "another"),
    "a signed header in other blanks": lambda edits: edits.headers.replace(
        "Subject", "a subject in two lines"
    ),
    "an unsigned header removed": lambda edits: edits.headers.remove("X-Other"),
    "a tag": lambda edits: edits.tag_subject("[cooks]"),
    "a footer": lambda edits: edits.add_footer("the footer"),
    "an attachment stripped": lambda edits: edits.strip_attachments("*.pdf"),
    "line ends at the end": lambda edits: edits.replace_body(edits.body + b"\r\n\r\n"),
    "blanks at the end of a line": lambda edits: edits.replace_body(
        edits.body.replace(b"  \r\n", b" \t\r\n")
    ),
    "a text behind the end": lambda edits: edits.replace_body(edits.body + b"more\r\n"),
    "wrapped": lambda edits: edits.add_footer("the footer", wrap=True),
}
NAMES = [b"from", b"to", b"subject", b"reply-to", b"from"]


@pytest.mark.parametrize("with_length", [False, True])
@pytest.mark.parametrize(
    "canonical", ["simple/simple", "relaxed/relaxed", "relaxed/simple", "simple/relaxed"]
)
@pytest.mark.parametrize("name", ACTS)
def test_a_signature_breaks_when_it_is_said_to(name: str, canonical: str, with_length: bool) -> None:
    signed = _signed(MIXED, canonical, NAMES, with_length)
    assert _verifies(signed)
    after, breaks = _edited(signed, ACTS[name])
    assert _verifies(after) is not breaks


@pytest.mark.parametrize("kind", [*FOOTED, *LEFT_ALONE])
def test_unedited_mail_and_added_headers_keep_a_signature(kind: str) -> None:
    raw = (FOOTED | LEFT_ALONE)[kind]
    signed = _signed(
        raw if raw.endswith(b"\r\n") else raw + b"\r\n",
        "relaxed/simple",
        [b"from", b"subject", b"mime-version"],
    )
    after, breaks = _edited(signed, lambda edits: edits.headers.insert("X-Checked-By", "us"))
    assert not breaks
    assert _verifies(after)


def test_a_signature_that_is_taken_out_is_broken() -> None:
    signed = _signed(MIXED, "relaxed/relaxed", NAMES)
    assert _edited(signed, lambda edits: edits.headers.remove("DKIM-Signature"))[1]


def test_mail_without_a_signature_breaks_none() -> None:
    assert not _edited(MIXED, lambda edits: edits.add_footer("the footer"))[1]


@pytest.mark.parametrize("value", ["", "h=", "c=;l=x", "h=from;l=99999999999999999999999999", "=;;=", "\xff"])
def test_a_signature_that_cannot_be_read_is_no_error(value: str) -> None:
    raw = b"DKIM-Signature: " + value.encode("latin-1") + b"\r\n" + MIXED
    _edited(raw, lambda edits: edits.add_footer("the footer"))


def test_what_was_taken_back_breaks_nothing() -> None:
    edits = Edits(Message(_signed(MIXED, "simple/simple", NAMES)))
    edits.add_footer("the footer")
    assert edits.breaks_dkim
    edits.undo()
    assert not edits.breaks_dkim


def test_a_signed_message_that_is_attached_still_verifies_when_what_is_beside_it_is_edited() -> None:
    inner = _signed(MIXED, "simple/simple", NAMES)
    attached = b"Content-Type: message/rfc822\r\n\r\n" + inner
    outer = HEAD + multipart("mixed", text("us-ascii", "7bit"), attached, PDF, boundary="outer")
    edits = Edits(Message(outer))
    edits.add_footer("für alle")
    edits.remove_part(edits.message.parts[-1])
    edits.tag_subject("[cooks]")
    (message,) = Message(b"".join(edits.content.parts())).messages
    assert message.raw == inner
    assert _verifies(message.raw)
