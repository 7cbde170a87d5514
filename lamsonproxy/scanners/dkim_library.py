"""dkimpy, mended: blanks in a body cost no more than there are of them.

    from lamsonproxy.scanners.dkim_library import dkim

Law: what is put into the library gives the octets that its own gives.

Its `[\\t ]+\\r\\n` begins anew at each blank of a run behind which no line ends: forty thousand are two seconds, a
million are half an hour, and all that time no other thread of the interpreter runs. Any stranger can write such a mail.

RFC 6376 §3.4.4 (the relaxed body).
"""

import re

import dkim  # type: ignore[import-untyped] # no types
from dkim import canonicalization

__all__ = ["dkim"]

# All but the single blank, which may stay and stands between any two words.
_BLANKS = re.compile(rb"\t[\t ]*| [\t ]+")


def relaxed_body(body: bytes) -> bytes:
    """The body with its blanks and its last lines as a relaxed signature counts them."""
    lines = _BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n")
    octets: bytes = canonicalization.correct_empty_body(canonicalization.strip_trailing_lines(lines))
    return octets


canonicalization.Relaxed.canonicalize_body = staticmethod(relaxed_body)  # no option of the library says it
