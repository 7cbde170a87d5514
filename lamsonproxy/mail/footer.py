"""A footer in a text: in the part's own charset and transfer encoding, where a reader will see it.

Law: what was there is still there, octet for octet where the footer can be written in the same charset and encoding. If
it cannot, the part becomes UTF-8, and nothing of its text is lost; text that is not in the charset that it claims stays
as it is, and the footer is written around that in ASCII.

RFC 3676 §4.2, §4.4 (format=flowed: no line of ours may flow, none of theirs may flow into ours).
"""

import html
import re
from dataclasses import dataclass

from lamsonproxy.mail.charset import codec_of
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import write_parameterized
from lamsonproxy.mail.folding import LINE_LIMIT, write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.parameters import parse
from lamsonproxy.mail.part import CONTENT_LIMIT, UNCODED, Part
from lamsonproxy.mail.reencoding import encode_whole, insert_encoded, quoted_printable

# A comment that nobody ends hides all that follows; `<!-->` is a whole one (HTML §13.2.5.43).
_MARKUP = re.compile(r"<!---?>|<!--|--!?>|</(?:body|html)\s*>", re.IGNORECASE)
_CHARSET = re.compile(rb"(;\s*charset\s*=\s*)(?:\"[^\"]*\"|[^\s;\"]*)", re.IGNORECASE)
_LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (LINE_LIMIT + 1))
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")
# A trailing blank would make the line flow; these in front are what stuffing is for.
_TRAILING_BLANKS = re.compile(r"(?<!^--)[ \t]+$", re.MULTILINE)
_TO_BE_STUFFED = re.compile(r"^(?=[ >]|From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Footer:
    """What is put under a text."""

    text: str
    html: str = ""
    """For HTML; made of the text where it is empty."""

    def __post_init__(self) -> None:
        if _NO_TEXT.search(self.text + self.html):
            raise ValueError("a footer is text: it holds no NUL and no lone surrogate")

    @property
    def lines(self) -> str:
        """For plain text: its lines ended by LF, and none empty around them."""
        return _LINE_END.sub("\n", self.text).strip("\n")

    @property
    def as_html(self) -> str:
        """For HTML, ended by LF: one paragraph, as its author broke the lines; "" when it is empty."""
        if self.html:
            return _LINE_END.sub("\n", self.html).strip("\n") + "\n"
        broken = html.escape(self.lines).replace("\n", "<br>\n")
        return f"<p>{broken}</p>\n" if broken else ""


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A body with a footer, and the fields that had to change for it."""

    body: bytes
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class _Text:
    """A text part, decoded."""

    octets: bytes
    codec: str
    text: str
    is_readable: bool
    """Whether the octets are in the codec; if not they were read as Latin-1, which has all of them."""


def with_footer(part: Part, footer: Footer) -> Rewriting | None:
    """A text part's body with the footer; None when its transfer encoding is unknown or it is too big."""
    read = _read(part)
    if read is None:
        return None
    at, inserted = _insertion(part, read.text, footer)
    new = _encoded(part, read, at, inserted)
    if new is not None:
        return _rewriting(part, read.octets, len(read.text[:at].encode(read.codec)), new)
    octets, place = read.text.encode("utf-8"), len(read.text[:at].encode("utf-8"))
    return _rewriting(part, octets, place, inserted.encode("utf-8"), _content_type(part, "utf-8"))


def _read(part: Part) -> _Text | None:
    if part.encoding not in (*UNCODED, "base64", "quoted-printable"):
        return None
    octets = part.content(CONTENT_LIMIT)
    if len(octets) == CONTENT_LIMIT:
        return None
    declared = part.params.get("charset", "")
    # A charset that nobody knows is most often one of ASCII's many names, or one of those that contain it.
    for codec in (codec_of(declared) or "ascii",) if declared else ("ascii", "utf_8"):
        try:
            return _Text(octets, codec, octets.decode(codec), is_readable=True)
        except UnicodeError:
            continue
    return _Text(octets, "latin_1", octets.decode("latin_1"), is_readable=False)


def _insertion(part: Part, text: str, footer: Footer) -> tuple[int, str]:
    """Where the footer goes, and what goes there."""
    line_end = "\n" if "\n" in text and "\r\n" not in text else "\r\n"
    if part.content_type == "text/html":
        return _end_of_html(text), footer.as_html.replace("\n", line_end)
    added = footer.lines
    is_flowed = part.params.get("format", "").lower() == "flowed"
    if is_flowed:
        added = _TO_BE_STUFFED.sub(" ", _TRAILING_BLANKS.sub("", added))
    if not added:
        return len(text), ""
    gap = "\n" if text and not text.endswith("\n") else ""
    # An empty line ends a paragraph whose last line would flow into ours.
    gap += "\n" if is_flowed and text.rstrip("\r\n").endswith(" ") else ""
    end = "\n" if text.endswith("\n") or not text else ""
    return len(text), (gap + added + end).replace("\n", line_end)


def _end_of_html(text: str) -> int:
    """The offset of the last `</body>` or else `</html>`, outside comments; else the end of what is shown."""
    comment = body = end = -1
    for markup in _MARKUP.finditer(text):
        token = markup[0].lower()
        if comment >= 0:
            comment = -1 if token.startswith("--") else comment
        elif token == "<!--":
            comment = markup.start()
        elif token.startswith("</b"):
            body = markup.start()
        elif token.startswith("</h"):
            end = markup.start()
    if body >= 0 or end >= 0:
        return body if body >= 0 else end
    return comment if comment >= 0 else len(text)


def _encoded(part: Part, read: _Text, at: int, inserted: str) -> bytes | None:
    """The footer in the charset of the text; None where it cannot stand in it."""
    codec = read.codec if read.is_readable else "ascii"
    if codec.startswith(("utf_16", "utf_32")):
        # Each text in these begins with a mark of its own, and has line ends of its own.
        return None
    is_html = part.content_type == "text/html"
    # Any character can be written in any charset in HTML.
    errors = "xmlcharrefreplace" if is_html else "strict" if read.is_readable else "replace"
    try:
        new, place = inserted.encode(codec, errors), len(read.text[:at].encode(read.codec))
        after = (read.octets[:place] + new + read.octets[place:]).decode(read.codec)
    except UnicodeError:
        return None
    return new if after == read.text[:at] + new.decode(codec) + read.text[at:] else None


def _rewriting(part: Part, octets: bytes, place: int, new: bytes, *fields: Field) -> Rewriting:
    """The part with this content and the new octets in it: in its own encoding, and spliced, where that can be."""
    body = part.raw[part.body_start : part.end]
    whole = octets[:place] + new + octets[place:]
    if part.encoding in UNCODED and not _fits(whole if fields else new, part, body):
        encoding = write_field("Content-Transfer-Encoding", "quoted-printable")
        return Rewriting(quoted_printable(whole), (*fields, encoding))
    if octets == part.content():
        return Rewriting(insert_encoded(body, part.encoding, place, new), fields)
    return Rewriting(encode_whole(whole, part.encoding, body.endswith(b"\n")), fields)


def _fits(octets: bytes, part: Part, body: bytes) -> bool:
    """Whether octets may stand in a body that is not encoded. One that holds 8-bit letters and should not can have
    more of them: who took it this far takes it on."""
    is_8bit = part.encoding != "7bit" or not body.isascii()
    return not _LONG_LINE.search(octets) and (is_8bit or octets.isascii())


def _content_type(part: Part, charset: str) -> Field:
    """The part's own field with another charset in it; made anew where that cannot be read back."""
    given = part.headers.raw_value("Content-Type") or b" text/plain"
    written = _CHARSET.sub(rb"\1" + charset.encode(), given, count=1)
    if written == given:
        written = given.rstrip(b"; \t\r\n") + b";\r\n charset=" + charset.encode()
    read = parse(written, Defects())
    if (read.value, read.params.get("charset")) == (part.content_type, charset):
        return Field(b"Content-Type:" + written + b"\r\n")
    kept = {name: part.params[name] for name in ("format", "delsp") if name in part.params}
    return write_parameterized("Content-Type", part.content_type, {"charset": charset} | kept)
