"""MIME entities, made: text, attachments, and multiparts around them.

Law: an entity is complete and never changes. Boundaries are digests of what they separate, so that nobody can write
one into a text beforehand, and the same mail composed twice is the same octets.

RFC 2045, RFC 2046 §5.1 (multipart), §5.2.1 (message/rfc822 is never encoded), RFC 2183 (Content-Disposition),
RFC 2387 (related), RFC 2392 (cid).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamsonproxy.mail.content import ended
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import check_line, write_message_ids, write_parameterized
from lamsonproxy.mail.filenames import LENGTH_LIMIT, file_name
from lamsonproxy.mail.folding import LINE_LIMIT, write_field
from lamsonproxy.mail.parameters import parse
from lamsonproxy.mail.transfer import encode_octets, encode_text
from lamsonproxy.mail.wire import canonical

FILE = "application/octet-stream"
"""The type of a file of which nothing is known (RFC 2046 §4.5.1)."""

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")
_LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (LINE_LIMIT + 1))


@dataclass(frozen=True, slots=True)
class Entity:
    """A head of Content fields, and a body. A line end is put behind it where something follows it."""

    content_type: str
    fields: bytes
    body: tuple[bytes, ...]
    """In pieces, so that a large file is not copied for each multipart that it is in."""

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """All of it."""
        return (self.fields, b"\r\n", *self.body)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    content: bytes
    filename: str = ""
    content_type: str = FILE
    """With parameters where it has some: "text/calendar; method=REQUEST"."""


def text_entity(subtype: str, text: str) -> Entity:
    """Text in UTF-8. CRLF, LF and CR end its lines; the last one ends too. Raises ValueError for half a character."""
    if not isinstance(text, str):
        raise TypeError("a text is str")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    try:
        encoding, body = encode_text(ended(lines.encode("utf-8")))
    except UnicodeEncodeError:
        raise ValueError("the text of a mail holds a lone surrogate, which is no character") from None
    return _entity(f"text/{subtype}", {"charset": "utf-8"}, encoding, body)


def attachment_entity(given: Attachment) -> Entity:
    """A file that its reader may save. Raises ValueError for a name or type that is none."""
    if not isinstance(given, Attachment):
        raise TypeError("an attachment is an Attachment(content, filename, content_type)")
    _check_content(given.content)
    kind, params = _media_type(given.content_type)
    disposition = {"filename": _file_name(given.filename)} if given.filename else {}
    more = write_parameterized("Content-Disposition", "attachment", disposition).raw
    if kind == "message/rfc822":
        return _message_entity(given.content, more)
    return _entity(kind, params, *encode_octets(given.content), more=more)


def image_entity(content_id: str, content_type: str, content: bytes) -> Entity:
    """A picture that HTML shows by `cid:`. Raises ValueError for an id or type that is none."""
    _check_content(content)
    kind, params = _media_type(content_type)
    more = (
        write_message_ids("Content-ID", f"<{content_id}>").raw
        + write_field("Content-Disposition", "inline").raw
    )
    return _entity(kind, params, *encode_octets(content), more=more)


def multipart(subtype: str, entities: Sequence[Entity], params: Mapping[str, str] | None = None) -> Entity:
    """Entities side by side."""
    boundary = _boundary(subtype, entities)
    delimiter = b"--" + boundary.encode("ascii")
    body: list[bytes] = []
    for entity in entities:
        body += (delimiter, b"\r\n", *entity.pieces, b"\r\n")
    body += (delimiter, b"--")
    encoding = "" if all(piece.isascii() for piece in body) else "8bit"
    return _entity(f"multipart/{subtype}", {**(params or {}), "boundary": boundary}, encoding, *body)


def _boundary(subtype: str, entities: Sequence[Entity]) -> str:
    digest = hashlib.sha256(subtype.encode("ascii"))
    for entity in entities:
        digest.update(b"\0")
        for piece in entity.pieces:
            digest.update(piece)
    return f"=_{digest.hexdigest()[:40]}"


def _message_entity(content: bytes, more: bytes) -> Entity:
    """A whole mail, which may not be encoded; one that cannot travel so is a file instead."""
    message = canonical(content)
    if _LONG_LINE.search(message) or b"\0" in message or b"\r" in message.replace(b"\r\n", b""):
        return _entity(FILE, {}, *encode_octets(content), more=more)
    return _entity("message/rfc822", {}, "7bit" if message.isascii() else "8bit", message, more=more)


def _entity(kind: str, params: Mapping[str, str], encoding: str, *body: bytes, more: bytes = b"") -> Entity:
    fields = write_parameterized("Content-Type", kind, params).raw
    if encoding:
        fields += write_field("Content-Transfer-Encoding", encoding).raw
    return Entity(kind, fields + more, body)


def is_media_type(word: str) -> bool:
    """Whether an attachment can be of this type: no multipart, which it would have to have parts for."""
    return bool(_MEDIA_TYPE.fullmatch(word)) and not word.startswith("multipart/")


def _check_content(content: bytes) -> None:
    if not isinstance(content, bytes):
        raise TypeError("the content of an attachment is bytes")


def _media_type(text: str) -> tuple[str, Mapping[str, str]]:
    content = parse(check_line("a media type", text).encode("utf-8"), Defects())
    if not is_media_type(content.value):
        raise ValueError("the type of an attachment is a media type such as `image/png`, and no multipart")
    return content.value, content.params


def _file_name(name: str) -> str:
    if file_name(check_line("a file name", name)) != name:
        raise ValueError(
            f'a file name is one that every system can have: no directories, none of <>:"|?*, nothing invisible, '
            f"no blank or dot at its end, no device of DOS, at most {LENGTH_LIMIT} octets; `file_name` makes one"
        )
    return name
