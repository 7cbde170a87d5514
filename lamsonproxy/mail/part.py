"""One MIME entity: its head, its type, its name, and its content when somebody asks.

Law: a part never changes and holds no copy of its content. Decoding is lazy, capped, and never raises; what
cannot be decoded is given as it stands. Nothing is decompressed.

RFC 2045 §6 (transfer encodings), RFC 2183 (Content-Disposition).
"""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property

from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.detection import Detection
from lamsonproxy.mail.filenames import file_name
from lamsonproxy.mail.headers import Headers, unfold
from lamsonproxy.mail.parameters import Parameterized, parse
from lamsonproxy.mail.words import from_base64

CONTENT_LIMIT = 64 * 1024 * 1024
"""Octets of decoded content given, if the caller names no limit: what a door takes as one whole mail."""

# What stands behind it is a comment, or a parameter that it does not have.
_WORD = re.compile(rb"[^\s;()]+")

UNCODED = ("7bit", "8bit", "binary")
"""The encodings that leave the octets as they are."""


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
    detection: Detection = field(repr=False)

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

    @property
    def filename(self) -> str:
        """The name that the sender gave it, made safe; "" when there is none."""
        return next(iter(self.filenames), "")

    @cached_property
    def filenames(self) -> tuple[str, ...]:
        """Every name that it has, made safe: of two different ones, readers take now this one and now that."""
        given = self._disposition.params.get("filename", ""), self.params.get("name", "")
        return tuple(dict.fromkeys(name for name in map(file_name, given) if name))

    @property
    def content_id(self) -> str:
        """What HTML calls it by in `cid:` (RFC 2392), without angle brackets; "" when it has none."""
        return unfold(self.headers.raw_value("Content-ID")).decode("utf-8", "replace").strip("<> \t")

    @property
    def is_attachment(self) -> bool:
        """Whether it is said to be one, or has a file name: `inline` keeps nobody from opening it."""
        return self.disposition == "attachment" or bool(self.filename)

    @property
    def is_inline_image(self) -> bool:
        """Whether it is a picture that the HTML may show, rather than one to be saved."""
        is_shown = self.disposition == "inline" or bool(self.content_id)
        return self.content_type.startswith("image/") and self.disposition != "attachment" and is_shown

    def is_named(self, pattern: str) -> bool:
        """Whether a name of it fits a pattern such as "*.exe", not minding capitals; "*" fits one without a name."""
        wanted = pattern.lower()
        return any(fnmatchcase(name.lower(), wanted) for name in self.filenames or ("",))

    @property
    def is_message(self) -> bool:
        return self.content_type in ("message/rfc822", "message/global")

    @property
    def is_multipart(self) -> bool:
        return self.content_type.startswith("multipart/")

    @cached_property
    def encoding(self) -> str:
        """The transfer encoding in lower case; "7bit" where none is given (RFC 2045 §6.1), and for every multipart,
        which may have no other than that (§6.4)."""
        given = _WORD.search(self.headers.raw_value("Content-Transfer-Encoding").lower())
        return given[0].decode("latin-1") if given and not self.is_multipart else "7bit"

    def content(self, limit: int = CONTENT_LIMIT) -> bytes:
        """The octets with the transfer encoding taken off, at most `limit` of them."""
        octets = self.raw[self.body_start : self.end]
        if self.encoding in UNCODED:
            return octets[:limit]
        if self.encoding == "base64":
            return from_base64(octets, limit)
        if self.encoding == "quoted-printable":
            return binascii.a2b_qp(octets)[:limit]
        self.defects.note("a part has an unknown transfer encoding")
        return octets[:limit]

    def text(self, limit: int = CONTENT_LIMIT) -> str:
        """The content as text, lines ended by LF, read in the charset it declares or seems to have (see
        `charset.to_text`)."""
        charset = self.params.get("charset", "")
        text = to_text(self.content(limit), charset, self.defects, self.detection.guess)
        return text.replace("\r\n", "\n")
