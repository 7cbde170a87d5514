"""Content transfer encodings, written: 7bit where the text allows it, else quoted-printable or base64.

Law: what is read back is what was given, octet for octet; every line is ASCII, ends in CRLF, and is as short as the
encoding asks. The last line of base64 has no end: whoever puts it into a message knows what follows it.

RFC 2045 §6.7 (quoted-printable), §6.8 (base64), §2.7 (what 7bit is).
"""

import binascii
import re
from collections.abc import Iterator

from lamsonproxy.mail.folding import LINE_LIMIT

_LINE = 76
"""Characters of an encoded line (RFC 2045 §6.7 and §6.8)."""

_BASE64_BLOCK = _LINE // 4 * 3

# Not a line that begins with "From ": mbox writers put a ">" before it, which breaks a signature.
_SEVEN_BIT = re.compile(rb"(?!From )[\t -~]*(?:\r\n(?!From )[\t -~]*)*+")
_MUST_BE_QUOTED = re.compile(rb"[^\t -<>-~]|[\t ]\Z|\AF(?=rom )")


def encode_text(text: bytes) -> tuple[str, bytes]:
    """The encoding's name and the body, for text whose lines end in CRLF."""
    lines = text.split(b"\r\n")
    if _SEVEN_BIT.fullmatch(text) and all(len(line) <= LINE_LIMIT for line in lines):
        return "7bit", text
    quoted = b"\r\n".join(piece for line in lines for piece in _quoted_printable(line))
    # Quoted-printable can be read by people who look at the source, so it may be longer by the half.
    return ("quoted-printable", quoted) if len(quoted) <= 2 * len(text) + _LINE else encode_octets(text)


def _quoted_printable(line: bytes) -> Iterator[bytes]:
    """One line of text as lines of at most 76 characters; all but the last end in a soft line break."""
    written = _MUST_BE_QUOTED.sub(lambda match: b"=%02X" % match[0][0], line)
    at = 0
    while len(written) - at > _LINE:
        end = at + _LINE - 1
        # Not between the three characters of one octet.
        sign = written.rfind(b"=", end - 2, end)
        end = sign if sign >= 0 else end
        yield written[at:end] + b"="
        at = end
    yield written[at:]


def encode_octets(octets: bytes) -> tuple[str, bytes]:
    """The encoding's name and the body, for anything: base64."""
    starts = range(0, len(octets), _BASE64_BLOCK)
    lines = (binascii.b2a_base64(octets[at : at + _BASE64_BLOCK], newline=False) for at in starts)
    return "base64", b"\r\n".join(lines)
