"""dkimpy, mended: blanks in a body cost no more than there are of them.

    from lamsonproxy.scanners.dkim_library import dkim

Law: what is put into the library gives the octets that its own gives.

Its `[\\t ]+\\r\\n` begins anew at each blank of a run behind which no line ends: forty thousand are two seconds, a
million are half an hour, and all that time no other thread of the interpreter runs. Any stranger can write such a mail.
Here is no pattern at all: one that looks at each blank of 64 MiB stands in everybody's way for ten seconds.

RFC 6376 §3.4.4 (the relaxed body).
"""

import dkim  # type: ignore[import-untyped] # no types
from dkim import canonicalization

__all__ = ["dkim"]


def relaxed_body(body: bytes) -> bytes:
    """The body with its blanks and its last lines as a relaxed signature counts them."""
    lines = body.replace(b"\t", b" ")
    # As often as a number as large as the longest run has digits in base 2.
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    stripped = canonicalization.strip_trailing_lines(lines.replace(b" \r\n", b"\r\n"))
    octets: bytes = canonicalization.correct_empty_body(stripped)
    return octets


canonicalization.Relaxed.canonicalize_body = staticmethod(relaxed_body)  # no option of the library says it
