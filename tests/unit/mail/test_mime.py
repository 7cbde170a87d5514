import pytest

from lamsonproxy.mail.message import Message
from lamsonproxy.mail.mime import BOUNDARY_LIMIT, DEPTH_LIMIT, PARTS_LIMIT

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _tree(raw: bytes) -> list[tuple[int, str, bytes]]:
    """Depth, type and content of every part."""
    return [(part.depth, part.content_type, part.content()) for part in Message(raw).parts]


def _leaves(raw: bytes) -> list[bytes]:
    return [part.content() for part in Message(raw).parts if not part.is_multipart]


def test_a_message_without_mime_is_one_plain_text() -> None:
    assert _tree(b"A: b\r\n\r\ntext\r\n") == [(0, "text/plain", b"text\r\n")]


def test_a_message_without_anything_is_one_plain_text() -> None:
    assert _tree(b"") == [(0, "text/plain", b"")]


def test_the_parts_of_a_multipart_come_in_order_without_preamble_and_epilogue() -> None:
    raw = (
        MIXED
        + b"preamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\nepilogue\r\n"
    )
    whole = raw.partition(b"\r\n\r\n")[2]
    assert _tree(raw) == [(0, "multipart/mixed", whole), (1, "text/plain", b"one"), (1, "text/html", b"<p>")]


@pytest.mark.parametrize(
    ("body", "leaves"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", [b"one", b"two"]),
        (b"--b\n\none\n--b\n\ntwo\n--b--\n", [b"one", b"two"]),
        (b"--b  \t\r\n\r\none\r\n--b-- \r\n", [b"one"]),
        (b"--b\r\n\r\none\r\n", [b"one\r\n"]),  # never ended
        (b"--b\r\n\r\none\r\n\r\n--b--", [b"one\r\n"]),
        (b"--b\r\n\r\n--b\r\n\r\n--b--", [b"", b""]),
        (b"--b\r\n--b\r\n--b--", [b"", b""]),  # parts with neither head nor body
        (b"--b\r\n\r\n--bx\r\n--b--", [b"--bx"]),
        (b"--b\r\n\r\n --b\r\n--b--", [b" --b"]),
        (b"--b\r\n\r\n--\r\n--b--", [b"--"]),
        (b"--b\r\nno head\r\n--b--", [b"no head"]),
        (b"--b\r\nX: y\r\n--b\r\n\r\ntwo\r\n--b--", [b"", b"two"]),
        (b"--b--\r\n\r\n--b\r\n\r\nin the epilogue", []),
        (b"no delimiter at all\r\n", []),
        (b"", []),
    ],
)
def test_delimiters_are_found(body: bytes, leaves: list[bytes]) -> None:
    assert _leaves(MIXED + body) == leaves


def test_a_boundary_may_look_like_a_header() -> None:
    raw = b'Content-Type: multipart/mixed; boundary="a:b"\r\n\r\n--a:b\r\nX: y\r\n--a:b\r\n--a:c\r\n\r\nz\r\n--a:b--'
    first, second = Message(raw).parts[1:]
    assert (first.headers.get("X"), first.content()) == ("y", b"")
    assert (second.headers.get("--a"), second.content()) == ("c", b"z")


def test_multiparts_in_multiparts_end_with_the_outer_delimiter() -> None:
    inner = b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n\r\ndeep\r\n"
    raw = MIXED + b"--b\r\n" + inner + b"--b\r\n\r\nlast\r\n--b--\r\n"
    assert [(depth, kind) for depth, kind, _ in _tree(raw)] == [
        (0, "multipart/mixed"),
        (1, "multipart/alternative"),
        (2, "text/plain"),
        (1, "text/plain"),
    ]
    assert _leaves(raw) == [b"deep", b"last"]


def test_one_boundary_used_twice_belongs_to_the_inner_multipart_until_that_ends() -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ndeep\r\n--b--\r\n"
    raw = MIXED + b"--b\r\n" + inner + b"--b\r\n\r\nlast\r\n--b--\r\n"
    assert [depth for depth, _, _ in _tree(raw)] == [0, 1, 2, 1]
    assert _leaves(raw) == [b"deep", b"last"]


def test_an_attached_message_is_read_too() -> None:
    attached = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
    message = Message(MIXED + b"--b\r\n" + attached + b"--b--\r\n")
    _, holder, inner = message.parts
    assert holder.content() == b"Subject: inner\r\n\r\ninner text"
    assert inner.headers.get("Subject") == "inner"
    assert (inner.content(), inner.depth) == (b"inner text", 2)
    assert (holder.in_message, inner.in_message) == (False, True)


def test_an_attached_message_in_base64_is_content() -> None:
    fields = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    assert len(Message(fields + b"QTogYg==").parts) == 1


def test_the_parts_of_a_digest_are_messages() -> None:
    raw = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: s\r\n\r\ntext\r\n--b--"
    assert [kind for _, kind, _ in _tree(raw)] == ["multipart/digest", "message/rfc822", "text/plain"]


@pytest.mark.parametrize(
    ("written", "kind"),
    [(b"", "text/plain"), (b"text", "text/plain"), (b"TEXT/Html", "text/html"), (b";x=y", "text/plain")],
)
def test_a_type_that_cannot_be_read_is_plain_text(written: bytes, kind: str) -> None:
    assert Message(b"Content-Type: " + written + b"\r\n\r\n").parts[0].content_type == kind


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (MIXED + b"--b\r\n\r\nx", "a multipart is not ended"),
        (b"Content-Type: multipart/mixed\r\n\r\n", "a multipart has no boundary that can be used"),
        (
            b"Content-Type: multipart/mixed; boundary=" + b"b" * (BOUNDARY_LIMIT + 1) + b"\r\n\r\n",
            "a multipart has no boundary that can be used",
        ),
        (MIXED + b"--b\r\n" * (PARTS_LIMIT + 1), "too many MIME parts to read them all"),
        (
            b"".join(
                b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(200)
            ),
            "MIME parts are nested too deeply to read them all",
        ),
        (
            b"Content-Type: message/rfc822\r\n\r\n" * 200,
            "MIME parts are nested too deeply to read them all",
        ),
    ],
)
def test_what_was_not_read_is_said(raw: bytes, defect: str) -> None:
    message = Message(raw)
    assert len(message.parts) <= PARTS_LIMIT
    assert max(part.depth for part in message.parts) < DEPTH_LIMIT
    assert defect in message.defects


@pytest.mark.parametrize(
    ("encoding", "written", "content"),
    [
        (b"7bit", b"a=20b", b"a=20b"),
        (b"Base64", b"YWJj\r\nZGVm\r\n", b"abcdef"),
        (b"quoted-printable", b"a=20b=\r\nc\r\n", b"a bc\r\n"),
        (b" QUOTED-PRINTABLE ", b"=ZZ=4", b"=ZZ=4"),
        (b"x-uuencode", b"begin", b"begin"),
    ],
)
def test_a_transfer_encoding_is_taken_off(encoding: bytes, written: bytes, content: bytes) -> None:
    raw = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + written
    assert Message(raw).parts[0].content() == content


@pytest.mark.fault("C3")
@pytest.mark.parametrize("encoding", [b"7bit", b"base64", b"quoted-printable", b"x-unknown"])
def test_content_stops_at_its_limit(encoding: bytes) -> None:
    raw = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + b"YWJj" * 1000
    assert len(Message(raw).parts[0].content(limit=100)) == 100


@pytest.mark.parametrize(
    ("fields", "filename", "disposition", "is_attachment"),
    [
        (b"Content-Disposition: attachment; filename=a.exe\r\n", "a.exe", "attachment", True),
        (b"Content-Disposition: inline; filename=a.exe\r\n", "a.exe", "inline", True),
        (b"Content-Type: text/plain; name=a.exe\r\n", "a.exe", "", True),
        (b"Content-Disposition: ATTACHMENT\r\n", "", "attachment", True),
        (b"Content-Disposition: inline\r\n", "", "inline", False),
        (b"", "", "", False),
    ],
)
def test_an_attachment_is_what_says_so_or_has_a_name(
    fields: bytes, filename: str, disposition: str, is_attachment: bool
) -> None:
    part = Message(fields + b"\r\n").parts[0]
    assert (part.filename, part.disposition, part.is_attachment) == (filename, disposition, is_attachment)


def test_text_has_the_charset_of_its_part_and_line_feeds() -> None:
    raw = b"Content-Type: text/plain; charset=iso-8859-15\r\n\r\n\xa4\r\n"
    assert Message(raw).parts[0].text() == "€\n"
