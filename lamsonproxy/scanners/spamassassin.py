"""SpamAssassin's spamd, asked for SYMBOLS (spamd's PROTOCOL file), by aiospamc.

Law: the library speaks and reads the protocol; the connection is ours, so that one that hangs is closed when its time
is over. spamd hears of the envelope's sender by a Return-Path line above the mail, as a delivering agent would write it
(Mail::SpamAssassin::Conf, envelope_sender_header); the client is in Postfix's Received line.
"""

from aiospamc.client import Client  # type: ignore[import-untyped] # the library has no types
from aiospamc.exceptions import ClientException  # type: ignore[import-untyped]
from aiospamc.requests import Request  # type: ignore[import-untyped]
from aiospamc.responses import Response, ResponseException  # type: ignore[import-untyped]

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.asking import Scanner, WhenAway
from lamsonproxy.scanners.place import Place
from lamsonproxy.scanners.report import Report, ScannerName

SIZE_LIMIT = 500 * 1000
"""Octets; spamc's own limit (spamc(1), -s). Rules are slow on large mail, and spam is small."""


def spamassassin(
    place: str = "127.0.0.1:783",
    *,
    user: str = "",
    timeout_s: float = 60,
    size_limit: int = SIZE_LIMIT,
    when_away: WhenAway = "defer",
) -> Scanner:
    """A spamd, at host:port or unix:/path; `user` is whose preferences it reads. Raises ValueError for what is no
    place."""
    return Scanner(Spamd(Place.read(place), user), timeout_s, size_limit, when_away)


class Spamd:
    """The protocol."""

    name: ScannerName = "spamassassin"

    def __init__(self, place: Place, user: str) -> None:
        self._client = Client(_Connections(place))
        self._user = user

    async def ask(self, transaction: Transaction) -> Report:
        request = Request("SYMBOLS", body=_return_path(transaction) + transaction.message.raw)
        if self._user:
            request.headers.user = self._user
        try:
            return _report(await self._client.request(request))
        except (ClientException, ResponseException, ValueError) as error:
            raise RemoteError("spamassassin", "refused", str(error) or type(error).__name__) from error


class _Connections:
    """In the place of the library's connections, which stay open when nobody waits for them any more. spamd closes
    after its answer."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def request(self, data: bytes) -> bytes:
        return await self._place.exchange([data])


def _return_path(transaction: Transaction) -> bytes:
    sender = transaction.envelope.sender.raw
    return f"Return-Path: <{sender}>\r\n".encode() if sender.isascii() and sender.isprintable() else b""


def _report(response: Response) -> Report:
    value = response.headers.get("Spam")
    if value is None:
        raise RemoteError("spamassassin", "nonsense", "an answer without a score")
    symbols = response.body.decode("ascii", "replace").strip()
    return Report(
        "spamassassin",
        "spam" if value.value else "clean",
        value.score,
        value.threshold,
        tuple(symbols.split(",")) if symbols else (),
    )
