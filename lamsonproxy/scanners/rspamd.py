"""rspamd, asked by HTTP: POST /checkv2, the mail as it came, and the envelope in headers.

Law: rspamd hears of the client what Postfix told us by XFORWARD, and nothing that could end a line. No proxy of the
environment is asked, and no redirection followed: the mail goes to this rspamd or nowhere.

rspamd's "Protocol description"; Postfix XFORWARD_README.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.asking import Scanner, WhenAway
from lamsonproxy.scanners.report import Report, ScannerName

SIZE_LIMIT = 50 * 1024 * 1024
"""Octets; rspamd's own max_message."""

RECIPIENTS_LIMIT = 1000
"""Recipients that rspamd hears of: as many as Postfix takes for one mail (smtpd_recipient_limit). rspamd hangs up where
its request has much more than that in its head."""

SPAM_ACTIONS = frozenset(("reject", "rewrite subject", "add header"))


def rspamd(
    url: str = "http://127.0.0.1:11333",
    *,
    timeout_s: float = 30,
    size_limit: int = SIZE_LIMIT,
    when_away: WhenAway = "defer",
) -> Scanner:
    """An rspamd's normal worker, at http://host:port or unix:/path. Raises ValueError for what is neither."""
    return Scanner(Rspamd(url), timeout_s, size_limit, when_away)


class Rspamd:
    """The protocol."""

    name: ScannerName = "rspamd"

    def __init__(self, url: str) -> None:
        path = url.removeprefix("unix:") if url.startswith("unix:") else None
        base = httpx.URL("http://localhost" if path else url)
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"{url!r} is no place of rspamd: write http://host:port, or unix:/path")
        self._path, self._url = path, base.copy_with(path="/checkv2")

    async def ask(self, transaction: Transaction) -> Report:
        try:
            return _report(await self._posted(transaction))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RemoteError("rspamd", "refused", str(error) or type(error).__name__) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RemoteError("rspamd", "nonsense", "no answer of /checkv2") from error

    async def _posted(self, transaction: Transaction) -> Any:
        transport = httpx.AsyncHTTPTransport(uds=self._path, verify=self._url.scheme == "https")
        async with httpx.AsyncClient(transport=transport, trust_env=False, timeout=None) as client:
            answer = await client.post(
                self._url, content=transaction.message.raw, headers=list(_headers(transaction))
            )
            return answer.raise_for_status().json()


def _headers(transaction: Transaction) -> Iterator[tuple[bytes, bytes]]:
    for name, value in _envelope(transaction):
        encoded = value.encode("utf-8", "surrogateescape")
        # A line end in a header would begin another one. Doors refuse them; an envelope may be made elsewhere.
        if value and not any(octet < 32 or octet == 127 for octet in encoded):
            yield name.encode(), encoded


def _envelope(transaction: Transaction) -> Iterator[tuple[str, str]]:
    envelope, told = transaction.envelope, transaction.envelope.xforward
    yield "From", f"<{envelope.sender.raw}>"
    for recipient in envelope.recipients[:RECIPIENTS_LIMIT]:
        yield "Rcpt", f"<{recipient.address.raw}>"
    address = told.get("ADDR")
    yield "IP", address[5:] if address[:5].upper() == "IPV6:" else address
    yield "Hostname", told.get("NAME")
    yield "Helo", told.get("HELO")
    yield "Queue-Id", told.ident


def _report(answer: Any) -> Report:
    action = str(answer["action"])
    # The rules were not asked: whoever skipped them has nothing against the mail, or has decided (so it is for GTUBE).
    if answer.get("is_skipped") and action == "no action":
        return Report("rspamd", "unscanned")
    symbols: Mapping[str, Mapping[str, Any]] = answer["symbols"]
    weights = {str(name): abs(float(found["score"])) for name, found in symbols.items()}
    return Report(
        "rspamd",
        "spam" if action in SPAM_ACTIONS else "clean",
        float(answer["score"]),
        _threshold(answer),
        tuple(sorted(weights, key=lambda name: -weights[name])),
        action,
    )


def _threshold(answer: Mapping[str, Any]) -> float:
    """The least points that make spam; `required_score` is those for `reject`."""
    thresholds = answer.get("thresholds", {})
    return min(
        (float(thresholds[action]) for action in SPAM_ACTIONS if thresholds.get(action) is not None),
        default=float(answer["required_score"]),
    )
