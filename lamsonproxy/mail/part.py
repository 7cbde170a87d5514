"""One MIME entity: its head, its type, its name, and its content when somebody asks.

Law: a part never changes and holds no copy of its content. Decoding is lazy, capped, and never raises; what
cannot be decoded is given as it stands. Nothing is decompressed.

RFC 2045 §6 (transfer encodings), RFC 2183 (Content-Disposition).
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.headers import Headers
from lamsonproxy.mail.parameters import Parameterized, file_name, parse
from lamsonproxy.mail.words import from_base64

CONTENT_LIMIT = 64 * 1024 * 1024
"""Octets of decoded content given, if the caller names no limit: what a door takes as one whole mail."""


@dataclass(frozen=True, eq=False)
class Part:
    """One entity of a message: the message itself, a multipart, or what is in one."""

    raw: bytes = field(repr=False)
    """The octets of the whole message, into which the offsets point."""
    start: int
    body_start: int
    end: int
    depth: int
    """How many entities this one is in: 0 is the message itself."""
    headers: Headers = field(repr=False)
    content_header: Parameterized = field(repr=False)
    in_message: bool
    """True for what belongs to an attached message (message/rfc822)."""
    defects: Defects = field(repr=False)

    @property
    def content_type(self) -> str:
        """The media type in lower case: "text/plain" where none is given, or none that can be read."""
        return self.content_header.value

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters of Content-Type, decoded, by names in lower case."""
        return self.content_header.params

    @cached_property
    def _disposition(self) -> Parameterized:
        return parse(self.headers.raw_value("Content-Disposition"), self.defects)

    @property
    def disposition(self) -> str:
        """ "attachment", "inline" or what else stands there, in lower case; "" when nothing does."""
        return self._disposition.value

    @cached_property
    def filename(self) -> str:
        """The name that the sender gave it, made safe; "" when there is none."""
        return file_name(self._disposition.params.get("filename") or self.params.get("name", ""))

    @property
    def is_attachment(self) -> bool:
        """Whether it is said to be one, or has a file name: `inline` keeps nobody from opening it."""
        return self.disposition == "attachment" or bool(self.filename)

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    def content(self, limit: int = CONTENT_LIMIT) -> bytes:
        """The octets with the transfer encoding taken off, at most `limit` of them."""
        encoding = self.headers.raw_value("Content-Transfer-Encoding").strip().lower()
        octets = self.raw[self.body_start : self.end]
        if self.is_multipart or encoding in (b"", b"7bit", b"8bit", b"binary"):
            return octets[:limit]
        if encoding == b"base64":
            return from_base64(octets, limit)
        if encoding == b"quoted-printable":
            return binascii.a2b_qp(octets)[:limit]
        self.defects.note("a part has an unknown transfer encoding")
        return octets[:limit]

    def text(self, limit: int = CONTENT_LIMIT) -> str:
        """The content as text, lines ended by LF, read in the charset it declares (see `charset.to_text`)."""
        text = to_text(self.content(limit), self.params.get("charset", ""), self.defects)
        return text.replace("\r\n", "\n")
