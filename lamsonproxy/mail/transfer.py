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

_BASE64_LINE = _LINE // 4 * 3
_BASE64_BLOCK = 16_384 * _BASE64_LINE

# Not a line that begins with "From ": mbox writers put a ">" before it, which breaks a signature.
_SEVEN_BIT = re.compile(rb"(?!From )[\t -~]*(?:\r\n(?!From )[\t -~]*)*+")
_PLAIN = bytes({*b"\t\r\n", *range(32, 127)} - {*b"="})
_QUOTED = {octet: f"={octet:02X}" for octet in {*range(256)} - {*_PLAIN}}
_LAST_BLANK = re.compile(rb"[\t ](?=\r\n|\Z)")
_FROM = re.compile(rb"^F(?=rom )", re.MULTILINE)


def encode_text(text: bytes) -> tuple[str, bytes]:
    """The encoding's name and the body, for text all of whose line ends are CRLF."""
    if _SEVEN_BIT.fullmatch(text) and all(len(line) <= LINE_LIMIT for line in text.split(b"\r\n")):
        return "7bit", text
    # Quoted-printable can be read by people who look at the source, so it may be half as long again as base64.
    if 2 * len(text.translate(None, _PLAIN)) > len(text):
        return encode_octets(text)
    quoted = text.decode("latin-1").translate(_QUOTED).encode("ascii")
    quoted = _FROM.sub(b"=46", _LAST_BLANK.sub(lambda blank: b"=%02X" % blank[0][0], quoted))
    return "quoted-printable", b"\r\n".join(piece for line in quoted.split(b"\r\n") for piece in _cut(line))


def _cut(line: bytes) -> Iterator[bytes]:
    """A line as lines of at most 76 characters; all but the last end in a soft line break."""
    at = 0
    while len(line) - at > _LINE:
        end = at + _LINE - 1
        # Not between the three characters of one octet.
        sign = line.rfind(b"=", end - 2, end)
        end = sign if sign >= 0 else end
        yield line[at:end] + b"="
        at = end
    yield line[at:]


def encode_octets(octets: bytes) -> tuple[str, bytes]:
    """The encoding's name and the body, for anything: base64."""
    # In blocks, because a list of all lines is several times as large as the octets.
    blocks = (octets[at : at + _BASE64_BLOCK] for at in range(0, len(octets), _BASE64_BLOCK))
    return "base64", b"\r\n".join([b"\r\n".join(_base64_lines(block)) for block in blocks])


def _base64_lines(block: bytes) -> Iterator[bytes]:
    for at in range(0, len(block), _BASE64_LINE):
        yield binascii.b2a_base64(block[at : at + _BASE64_LINE], newline=False)
