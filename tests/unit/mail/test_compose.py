"""Composed mail, read back by Python's own parser, which shares no line with our writer."""

from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.compose import NOBODY_NAMED, compose
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.fields import Mailbox
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.rendered import Image

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
    message = message_from_bytes(raw, policy=SMTP)
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


# Each is looked at once by somebody who knows the RFCs, and then stays as it is.
GOLDEN: dict[str, dict[str, Any]] = {
    "everything": {
        "to": ["Zoë <zoe@bücher.example>", '"Smith, John" <john@example.net>'],
        "cc": "list@example.org",
        "reply_to": "Alice <alice+reply@example.com>",
        "subject": "Soup, bread and a very long subject that has to be folded: Grüße aus der Küche, für alle",
        "text": "Grüße!\n\nFrom the kitchen, with a line of more than seventy-six characters in it, and blanks  \n.\n",
        "html": '<p>Grüße!</p>\n<img src="cid:soup@example.com" alt="Suppe">\n',
        "images": [Image("soup@example.com", "image/png", bytes(range(100)))],
        "attachments": [
            Attachment(b"%PDF-", "Menü für die nächste Woche und die Woche darauf.pdf", "application/pdf"),
            Attachment(b"BEGIN:VCALENDAR\r\n", "dinner.ics", "text/calendar; method=REQUEST; charset=utf-8"),
        ],
        "headers": {"List-Id": "Köche <cooks.example.org>", "X-Trace": "=?utf-8?q?no?="},
    },
    "reply": {
        "subject": "Re: Обед",
        "text": "Приду.\n",
        "in_reply_to": "<3@example.net>",
        "references": " ".join(f"<{n}-{'x' * 20}@example.net>" for n in range(5)),
        "auto_submitted": "auto-replied",
    },
    "forward": {
        "attachments": [Attachment(b"Subject: Soup\r\n\r\nAt eight.\r\n", "mail.eml", "message/rfc822")]
    },
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_mail_is_composed_as_it_was_looked_at(name: str) -> None:
    assert composed(**GOLDEN[name]) == (Path(__file__).parent / "composed" / f"{name}.eml").read_bytes()


def test_the_same_values_are_the_same_octets() -> None:
    asked = {"text": "a", "html": "<p>a", "attachments": [Attachment(b"x")]}
    assert composed(**asked) == composed(**asked)


def test_a_mail_with_everything_has_the_usual_structure() -> None:
    raw = composed(
        text="plain",
        html='<img src="cid:a@b">',
        images=[Image("a@b", "image/png", b"\x89PNG")],
        attachments=[Attachment(b"%PDF", "Menü.pdf", "application/pdf")],
    )
    kinds = [part.get_content_type() for part in read(raw).walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ({}, ["text/plain"]),
        ({"html": "x"}, ["text/html"]),
        ({"text": "x", "html": "x"}, ["multipart/alternative", "text/plain", "text/html"]),
        ({"attachments": [Attachment(b"")]}, ["multipart/mixed", "application/octet-stream"]),
        (
            {"html": "x", "images": [Image("a@b", "image/png", b"")]},
            ["multipart/related", "text/html", "image/png"],
        ),
    ],
)
def test_no_part_is_made_that_is_not_needed(asked: dict[str, Any], kinds: list[str]) -> None:
    assert [part.get_content_type() for part in read(composed(**asked)).walk()] == kinds


def test_a_mail_for_nobody_in_particular_says_so() -> None:
    assert read(composed(to=()))["To"] == NOBODY_NAMED


@pytest.mark.parametrize(
    ("author", "domain"),
    [
        ("Cooks <cooks@lists.example.org>", "lists.example.org"),
        ("zoe@Bücher.example", "xn--bcher-kva.example"),
        ("zoe@[192.0.2.1]", "[192.0.2.1]"),
        ("zoe@" + "x" * 300 + ".example", "mail.invalid"),
    ],
)
def test_a_mail_without_a_date_and_an_id_gets_them(author: str, domain: str) -> None:
    one, other = (read(compose(to="bob@example.net", from_=author, text="x")) for _ in range(2))
    assert one["Date"].datetime.tzinfo is not None
    assert one["Message-ID"] != other["Message-ID"]
    assert one["Message-ID"].endswith(f"@{domain}>")


def test_a_reply_says_what_it_answers() -> None:
    raw = composed(in_reply_to="<a@b>", references="<1@b> <a@b>", auto_submitted="auto-replied")
    message = read(raw)
    assert message["In-Reply-To"] == "<a@b>"
    assert message["References"] == "<1@b> <a@b>"
    assert message["Auto-Submitted"] == "auto-replied"


def test_headers_have_the_last_word() -> None:
    given = [
        ("subject", "B"),
        ("To", "x@y.org"),
        ("To", "Zoë <z@y.org>"),
        ("From", "c@d.org"),
        ("List-Id", "<l.d.org>"),
    ]
    message = read(composed(subject="A", headers=given))
    assert (message["Subject"], message["From"], message["List-Id"]) == ("B", "c@d.org", "<l.d.org>")
    assert [(a.display_name, a.addr_spec) for a in message["To"].addresses] == [
        ("", "x@y.org"),
        ("Zoë", "z@y.org"),
    ]


def test_an_attached_mail_is_not_encoded() -> None:
    inner = composed(subject="inner", text="x" * 900)
    attached = Attachment(inner, "mail.eml", "message/rfc822")
    raw = composed(attachments=[attached])
    assert inner + b"\r\n--=_" in raw
    [part] = read(raw).iter_attachments()
    assert part.get_content()["Subject"] == "inner"


def test_an_attached_mail_in_octets_stays_one() -> None:
    inner = b"Subject: x\r\n\r\nZo\xc3\xab\r\n"
    raw = composed(attachments=[Attachment(inner, "", "message/rfc822")])
    assert inner in raw
    assert raw.count(b"Content-Transfer-Encoding: 8bit") == 2


@pytest.mark.parametrize("inner", [b"A: b\r\n\r\n" + b"x" * 999, b"A: b\r\n\r\n\0", b"A: b\r\n\r\na\rb"])
def test_an_attached_mail_that_cannot_travel_becomes_a_file(inner: bytes) -> None:
    [part] = read(composed(attachments=[Attachment(inner, "", "message/rfc822")])).iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_content() == inner


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("zoë@example.org", "zoë@example.org"),
        ("zoe@Bücher.example", "zoe@xn--bcher-kva.example"),
        ("zoe@straße.example", "zoe@straße.example"),
        ("zoe@bücher\u3002example", "zoe@xn--bcher-kva.example"),
        ("zoe@Example.ORG", "zoe@Example.ORG"),
    ],
)
def test_an_address_beyond_ascii_is_in_ascii_where_that_means_the_same(given: str, written: str) -> None:
    assert f"To: {written}\r\n".encode() in composed(to=Address(given))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a..b@x.org", '"a..b"@x.org'),
        ('"a b"@x.org', '"a b"@x.org'),
        ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ("<a@x.org>", "a@x.org"),
        ('"Smith, John" <a@x.org>', '"Smith, John" <a@x.org>'),
        ("Smith, j@evil.org <a@x.org>", '"Smith, j@evil.org" <a@x.org>'),
        ("<e@evil.org> <a@x.org>", '"<e@evil.org>" <a@x.org>'),
        ("=?utf-8?q?x?= <a@x.org>", "=?utf-8?q?=3D=3Futf-8=3Fq=3Fx=3F=3D?= <a@x.org>"),
        ('"a<b"@x.org', '"a<b"@x.org'),
    ],
)
def test_one_string_is_one_mailbox(given: str, written: str) -> None:
    assert f"To: {written}\r\n".encode() in composed(to=given)


@pytest.mark.parametrize(
    "asked",
    [
        {"from_": ""},
        {"from_": ["a@x.org", "b@x.org"]},
        {"to": "a@x.org, b@x.org"},
        {"to": "postmaster"},
        {"to": "a@x.org (Al)"},
        {"to": "a@x.org\0"},
        {"to": "a@-\xdf\u0300\u2028"},
        {"to": "a@stra\xdfe\u200b.example"},
        {"to": "a@stra\xdfe\u202e.example"},
        {"to": "x" * 3000 + " <a@x.org>"},
        {"to": "x" * 400 + "@x.org"},
        {"to": [f"{n:0100}@example.org" for n in range(1000)]},
        {"message_id": "1@x"},
        {"message_id": ""},
        {"references": "<1> 2"},
        {"auto_submitted": "auto-replied\n"},
        {"auto_submitted": "yes"},
        {"to": Address("=?utf-8?q?=0d=0aBcc?=@x.org")},
        {"date": NOON.replace(tzinfo=None)},
        {"text": "\ud800"},
        {"html": "\udc80"},
        {"subject": "\x07"},
        {"subject": "x" * 200_000},
        {"images": [Image("a@b", "image/png", b"")]},
        {"html": "x", "images": [Image("a b", "image/png", b"")]},
        {"attachments": [Attachment(b"", "../etc/passwd")]},
        {"attachments": [Attachment(b"", "x" * 256)]},
        {"attachments": [Attachment(b"", "a\u202etxt.exe")]},
        {"attachments": [Attachment(b"", "x", "image")]},
        {"attachments": [Attachment(b"", "x", "multipart/mixed; boundary=a")]},
        {"attachments": [Attachment(b"", "x", "image/png\r\nBcc: x")]},
        {"attachments": [Attachment(b"", "x", "image/png; a/b=c")]},
        *(
            {"headers": {name: "x"}}
            for name in ("Bcc", "Date", "message-id", "CONTENT-TYPE", "Content-Foo", "a:b")
        ),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+ \w+"):
        composed(**asked)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"text": b"x"}, "a text is str"),
        ({"html": b"x"}, "a text is str"),
        ({"subject": 5}, "a subject is str"),
        ({"headers": {"X-Score": 5}}, "the header 'X-Score' is str"),
        ({"attachments": [Attachment("x", "a.txt")]}, "content of an attachment is bytes"),  # type: ignore[arg-type]  # is the point
        ({"attachments": [b"x"]}, "an attachment is an Attachment"),
        ({"images": [Image("a@b", "image/png", "x")], "html": "x"}, "content of an attachment is bytes"),  # type: ignore[arg-type]  # too
    ],
)
def test_what_is_no_text_or_no_octets_is_told_apart_in_a_sentence(
    asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(TypeError, match=sentence):
        composed(**asked)


@pytest.mark.parametrize(
    "name",
    [
        "Отчёт за март.pdf",
        "報告書.pdf",
        "تقرير مارس.pdf",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.pdf",
        "क्\u200dष.txt",
        "दस्तावेज़.pdf",
        "👨\u200d👩\u200d👧.png",
        "re\u0301sume\u0301.pdf",
        "O'Brien & Söhne; 100% = 1,5.xlsx",
        ".htaccess",
    ],
)
def test_a_file_is_called_what_it_is_called_in_any_script(name: str) -> None:
    raw = composed(attachments=[Attachment(b"x", name)])
    [part] = read(raw).iter_attachments()
    assert part.get_filename() == name
    assert [each.filename for each in Message(raw).attachments] == [name]


@pytest.mark.parametrize(
    "name", ["C:\\x.doc", 'a "b".txt', "CON.txt", "a:b", "x.txt ", "a\u200b.txt", "a\u200d.exe", "é" * 200]
)
def test_a_file_name_that_not_every_system_has_is_refused_with_the_rules(name: str) -> None:
    with pytest.raises(ValueError, match="255 octets"):
        composed(attachments=[Attachment(b"x", name)])


# -- what is asked is what is read ---------------------------------------------------------------------------------

_CHARACTERS = st.characters(exclude_categories=["Cs"])
_LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)
_TEXTS = st.text(_CHARACTERS, max_size=2000) | st.text(st.sampled_from("a =\t.\r\nFrom ü€\0"), max_size=300)
_DOMAINS = st.sampled_from(["example.org", "x.example", "[192.0.2.7]"])
_LOCALS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\<>'), min_size=1, max_size=60
).filter(lambda local: "=?" not in local)


def _as_lines(text: str) -> str:
    """The text as it is to be read: LF at the end of each line, and of the last one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return lines if not lines or lines.endswith("\n") else f"{lines}\n"


def _plain(part: MIMEPart) -> str:
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets.decode("utf-8").replace("\r\n", "\n")


@given(_TEXTS)
def test_a_text_reads_back_with_a_line_end_at_its_end(text: str) -> None:
    raw = composed(text=text)
    assert _plain(read(raw)) == _as_lines(text)
    assert is_on_the_wire_as_it_should(raw)


@given(_TEXTS, _TEXTS.filter(bool))
def test_texts_side_by_side_read_back_too(text: str, html: str) -> None:
    raw = composed(text=text or "x", html=html)
    first, second = read(raw).iter_parts()
    assert (_plain(first), _plain(second)) == (_as_lines(text or "x"), _as_lines(html))
    assert is_on_the_wire_as_it_should(raw)


@given(st.lists(st.tuples(st.binary(max_size=500), _LINES.filter(lambda name: len(name) < 200)), max_size=4))
def test_attachments_read_back_with_their_names(files: list[tuple[bytes, str]]) -> None:
    try:
        raw = composed(text="x", attachments=[Attachment(content, name) for content, name in files])
    except ValueError as error:
        assert "a file name" in str(error)
        return
    parts = list(read(raw).iter_attachments())
    assert [(part.get_content(), part.get_filename() or "") for part in parts] == files
    assert is_on_the_wire_as_it_should(raw)


@pytest.mark.fault("C4")
@given(subject=_LINES, name=_LINES, local=_LOCALS, domain=_DOMAINS, other=_LINES)
def test_headers_read_back_as_asked(subject: str, name: str, local: str, domain: str, other: str) -> None:
    to = Mailbox(Address(f'"{local}"@{domain}'), name)
    raw = composed(subject=subject, to=[to, "b@x.org"], headers=[("X-Other", other)])
    message = read(raw)
    wanted = list(PLAIN)
    wanted.insert(3, "Subject") if subject else None
    wanted.insert(wanted.index("MIME-Version"), "X-Other")
    assert field_names(raw) == wanted
    first, second = message["To"].addresses
    assert (first.username, first.domain, second.addr_spec) == (local, domain, "b@x.org")
    # Python's parser makes one blank of any, and puts one between encoded words (RFC 2047 §6.2 forbids both).
    assert "".join(first.display_name.split()) == "".join(name.split())
    assert (message["Subject"] or "") == subject.strip(" ")
    assert message["X-Other"] == other.strip(" ")
    assert is_on_the_wire_as_it_should(raw)


# -- nothing is asked by a value -----------------------------------------------------------------------------------

_BREAKERS = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\ud800",
    "\udc0a",
]
_TRICKS = [
    "=?utf-8?q?a=0d=0aBcc:_e@x.org?=",
    "=?utf-8?b?DQpCY2M6IGVAeC5vcmc=?=",
    "utf-8''%0d%0aBcc:%20x",
    "%0D%0A",
]
_PIECES = [
    "Bcc: e@x.org",
    "\r\n\r\n",
    "--=_",
    ":",
    ";",
    ",",
    "<",
    ">",
    '"',
    "\\",
    "(",
    ")",
    " ",
    "\t",
    "@",
    "a",
    "ü",
    "x" * 80,
]
_HOSTILE = st.lists(st.sampled_from(_BREAKERS + _TRICKS + _PIECES), max_size=6).map("".join)

_PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "to": lambda value: {"to": value},
    "a name in to": lambda value: {"to": Mailbox(Address("b@x.org"), value)},
    "an address in to": lambda value: {"to": Address(f"{value}@x.org")},
    "a domain in to": lambda value: {"to": Address(f"b@{value}")},
    "from": lambda value: {"from_": f"{value} <alice@example.com>"},
    "reply to": lambda value: {"reply_to": f"{value}@x.org"},
    "cc": lambda value: {"cc": ["c@x.org", f"c+{value}@x.org"]},
    "subject": lambda value: {"subject": value},
    "a header's name": lambda value: {"headers": {value: "x"}},
    "a header": lambda value: {"headers": {"List-Id": value}},
    "To as a header": lambda value: {"headers": {"To": value}},
    "the end of a header": lambda value: {"headers": {"X-Last": f"x{value}"}},
    "message id": lambda value: {"message_id": f"<{value}@x.org>"},
    "in reply to": lambda value: {"in_reply_to": value},
    "references": lambda value: {"references": f"<1@x> <{value}>"},
    "auto-submitted": lambda value: {"auto_submitted": f"auto-replied; {value}"},
    "text": lambda value: {"text": value},
    "html": lambda value: {"html": value},
    "a file's name": lambda value: {"attachments": [Attachment(b"x", value)]},
    "a file's type": lambda value: {"attachments": [Attachment(b"x", "x", f"text/plain; x={value}")]},
    "a picture's id": lambda value: {"html": "x", "images": [Image(value, "image/png", b"x")]},
}
_MAY_BE_THERE = {
    "Cc",
    "Reply-To",
    "Subject",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "List-Id",
    "X-Last",
}
_OF_PARTS = {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID"}


@pytest.mark.fault("C4")
@given(st.sampled_from(sorted(_PLACES)), _HOSTILE)
def test_no_value_adds_a_header_an_address_or_a_part(place: str, value: str) -> None:
    asked = _PLACES[place](value)
    try:
        raw = composed(**asked)
    except ValueError:
        return
    head = raw.partition(b"\r\n\r\n")[0]
    assert not set(head.replace(b"\r\n", b"").replace(b"\t", b"")) & {*range(32), 127}
    names = field_names(raw)
    known = {*PLAIN, *_MAY_BE_THERE, *(asked["headers"] if place == "a header's name" else ())}
    assert len(names) == len(set(names))
    assert set(PLAIN) - {"Content-Transfer-Encoding"} <= set(names) <= known
    message = read(raw)
    assert len(message["From"].addresses) == 1 >= len(message["To"].addresses)
    assert len(message["Cc"].addresses if "Cc" in message else [1, 2]) == 2
    parts = list(message.walk())
    assert len(parts) == (2 if place.startswith("a file") else 3 if place == "a picture's id" else 1)
    assert all(set(part.keys()) <= _OF_PARTS for part in parts[1:])
