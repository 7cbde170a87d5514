"""ClamAV's clamd, asked by INSTREAM (clamd(8)).

    zINSTREAM\\0   <length, 4 octets> <octets>  ...  <0, 4 octets>     ->  stream: OK\\0
                                                                          stream: Win.Test.EICAR_HDB-1 FOUND\\0
                                                                          INSTREAM size limit exceeded. ERROR\\0

Law: the answer is read even where clamd did not want all that was sent: it closes in the middle when the mail is
larger than its StreamMaxLength, and its answer says so.

The client is our own: the dialogue is these three lines, and the libraries that speak it block, ask for no time limit,
or have not been kept for years.
"""

import asyncio
import re
import struct
from collections.abc import Iterator
from contextlib import suppress

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.asking import Scanner, WhenAway
from lamsonproxy.scanners.place import Place
from lamsonproxy.scanners.report import Report, ScannerName

SIZE_LIMIT = 25 * 1000 * 1000
"""Octets; StreamMaxLength of Debian's clamd.conf is 25M, which is more."""

CHUNK = 1 << 17
_FOUND = re.compile(r"stream: (.+) FOUND")


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
        async with self._place.connection() as (reader, writer):
            _, answer = await asyncio.gather(_send(writer, transaction.message.raw), _answer(reader))
            return _report(answer)


def _request(raw: bytes) -> Iterator[bytes]:
    yield b"zINSTREAM\0"
    for at in range(0, len(raw), CHUNK):
        chunk = raw[at : at + CHUNK]
        yield struct.pack("!L", len(chunk)) + chunk
    yield struct.pack("!L", 0)


async def _send(writer: asyncio.StreamWriter, raw: bytes) -> None:
    # What clamd says when it stops reading is worth more than that it does.
    with suppress(ConnectionError):
        for piece in _request(raw):
            writer.write(piece)
            await writer.drain()


async def _answer(reader: asyncio.StreamReader) -> str:
    try:
        answer = await reader.readuntil(b"\0")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise RemoteError("clamav", "nonsense", "no whole answer") from error
    return answer[:-1].decode("utf-8", "replace")


def _report(answer: str) -> Report:
    if answer == "stream: OK":
        return Report("clamav", "clean")
    if found := _FOUND.fullmatch(answer):
        return Report("clamav", "virus", virus=found[1])
    raise RemoteError("clamav", "refused", answer)
