"""Octets put into encoded content, leaving the encoding of what is around them as it is.

Law: what is decoded afterwards is what was decoded before, with the new octets in their place; this is looked at, not
believed, and what cannot be cut in the middle is encoded anew. Whole lines before the place stay as they came.

RFC 2045 §6.7 (quoted-printable), §6.8 (base64).
"""

import binascii
import re

from lamsonproxy.mail.transfer import encode_octets
from lamsonproxy.mail.words import from_base64

_ESCAPE = re.compile(rb"=(?:[0-9A-Fa-f]{2}|[ \t]*\r?\n)")


def insert_encoded(encoded: bytes, encoding: str, at: int, new: bytes) -> bytes:
    """The encoded content with new octets at an offset of the decoded one."""
    if encoding == "base64":
        return _into_base64(encoded, at, new)
    if encoding == "quoted-printable":
        return _into_quoted_printable(encoded, at, new)
    return encoded[:at] + new + encoded[at:]


def encode_whole(octets: bytes, encoding: str, is_ended: bool = False) -> bytes:
    """The content, encoded; `is_ended` asks for the end of its last line."""
    if encoding == "base64":
        return encode_octets(octets)[1] + (b"\r\n" if is_ended else b"")
    return quoted_printable(octets) if encoding == "quoted-printable" else octets


def _into_base64(encoded: bytes, at: int, new: bytes) -> bytes:
    octets = from_base64(encoded)
    lines, held = _whole_lines(encoded, octets, at)
    return lines + encode_whole(octets[held:at] + new + octets[at:], "base64", encoded.endswith(b"\n"))


def _whole_lines(encoded: bytes, octets: bytes, at: int) -> tuple[bytes, int]:
    """The lines that end before the place, and how many octets they hold; none where they are not of one length."""
    line = encoded.find(b"\n") + 1
    digits = len(encoded[:line].rstrip(b"\r\n"))
    if not digits or digits % 4:
        return b"", 0
    count = at // (digits // 4 * 3)
    lines, held = encoded[: count * line], count * (digits // 4 * 3)
    return (lines, held) if lines.endswith(b"\n") and from_base64(lines) == octets[:held] else (b"", 0)


def _into_quoted_printable(encoded: bytes, at: int, new: bytes) -> bytes:
    octets = binascii.a2b_qp(encoded)
    place = _place_in_quoted_printable(encoded, at)
    head, tail = encoded[:place], encoded[place:]
    if not head.endswith(b"\n") and head:
        head += b"=\r\n"
    written = quoted_printable(new)
    if tail and not written.endswith(b"\n"):
        written += b"=\r\n"
    whole = octets[:at] + new + octets[at:]
    inserted = head + written + tail
    return inserted if binascii.a2b_qp(inserted) == whole else quoted_printable(whole)


def _place_in_quoted_printable(encoded: bytes, at: int) -> int:
    """The offset of what decodes to the octet at this place."""
    saved = 0
    for escape in _ESCAPE.finditer(encoded):
        if escape.start() - saved >= at:
            break
        saved += len(escape[0]) - (0 if escape[0].endswith(b"\n") else 1)
    return at + saved


def quoted_printable(octets: bytes) -> bytes:
    """Text in quoted-printable: CRLF ends its lines, and those of the encoding."""
    # With LF alone b2a_qp writes soft line breaks with LF, whatever line ends come later.
    written = binascii.b2a_qp(octets.replace(b"\r\n", b"\n"), istext=True)
    return written.replace(b"\n", b"\r\n")
