import gc
import weakref
from contextlib import suppress
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.edits import Edits, SealedError
from lamsonproxy.mail.message import Message
from tests.corpus.editing import acts
from tests.corpus.kinds import FOOTED, HEAD, LEFT_ALONE, PDF, RFC822, entity, multipart, text
from tests.corpus.reading import read_everything

EXE = entity(
    "application/octet-stream; name=b.txt",
    b"MZ",
    "base64",
    "Content-Disposition: attachment; filename=a.EXE\r\n",
)
TEXT = text("us-ascii", "7bit", "the text")
RAW = HEAD + multipart("mixed", TEXT, PDF, EXE)
SIGNED = HEAD + multipart(
    "signed",
    multipart("mixed", TEXT, EXE, boundary="in"),
    entity("application/pgp-signature", b"x"),
    boundary="s",
)


def _edits(raw: bytes = RAW) -> Edits:
    return Edits(Message(raw))


def _leaving(edits: Edits) -> bytes:
    return b"".join(edits.content.parts())


def test_an_attachment_is_stripped_with_its_delimiter() -> None:
    edits = _edits()
    assert edits.strip_attachments("*.exe") == ("a.EXE",)
    assert _leaving(edits) == HEAD + multipart("mixed", TEXT, PDF)
    assert edits.list_changes() == ("part 3 removed",)


def test_an_attachment_is_stripped_by_either_of_its_names() -> None:
    assert _edits().strip_attachments("b.txt") == ("a.EXE",)


def test_attachments_are_stripped_one_beside_the_other() -> None:
    edits = _edits()
    assert edits.strip_attachments("*") == ("a.pdf", "a.EXE")
    assert _leaving(edits) == HEAD + multipart("mixed", TEXT)


def test_a_note_stands_in_the_place_of_an_attachment() -> None:
    edits = _edits()
    edits.strip_attachments("*.exe", "{name} was removed: € {0} %s")
    message = message_from_bytes(_leaving(edits), policy=default)
    note = list(message.iter_parts())[-1]
    assert note.get_content().rstrip() == "a.EXE was removed: € {0} %s"
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == ["a.pdf"]


def test_the_last_part_leaves_an_empty_text() -> None:
    edits = _edits(HEAD + multipart("mixed", EXE))
    edits.strip_attachments("*")
    assert _leaving(edits) == HEAD + multipart("mixed", b"\r\n")


def test_the_message_itself_as_an_attachment_becomes_the_note() -> None:
    edits = _edits(HEAD + EXE)
    edits.strip_attachments("*.exe", "{name} is gone")
    leaving = _leaving(edits)
    assert leaving.startswith(HEAD)
    assert leaving.endswith(b"\r\n\r\na.EXE is gone\r\n")
    assert b"base64" not in leaving and b"filename" not in leaving


def test_an_attachment_in_an_attached_message_is_stripped() -> None:
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n"
    edits = _edits(HEAD + multipart("mixed", TEXT, inner + multipart("mixed", TEXT, EXE, boundary="in")))
    assert edits.strip_attachments("*.exe") == ("a.EXE",)
    assert _leaving(edits) == HEAD + multipart("mixed", TEXT, inner + multipart("mixed", TEXT, boundary="in"))


def test_what_is_in_a_stripped_attachment_is_not_stripped_again() -> None:
    inner = (
        b"Content-Type: message/rfc822; name=inner.eml\r\n\r\n"
        + HEAD
        + multipart("mixed", EXE, boundary="in")
    )
    edits = _edits(HEAD + multipart("mixed", TEXT, inner))
    assert edits.strip_attachments("*") == ("inner.eml",)


@pytest.mark.parametrize("kind", ["signed", "encrypted"])
def test_stripping_sealed_mail_is_refused_with_a_sentence_unless_forced(kind: str) -> None:
    raw = SIGNED if kind == "signed" else LEFT_ALONE[kind]
    edits = _edits(raw)
    with pytest.raises(SealedError, match=r"signed or encrypted.*force=True"):
        edits.strip_attachments("*")
    assert not edits.changed
    assert edits.strip_attachments("*", force=True)
    assert edits.changed


def test_a_part_beside_a_signed_one_is_not_sealed() -> None:
    signed = SIGNED.removeprefix(HEAD)
    edits = _edits(HEAD + multipart("mixed", signed, PDF, boundary="outer"))
    edits.remove_part(edits.message.parts[-1])
    assert _leaving(edits) == HEAD + multipart("mixed", signed, boundary="outer")
    with pytest.raises(SealedError):
        edits.remove_part(edits.message.parts[2])
    with pytest.raises(SealedError):
        edits.replace_part(edits.message.parts[1], "x")


def test_a_part_is_replaced_by_a_text_or_a_file() -> None:
    edits = _edits()
    edits.replace_part(edits.message.parts[1], "<p>für alle</p>", "text/html")
    edits.replace_part(edits.message.parts[2], b"PK", "application/zip", "ä.zip")
    first, second, third = message_from_bytes(_leaving(edits), policy=default).iter_parts()
    assert (first.get_content_type(), first.get_content().rstrip()) == ("text/html", "<p>für alle</p>")
    assert (second.get_filename(), second.get_content()) == ("ä.zip", b"PK")
    assert third.get_filename() == "a.EXE"
    assert edits.list_changes() == ("part 1 replaced", "part 2 replaced")


@pytest.mark.parametrize(
    ("content_type", "filename", "kind"),
    [("text/csv", "größe.csv", "text/csv"), ("text/csv", "", "text/csv"), ("", "größe.csv", "text/plain")],
)
def test_a_text_with_a_type_or_a_name_of_its_own_is_a_file(
    content_type: str, filename: str, kind: str
) -> None:
    edits = _edits()
    edits.replace_part(edits.message.parts[2], "Größe;3\n", content_type, filename)
    _, file, _ = message_from_bytes(_leaving(edits), policy=default).iter_parts()
    assert (file.get_content_type(), file.get_filename("")) == (kind, filename)
    assert (file.get_content(), file.is_attachment()) == ("Größe;3\n", True)
    with pytest.raises(ValueError, match="lone surrogate"):
        edits.replace_part(edits.message.parts[2], "\ud800", content_type, filename)
    with pytest.raises(TypeError, match="is bytes"):
        edits.replace_part(edits.message.parts[2], None)  # type: ignore[arg-type]  # is the point


def test_the_message_itself_is_replaced_with_the_fields_that_describe_it() -> None:
    edits = _edits(b"Content-Type: text/html\r\nA: b\r\nContent-Language: de\r\n\r\n<p>x</p>\r\n")
    edits.replace_part(edits.message.parts[0], "für alle")
    message = message_from_bytes(_leaving(edits), policy=default)
    assert message.keys() == ["Content-Type", "Content-Transfer-Encoding", "A", "MIME-Version"]
    assert message.get_content().rstrip() == "für alle"
    assert not _leaving(edits).endswith(b"\r\n\r\n")


def test_replacing_by_the_same_octets_is_no_change() -> None:
    edits = _edits(HEAD + multipart("mixed", b"\r\n"))
    edits.remove_part(edits.message.parts[1])
    assert not edits.changed


def test_a_part_that_is_gone_cannot_be_edited() -> None:
    edits = _edits(HEAD + multipart("mixed", multipart("mixed", TEXT, EXE, boundary="in"), PDF))
    _, inner, first, second, _ = edits.message.parts
    edits.remove_part(second)
    with pytest.raises(ValueError, match="gone"):
        edits.remove_part(second)
    edits.remove_part(inner)
    for part in (inner, first, second):
        with pytest.raises(ValueError, match="gone"):
            edits.replace_part(part, "x")
    assert _leaving(edits) == HEAD + multipart("mixed", PDF)


def test_only_parts_of_multiparts_of_this_message_are_removed() -> None:
    edits = _edits(HEAD + multipart("mixed", TEXT, RFC822))
    with pytest.raises(ValueError, match="only a part of a multipart"):
        edits.remove_part(edits.message.parts[0])
    with pytest.raises(ValueError, match="only a part of a multipart"):
        edits.remove_part(edits.message.parts[-1])
    with pytest.raises(ValueError, match="none of the message"):
        edits.remove_part(Message(RAW).parts[1])


def test_edits_of_several_parts_stand_beside_each_other() -> None:
    edits = _edits()
    edits.add_footer("the footer")
    edits.strip_attachments("*.exe")
    edits.tag_subject("[cooks]")
    edits.headers.add("X-A", "b")
    footed = text("us-ascii", "7bit", "the text\r\nthe footer")
    head = HEAD.replace(b"Subject: kind", b"Subject: [cooks] kind")
    written = head + multipart("mixed", footed, PDF).replace(b"\r\n\r\n", b"\r\nX-A: b\r\n\r\n", 1)
    assert _leaving(edits) == written
    assert edits.list_changes() == (
        "header Subject replaced",
        "header X-A added",
        "footer added",
        "part 3 removed",
    )
    edits.undo()
    assert edits.content.parts() == (RAW,)


def test_a_replaced_body_has_no_parts_any_more() -> None:
    edits = _edits()
    edits.replace_body(b"new")
    with pytest.raises(ValueError, match="gone"):
        edits.remove_part(edits.message.parts[1])
    assert edits.strip_attachments("*") == ()


def test_very_many_changes_are_not_all_named() -> None:
    edits = _edits(HEAD + multipart("mixed", TEXT, *[PDF] * 100))
    edits.strip_attachments("*.pdf")
    changes = edits.list_changes()
    assert changes[0] == "part 2 removed"
    assert changes[-1] == "80 more parts changed"
    assert len(changes) == 21


@pytest.mark.parametrize(
    ("subject", "tag", "tagged"),
    [
        (b"Subject: soup", "[cooks]", b"Subject: [cooks] soup"),
        (b"SUBJECT:soup", "[cooks]", b"SUBJECT: [cooks] soup"),
        (b"Subject: Re: [Cooks] soup", "[cooks]", b"Subject: Re: [Cooks] soup"),
        (b"Subject: =?utf-8?q?s=C3=B6up?=", "[cooks]", b"Subject: [cooks] =?utf-8?q?s=C3=B6up?="),
        (b"Subject: =?utf-8?q?soup?=", "[t\xe4g]", b"Subject: =?utf-8?q?=5Bt=C3=A4g=5D_?= =?utf-8?q?soup?="),
        (b"Subject: s\xc3\xb6up", "[cooks]", b"Subject: [cooks] s\xc3\xb6up"),
        (b"Subject:\r\n soup\r\n of two", "[cooks]", b"Subject: [cooks]\r\n soup\r\n of two"),
        (b"Subject: " + b"x" * 70, "[cooks]", b"Subject: [cooks]\r\n " + b"x" * 70),
        (b"Subject:", "[cooks]", b"Subject: [cooks]"),
        (b"X: y", "[cooks]", b"X: y\r\nSubject: [cooks]"),
        (b"Subject: a\r\nSubject: a", "[cooks]", b"Subject: [cooks] a\r\nSubject: a"),
    ],
)
def test_a_tag_stands_before_the_subject_that_came(subject: bytes, tag: str, tagged: bytes) -> None:
    edits = _edits(subject + b"\r\n\r\ntext\r\n")
    edits.tag_subject(tag)
    assert _leaving(edits).rstrip() == tagged + b"\r\n\r\ntext"
    edits.tag_subject(tag)
    assert edits.headers.get("Subject").lower().count(tag) == 1


@pytest.mark.parametrize("tag", ["", " ", "a\r\nb", " [x]", "[x]\0", "\ud800"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    for edits in (_edits(), Edits(Message(b"\r\nno subject"))):
        with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
            edits.tag_subject(tag)
        assert not edits.changed


def test_edits_are_freed_with_the_mail_and_not_by_the_collector() -> None:
    gc.disable()
    try:
        message = Message(FOOTED["alternative"])
        edits = Edits(message)
        edits.add_footer("the footer")
        gone = weakref.ref(message)
        del message, edits
        assert gone() is None
    finally:
        gc.enable()


KINDS = {**FOOTED, **LEFT_ALONE, "attachments": RAW, "signed attachments": SIGNED}


@given(st.sampled_from(sorted(KINDS)), st.lists(st.integers(0, 40), max_size=6))
def test_any_edits_in_any_order_give_a_message_and_can_be_taken_back(kind: str, numbers: list[int]) -> None:
    edits = Edits(Message(KINDS[kind]))
    choices = list(acts(edits.message))
    for number in numbers:
        before = edits.content
        with suppress(ValueError):
            choices[number % len(choices)](edits)
            continue
        assert edits.content == before
    read_everything(_leaving(edits))
    assert edits.changed == (_leaving(edits) != KINDS[kind])
    edits.undo()
    assert edits.content.parts() == (KINDS[kind],)


def test_no_text_can_end_the_part_that_it_stands_in() -> None:
    boundary = "-" * 10
    trap = entity(
        "application/x-trap", b"x", more=f'Content-Disposition: attachment; filename="--{boundary}"\r\n'
    )
    raw = HEAD + multipart("mixed", multipart("mixed", TEXT, boundary="in"), trap, boundary=boundary)
    edits = _edits(raw)
    assert edits.strip_attachments("*", "{name}\n{name}--\n") == (f"--{boundary}",)
    assert edits.add_footer(f"-- {boundary}\n--{boundary}--\n{boundary}--\nthe footer")
    message = message_from_bytes(_leaving(edits), policy=default)
    first, second = message.iter_parts()
    assert second.get_content().splitlines() == [f"--{boundary}", f"--{boundary}--"]
    assert next(first.iter_parts()).get_content().splitlines()[-1] == "the footer"


def test_a_message_that_would_end_its_part_is_refused() -> None:
    edits = _edits()
    with pytest.raises(ValueError, match="one of its lines is a delimiter"):
        edits.replace_part(edits.message.parts[2], b"A: b\r\n\r\n--b\r\n", "message/rfc822")
    assert not edits.changed
