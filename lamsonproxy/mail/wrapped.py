"""Envelope senders that a host on the way has wrapped: SRS and BATV taken off, for reading.

Law: what is given is who is meant, never where mail goes: an answer to the inner address would miss the host that
wants it back. A wrapping is not believed either: anybody can write one, as anybody can write any sender. What does
not look like a wrapping comes back as it is.

"The Sender Rewriting Scheme" (Shevek, 2004) §3 for SRS0 and SRS1; Exchange Online writes `name+SRS=` for the first.
draft-levine-smtp-batv-01 §4 for `prvs=`.
"""

import re

from lamsonproxy.mail.address import Address

_LAYERS = 5
"""Wrappings taken off: a signed sender, forwarded twice, has three."""

# Hash, time, domain and local part; the local part may hold "=" itself. Hosts differ in how long a hash is.
_SRS = r"[^=@\s]+=[^=@\s]{1,8}=(?P<domain>[^=@\s]+)=(?P<local>[^@\s]+)"
_WRAPPINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"SRS0[=+-]{_SRS}",
        # What follows the second host is the first one's local part without "SRS0": its separator comes first.
        rf"SRS1[=+-][^=@\s]+=[^=@\s]+=[=+-]{_SRS}",
        rf"[^=@\s]+\+SRS={_SRS}",
        # One digit for the key, three for the day, six in hexadecimal for the signature.
        r"prvs=\d{4}[0-9a-f]{6}=(?P<local>[^@\s]+)",
    )
)


def unwrapped(address: Address) -> Address:
    """The address that was wrapped, in its own spelling; the same one when none was."""
    for _ in range(_LAYERS):
        inner = _inner(address)
        if inner is None:
            break
        address = inner
    return address


def _inner(address: Address) -> Address | None:
    for wrapping in _WRAPPINGS:
        match = wrapping.fullmatch(address.local)
        if match and address.domain:
            return Address(f"{match['local']}@{match.groupdict().get('domain', address.domain)}")
    return None
