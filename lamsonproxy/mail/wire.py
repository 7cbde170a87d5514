"""Message bytes on the wire: the end of data found, dots taken off and put on, line endings made canonical.

Law: only CRLF.CRLF ends a message, and only CRLF ends a line. `LF.CRLF`, `CR.CRLF`, `CRLF.LF` and their kin are
content (SMTP smuggling, CVE-2023-51764). What leaves has no bare LF, and every line that begins with a dot is
stuffed, so no downstream can find an end of data that we did not send. Blocks go in and blocks come out; nothing here
knows a socket, and nothing works line by line: 25 MB of empty lines must cost what 25 MB of text costs.

RFC 5321 §4.5.2 (transparency), §2.3.8 (lines).
"""

import io
import re
from collections.abc import Iterable, Iterator
from enum import Enum

BLOCK = 256 * 1024
"""Octets written at a time: large enough to be cheap, small enough that a stalled peer holds no copy of the mail."""

END_OF_DATA = b".\r\n"
_COMMAND_END = b"\r\n"
_TERMINATOR = b"\r\n.\r\n"

# Questions to ask of a block. Each begins with a literal, so that sre runs through the block with memchr(3): two to
# four times as fast as bytes.find, .count and .replace, which look at every octet. Almost always the answer is no.
_DOTTED = re.compile(rb"\r\n\.")
_BARE_LF = re.compile(rb"\n(?<!\r\n)")
_BARE_CR = re.compile(rb"\r(?!\n)")


class BareNewline(Enum):
    """What becomes of a bare LF: `smtpd_forbid_bare_newline` has the same words."""

    NORMALIZE = "normalize"
    REJECT = "reject"


class BareCr(Enum):
    """What becomes of a lone CR; `replace` puts a blank, as Postfix's cleanup_replace_stray_cr_lf does."""

    KEEP = "keep"
    REPLACE = "replace"
    REJECT = "reject"


class Refused(Enum):
    """Why a message that was read to its end cannot be used."""

    TOO_BIG = "too big"
    BARE_LF = "bare LF"
    BARE_CR = "bare CR"
    NO_ROOM = "no room"


class DataReader:
    """Takes DATA in blocks and gives the message, dots taken off and line endings canonical.

    `feed` until it gives bytes: those that follow the end of data. Then `refused` says whether the message can be
    used, and `message` gives it. After a refusal the rest is read and thrown away, so memory stays bounded by
    `size_limit` whatever is sent; the limit is one of what was received and of what is kept.
    """

    def __init__(
        self,
        size_limit: int,
        bare_newline: BareNewline = BareNewline.NORMALIZE,
        bare_cr: BareCr = BareCr.KEEP,
    ) -> None:
        self._received = -len(_COMMAND_END)
        self.refused: Refused | None = None
        self._limit = size_limit
        self._bare_newline = bare_newline
        self._bare_cr = bare_cr
        self._content = io.BytesIO()
        # A dot in the first line is at the start of a line too.
        self._carry = _COMMAND_END

    @property
    def size(self) -> int:
        """Octets of content so far: as received, or as kept, where bare LFs became CRLF and that is more. Below one
        until the first."""
        return max(self._received, self._content.tell())

    def feed(self, block: bytes) -> bytes | None:
        """Take a block; None while the end of data has not been seen, else what came behind it."""
        pending = self._carry + block
        has_dots = _DOTTED.search(pending) is not None
        end = pending.find(_TERMINATOR) if has_dots else -1
        if end >= 0:
            self._take(pending[: end + 2], has_dots)
            return pending[end + len(_TERMINATOR) :]
        keep = _beginning_of_end(pending)
        self._carry = pending[len(pending) - keep :]
        self._take(pending[: len(pending) - keep], has_dots)
        return None

    def refuse(self, why: Refused) -> None:
        """Use none of this message and free what was read; reading goes on to the end of data."""
        if self.refused is None:
            self.refused = why
            self._content = io.BytesIO()

    def message(self) -> bytes:
        """The message; the reader is empty afterwards. (getvalue() of a BytesIO that nobody else sees makes no
        copy.)"""
        content, self._content = self._content, io.BytesIO()
        return content.getvalue()

    def _take(self, block: bytes, has_dots: bool) -> None:
        # The CRLF of the DATA command is no content: it is cut off again, here.
        content_start = max(0, -self._received)
        self._received += len(block)
        if self._received > self._limit:
            self.refuse(Refused.TOO_BIG)
        if self.refused is not None or not block:
            return
        block = self._canonical(block.replace(b"\r\n.", b"\r\n") if has_dots else block)
        kept = block[content_start:] if content_start else block
        # A mail of nothing but bare LF is twice as long now: in our memory, and to downstream's size limit.
        if self._content.tell() + len(kept) > self._limit:
            self.refuse(Refused.TOO_BIG)
        if self.refused is None:
            self._content.write(kept)

    def _canonical(self, block: bytes) -> bytes:
        # A block never ends between CR and LF (see _beginning_of_end), so each can be judged by itself.
        if self._bare_cr is not BareCr.KEEP and _BARE_CR.search(block):
            if self._bare_cr is BareCr.REJECT:
                self.refuse(Refused.BARE_CR)
            block = _BARE_CR.sub(b" ", block)
        if _BARE_LF.search(block):
            if self._bare_newline is BareNewline.REJECT:
                self.refuse(Refused.BARE_LF)
            block = _with_crlf(block)
        return block


def _beginning_of_end(pending: bytes) -> int:
    """How many of the last octets may be the beginning of an end of data, and must wait for the next block."""
    for length in (4, 3, 2, 1):
        if pending.endswith(_TERMINATOR[:length]):
            return length
    return 0


def _with_crlf(block: bytes) -> bytes:
    # Two runs of replace, not one of sub: a block of nothing but LF must not cost a call for each.
    return block.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def canonical(content: bytes) -> bytes:
    """Content that somebody made, with CRLF at the end of each line and of the last one."""
    if _BARE_LF.search(content):
        content = _with_crlf(content)
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


def stuffed(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Canonical content as blocks for the wire: dots put on, the end of data not yet.

    Each part begins at the start of a line. Blocks are copied out one at a time, so a big mail is never held twice.
    """
    for part in parts:
        yield from _stuffed_part(memoryview(part))


def _stuffed_part(part: memoryview) -> Iterator[bytes]:
    start, at_line_start = 0, True
    while start < len(part):
        block = bytes(part[start : start + BLOCK])
        # A block that ends in CR waits with it, or CRLF. over the border would not be seen.
        if block.endswith(b"\r") and len(block) > 1:
            block = block[:-1]
        start += len(block)
        head = b"." if at_line_start and block.startswith(b".") else b""
        at_line_start = block.endswith(b"\r\n")
        if _DOTTED.search(block):
            block = block.replace(b"\r\n.", b"\r\n..")
        yield head + block if head else block
