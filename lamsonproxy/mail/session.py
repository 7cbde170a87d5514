"""Who is talking to us: the peer of one connection, as far as a transaction needs to know it.

Law: a session never changes. What the client told us about *its* client is no part of it, because XFORWARD belongs
to one transaction (XFORWARD_README): see `Envelope.xforward`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """One connection to a door."""

    door: str
    """The door's name, a closed set made by the settings: it is a metric label."""
    peer: str
    """The peer's IP address, or the path of a unix socket."""
    port: int = 0
    helo: str = ""
    """What the peer said in EHLO, HELO or LHLO."""
    protocol: str = "ESMTP"
    """The RFC 3848 word for the Received line."""
