"""ClamAV's clamd, asked by INSTREAM (clamd(8)).

    zINSTREAM\\0   <length, 4 octets> <octets>  ...  <0, 4 octets>     ->  stream: OK\\0
                                                                          stream: Win.Test.EICAR_HDB-1 FOUND\\0
                                                                          INSTREAM size limit exceeded. ERROR\\0

Law: nothing but the two answers above is a report. The third comes in the middle of a mail that is larger than clamd's
StreamMaxLength; it is no answer about that mail, and `size_limit` should be the smaller of the two.

The client is our own: the dialogue is these three lines, and the libraries that speak it block, ask for no time limit,
or have not been kept for years.
"""

import re
import struct
from collections.abc import Iterator

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.asking import Scanner, WhenAway
from lamsonproxy.scanners.place import Place
from lamsonproxy.scanners.report import Report, ScannerName

SIZE_LIMIT = 25 * 1000 * 1000
"""Octets; StreamMaxLength of Debian's clamd.conf is 25M, which is more."""

CHUNK = 1 << 17
SHOWN = 200
"""Characters of what is no answer, for the log."""

_FOUND = re.compile(r"stream: (.+) FOUND\0")


def clamav(
    place: str = "unix:/run/clamav/clamd.ctl",
    *,
    timeout_s: float = 60,
    size_limit: int = SIZE_LIMIT,
    when_away: WhenAway = "defer",
) -> Scanner:
    """A clamd, at host:port or unix:/path. Raises ValueError for what is no place."""
    return Scanner(Clamd(Place.read(place)), timeout_s, size_limit, when_away)


class Clamd:
    """The protocol."""

    name: ScannerName = "clamav"

    def __init__(self, place: Place) -> None:
        self._place = place

    async def ask(self, transaction: Transaction) -> Report:
        return _report(await self._place.exchange(_request(transaction.message.raw)))


def _request(raw: bytes) -> Iterator[bytes]:
    yield b"zINSTREAM\0"
    for at in range(0, len(raw), CHUNK):
        chunk = raw[at : at + CHUNK]
        yield struct.pack("!L", len(chunk)) + chunk
    yield struct.pack("!L", 0)


def _report(answer: bytes) -> Report:
    said = answer.decode("utf-8", "replace")
    if said == "stream: OK\0":
        return Report("clamav", "clean")
    if found := _FOUND.fullmatch(said):
        return Report("clamav", "virus", virus=found[1])
    raise RemoteError("clamav", "refused", said[:SHOWN].rstrip("\0"))
