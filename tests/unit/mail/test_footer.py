"""A footer under forty kinds of mail, read by Python's `email`, which shares nothing with what wrote it."""

import email
import html
from email.message import EmailMessage
from email.policy import default

import pytest

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.differ import hunks
from tests.corpus.kinds import FOOTED, HEAD, LEFT_ALONE, text

TEXT = "-- \nLists of Größe & €uro\nhttps://example.org/"
HTML = "<hr><p>Lists of Größe &amp; €uro</p>"
ASCII = "-- \nA list of example.org"


def _footed(raw: bytes, plain: str = TEXT, markup: str = HTML) -> bytes:
    edits = Edits(Message(raw))
    assert edits.add_footer(plain, markup)
    return b"".join(edits.content.parts())


def _read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def _bodies(raw: bytes) -> dict[str, str]:
    """The texts by type; a charset that Python does not know is ASCII here."""
    found: dict[str, str] = {}
    for part in _read(raw).walk():
        if part.get_content_type() in ("text/plain", "text/html"):
            octets = part.get_payload(decode=True)
            assert isinstance(octets, bytes)
            charset = part.get_content_charset("utf-8")
            found.setdefault(
                part.get_content_type(), octets.decode(charset.replace("x-unknown-7bit", "ascii"))
            )
    return found


@pytest.mark.parametrize("kind", FOOTED)
def test_a_footer_is_in_every_text_of_a_mail(kind: str) -> None:
    before, after = _bodies(FOOTED[kind]), _bodies(_footed(FOOTED[kind]))
    assert before.keys() == after.keys()
    if "text/plain" in after:
        assert "\n-- \nLists of Größe & €uro\nhttps://example.org/" in "\n" + after["text/plain"].replace(
            "\r", ""
        )
    if "text/html" in after:
        assert "Lists of Größe & €uro" in html.unescape(after["text/html"])


@pytest.mark.parametrize("plain", [TEXT, ASCII])
@pytest.mark.parametrize("kind", FOOTED)
def test_the_text_that_was_there_is_still_there(kind: str, plain: str) -> None:
    before, after = _bodies(FOOTED[kind]), _bodies(_footed(FOOTED[kind], plain))
    if "text/plain" in after:
        assert after["text/plain"].startswith(before["text/plain"].rstrip("\r\n"))
    if "text/html" in after:
        [hunk] = hunks(before["text/html"].encode(), after["text/html"].encode())
        assert len(hunk.removed) <= 1


@pytest.mark.parametrize("kind", FOOTED)
def test_all_other_parts_and_headers_leave_as_they_came(kind: str) -> None:
    before, after = _read(FOOTED[kind]), _read(_footed(FOOTED[kind]))
    assert [(n, v) for n, v in before.items() if not n.startswith("Content-")] == [
        (n, v) for n, v in after.items() if not n.startswith("Content-")
    ]
    for one, other in zip(before.walk(), after.walk(), strict=True):
        assert one.get_content_type() == other.get_content_type()
        if not one.get_content_type().startswith(("text/", "multipart/", "message/")):
            assert one.as_bytes() == other.as_bytes()


@pytest.mark.parametrize(
    "kind",
    ["ascii", "latin-1, 8bit", "utf-8, 8bit", "koi8-r, 8bit", "nothing said", "html only", "alternative",
     "mixed, with an attachment", "utf-8, quoted-printable", "alternative, related", "iso-2022-jp, 7bit",
     "html, iso-2022-jp", "flowed", "latin-1, quoted-printable"],
)  # fmt: skip
def test_a_footer_that_its_charset_has_is_added_and_nothing_is_taken(kind: str) -> None:
    before = FOOTED[kind]
    after = _footed(before, ASCII, "<p>A list of example.org</p>")
    lines = [line for hunk in hunks(before, after) for line in hunk.removed]
    # A line of HTML is cut where the footer goes in.
    assert [line for line in lines if b"</body>" not in line] == []
    assert b"example.org</p>" in after or b"-- \r\nA list of example.org" in after or b"--=20\r\n" in after


def test_base64_keeps_the_lines_before_the_footer() -> None:
    before = FOOTED["utf-8, base64"]
    after = _footed(before)
    kept = before.partition(b"\r\n\r\n")[2].splitlines()[:-1]
    assert len(kept) > 3
    assert after.partition(b"\r\n\r\n")[2].splitlines()[: len(kept)] == kept


def test_an_eight_bit_footer_leaves_a_seven_bit_mail_seven_bit() -> None:
    after = _footed(FOOTED["ascii"])
    assert after.isascii()
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in after
    assert b"Content-Type: text/plain;" in after and b"charset=utf-8\r\n" in after


def test_mail_that_is_eight_bit_without_saying_so_is_not_written_anew() -> None:
    before = FOOTED["utf-8, 8bit, undeclared"]
    assert _footed(before, "für €") == before + "für €\r\n".encode()


def test_a_line_that_is_too_long_is_encoded() -> None:
    after = _footed(FOOTED["ascii"], "x" * 999)
    assert b"Content-Transfer-Encoding: quoted-printable\r\n" in after
    assert max(map(len, after.splitlines())) <= 76


def test_a_paragraph_that_flows_does_not_flow_into_the_footer() -> None:
    after = _footed(FOOTED["flowed"], " > stuffed \nFrom here")
    assert after.endswith(b"flows \r\n\r\n  > stuffed\r\n From here\r\n")


def test_html_without_a_footer_of_its_own_gets_the_text() -> None:
    after = _footed(FOOTED["html only"], "A & B\nC", "")
    assert b"<p>A &amp; B<br>\r\nC</p>\r\n</body>" in after


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_mail_without_a_place_for_a_footer_is_left_alone(kind: str) -> None:
    edits = Edits(Message(LEFT_ALONE[kind]))
    assert not edits.add_footer(TEXT, HTML)
    assert not edits.changed


@pytest.mark.parametrize("kind", LEFT_ALONE)
def test_wrapped_mail_holds_the_body_that_came_octet_for_octet(kind: str) -> None:
    raw = LEFT_ALONE[kind]
    edits = Edits(Message(raw))
    assert edits.add_footer(TEXT, HTML, wrap=True)
    after = b"".join(edits.content.parts())
    assert raw.partition(b"\r\n\r\n")[2] in after
    message = _read(after)
    assert message.get_content_type() == "multipart/mixed"
    inner, footer = list(message.iter_parts())
    content_fields = [(n, v) for n, v in _read(raw).items() if n.startswith("Content-")]
    assert list(inner.items()) == content_fields
    assert footer.get_content_type() == "multipart/alternative"
    assert "Größe & €uro" in next(footer.iter_parts()).get_content()
    assert edits.list_changes()[-1] == "body wrapped"
    edits.undo()
    assert not edits.changed


def test_signed_text_gets_a_footer_when_it_is_forced() -> None:
    edits = Edits(Message(LEFT_ALONE["signed"]))
    assert edits.add_footer(ASCII, force=True)
    assert "A list of example.org" in _bodies(b"".join(edits.content.parts()))["text/plain"]


def test_two_footers_stand_one_under_the_other() -> None:
    for kind in FOOTED:
        edits = Edits(Message(FOOTED[kind]))
        edits.add_footer("the first")
        edits.add_footer("the sécond")
        after = _bodies(b"".join(edits.content.parts()))
        for body in after.values():
            assert 0 <= body.index("the first") < html.unescape(body).index("the sécond")


def test_two_wrappings_keep_both_footers() -> None:
    edits = Edits(Message(LEFT_ALONE["signed"]))
    edits.add_footer("the first", wrap=True)
    edits.add_footer("the second", wrap=True)
    after = b"".join(edits.content.parts())
    assert LEFT_ALONE["signed"].partition(b"\r\n\r\n")[2] in after
    assert after.index(b"the first") < after.index(b"the second")
    assert [part.content_type for part in Message(after).parts][:4] == [
        "multipart/mixed",
        "multipart/mixed",
        "multipart/signed",
        "text/plain",
    ]


def test_text_that_is_not_in_its_charset_stays_as_it_is() -> None:
    raw = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe plain words\r\n"
    assert _footed(raw, "für €") == raw + b"f?r ?\r\n"


def test_an_empty_footer_changes_nothing() -> None:
    edits = Edits(Message(FOOTED["alternative"]))
    edits.add_footer("")
    assert not edits.changed


def test_a_replaced_body_can_have_a_footer() -> None:
    edits = Edits(Message(HEAD + text("utf-8", "8bit")))
    edits.replace_body(b"another\n")
    edits.add_footer("the footer")
    assert edits.body == b"another\r\nthe footer\r\n"


@pytest.mark.parametrize(("plain", "markup"), [("a\0", ""), ("\ud800", ""), ("a", "\udc80")])
def test_a_footer_that_is_no_text_is_refused(plain: str, markup: str) -> None:
    edits = Edits(Message(FOOTED["alternative"]))
    with pytest.raises(ValueError, match="a footer is text"):
        edits.add_footer(plain, markup)
    assert not edits.changed


def test_the_lines_of_a_footer_end_as_those_of_the_text_do() -> None:
    assert _footed(FOOTED["ascii"], "a\nb\r\nc\rd").endswith(b"here.\r\na\r\nb\r\nc\r\nd\r\n")
    assert _footed(FOOTED["html only"], "a\r\nb", "").count(b"a<br>\r\nb") == 1
