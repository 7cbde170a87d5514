"""Kinds of mail that a footer is put under: charsets, transfer encodings, structures, and HTML as people send it.

Law: a kind is a whole mail, made by hand, with words in it that tell the plain text ("plain words") from the HTML
("html words"). `FOOTED` get a footer; `LEFT_ALONE` do not, unless they are wrapped.
"""

import base64
import quopri

HEAD = b"From: alice@example.com\r\nTo: bob@example.org\r\nSubject: kind\r\nMIME-Version: 1.0\r\n"
PLAIN = "Dear Bob,\r\nplain words = here.\r\n"
HTML = "<html><body><p>html words = here</p></body></html>\r\n"


def entity(content_type: str, content: bytes, encoding: str = "", more: str = "") -> bytes:
    """One entity; the content as it stands, or encoded."""
    fields = f"Content-Type: {content_type}\r\n{more}" + (
        f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    )
    return fields.encode() + b"\r\n" + _encoded(content, encoding)


def _encoded(content: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(content).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return content


def mail(of: bytes) -> bytes:
    return HEAD + of


def multipart(subtype: str, *entities: bytes, boundary: str = "b", more: str = "") -> bytes:
    delimiter = b"--" + boundary.encode()
    body = b"".join(delimiter + b"\r\n" + each + b"\r\n" for each in entities)
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"{more}\r\n\r\n'
    return head.encode() + body + delimiter + b"--\r\n"


def text(
    charset: str, encoding: str, words: str = PLAIN, subtype: str = "plain", more: str = "", codec: str = ""
) -> bytes:
    return entity(f"text/{subtype}; charset={charset}{more}", words.encode(codec or charset), encoding)


def html(charset: str, encoding: str, words: str = HTML) -> bytes:
    return text(charset, encoding, words, "html")


def both(plain: bytes, other: bytes) -> bytes:
    return multipart("alternative", plain, other, boundary="alt")


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = entity("image/png", PNG, "base64", "Content-ID: <pic>\r\nContent-Disposition: inline\r\n")
PDF = entity(
    "application/pdf; name=a.pdf",
    b"%PDF " * 40,
    "base64",
    "Content-Disposition: attachment; filename=a.pdf\r\n",
)
RFC822 = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nplain words of another mail\r\n"
CALENDAR = text("utf-8", "", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "calendar", "; method=REQUEST")
GERMAN = "Grüße, plain words.\r\n"
RUSSIAN = "Привет, plain words.\r\n"
JAPANESE = "こんにちは plain words.\r\n"
LONG_LINE = "plain words " * 80 + "\r\n"
GERMAN_HTML = "<html><body><p>Grüße, html words</p></body></html>\r\n"
JAPANESE_HTML = "<html><body><p>こんにちは html words</p></body></html>\r\n"
FLOWED = "Dear Bob, this is one \r\nline with plain words that flows \r\n"

FOOTED: dict[str, bytes] = {
    # Charsets and encodings, plain
    "ascii": mail(text("us-ascii", "7bit")),
    "ascii, long lines": mail(text("us-ascii", "7bit", LONG_LINE)),
    "nothing said": HEAD + b"\r\n" + PLAIN.encode(),
    "no mime at all": b"From: alice@example.com\r\n\r\n" + PLAIN.encode(),
    "a charset of ten thousand names": mail(text("x-unknown-7bit", "", codec="ascii")),
    "latin-1, 8bit": mail(text("iso-8859-1", "8bit", GERMAN)),
    "latin-1, quoted-printable": mail(text("iso-8859-1", "quoted-printable", GERMAN)),
    "latin-1, base64": mail(text("iso-8859-1", "base64", GERMAN)),
    "utf-8, 8bit": mail(text("utf-8", "8bit", RUSSIAN)),
    "utf-8, quoted-printable": mail(text("utf-8", "quoted-printable", RUSSIAN * 3)),
    "utf-8, base64": mail(text("utf-8", "base64", RUSSIAN * 9)),
    "utf-8, 8bit, undeclared": HEAD + b"\r\n" + RUSSIAN.encode(),
    "koi8-r, 8bit": mail(text("koi8-r", "8bit", RUSSIAN)),
    "iso-2022-jp, 7bit": mail(text("iso-2022-jp", "7bit", JAPANESE)),
    "shift_jis, base64": mail(text("shift_jis", "base64", JAPANESE)),
    "gb18030, base64": mail(text("gb18030", "base64", "你好 plain words\r\n")),
    "utf-16, base64": mail(text("utf-16", "base64", JAPANESE)),
    "utf-7, 7bit": mail(text("utf-7", "7bit", GERMAN)),
    "quoted-printable without a line end": mail(text("utf-8", "quoted-printable", "Grüße, plain words")),
    "base64 without a line end": mail(text("utf-8", "base64", "Grüße, plain words")),
    # Formats and bodies
    "flowed": mail(text("utf-8", "8bit", FLOWED, more="; format=flowed")),
    "flowed, ascii, in capitals": mail(text("us-ascii", "", FLOWED, more="; FORMAT=Flowed; DelSp=yes")),
    "empty": HEAD + b"\r\n",
    "no empty line": HEAD,
    "nothing but line ends": HEAD + b"\r\n\r\n\r\n",
    # HTML
    "html only": mail(html("utf-8", "8bit")),
    "html, ascii": mail(html("us-ascii", "7bit")),
    "html, latin-1, quoted-printable": mail(html("iso-8859-1", "quoted-printable", GERMAN_HTML)),
    "html, iso-2022-jp": mail(html("iso-2022-jp", "7bit", JAPANESE_HTML)),
    "html, base64": mail(html("utf-8", "base64", JAPANESE_HTML * 1 + " " * 200)),
    "html, utf-16": mail(html("utf-16", "base64", JAPANESE_HTML)),
    "html without an end": mail(html("utf-8", "", "<p>html words<br><b>bold")),
    "html with its end in a comment": mail(html("utf-8", "", "<body>html words</body><!-- </body> -->\r\n")),
    "html with a comment that never ends": mail(html("utf-8", "", "<p>html words</p><!-- hidden")),
    "html, two documents": mail(html("utf-8", "", HTML + HTML)),
    "html, the end cut by a soft line break": mail(
        entity("text/html; charset=utf-8", b"x", more="Content-Transfer-Encoding: quoted-printable\r\n")[:-1]
        + b"<html><body><p>html words</p></bo=\r\ndy></html>\r\n"
    ),
    # Structures
    "alternative": mail(both(text("utf-8", "8bit"), html("utf-8", "8bit"))),
    "alternative, mixed encodings": mail(
        both(text("iso-8859-1", "quoted-printable", GERMAN), html("utf-8", "base64", JAPANESE_HTML))
    ),
    "alternative, related": mail(
        both(
            text("utf-8", "8bit"),
            multipart("related", html("utf-8", "8bit", HTML.replace("</p>", '<img src="cid:pic"></p>')), PICTURE),
        )
    ),
    "related, its root named": mail(
        multipart("related", PICTURE, entity("text/html", HTML.encode(), more="Content-ID: <root>\r\n"),
                  more='; start="<root>"')
    ),
    "mixed, with an attachment": mail(multipart("mixed", both(text("utf-8", ""), html("utf-8", "")), PDF)),
    "mixed, with a message": mail(multipart("mixed", text("utf-8", "8bit"), RFC822)),
    "mixed, never ended": mail(multipart("mixed", text("utf-8", "8bit"), PDF)).removesuffix(b"--b--\r\n"),
    "alternative, with a calendar": mail(
        multipart("alternative", text("utf-8", ""), html("utf-8", ""), CALENDAR)
    ),
    "mixed in mixed": mail(
        multipart("mixed", multipart("mixed", text("us-ascii", ""), PDF, boundary="inner"), PDF)
    ),
    "with a preamble and an epilogue": mail(
        multipart("mixed", text("us-ascii", "")).replace(b"\r\n\r\n--b", b"\r\n\r\npreamble\r\n--b", 1)
        + b"epilogue\r\n"
    ),
}  # fmt: skip

SIGNED_TEXT = text("utf-8", "quoted-printable", GERMAN)
LEFT_ALONE: dict[str, bytes] = {
    "signed": mail(multipart("signed", SIGNED_TEXT, entity("application/pgp-signature", b"signature"))),
    "encrypted": mail(multipart("encrypted", entity("application/pgp-encrypted", b"Version: 1"), PDF)),
    "smime": mail(entity("application/pkcs7-mime; smime-type=signed-data", b"0" * 100, "base64")),
    "pgp in the text": mail(text("utf-8", "", "-----BEGIN PGP SIGNED MESSAGE-----\r\nplain words\r\n")),
    "calendar alone": mail(CALENDAR),
    "a picture": mail(entity("image/png", PNG, "base64")),
    "a report": mail(multipart("report", text("utf-8", ""), entity("message/delivery-status", b"A: b\r\n"))),
    "an attachment alone": mail(PDF),
    "a message alone": mail(RFC822),
    "an encoding nobody knows": mail(text("utf-8", "x-uuencode", codec="utf-8")),
    "a multipart of nothing": mail(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"),
}
