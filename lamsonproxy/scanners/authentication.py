"""Who sent this? SPF, DKIM, DMARC and ARC, checked for one mail, and written down for whoever reads it after us.

    checking = Authenticator("mx.example.org")

    found = checking.check(mail)          in an `async def` handler: await checking.check(mail)
    if found["dmarc"] == "fail" and found.policy == "reject": ...
    checking.mark(mail, found)            Authentication-Results at the top of the mail

Law: the event loop never waits for DNS or for a hash; all questions together have one time limit, and an answer comes
within it. Checked is the mail as it came; nothing is decided here.

For a service that stands behind a border which checks already, this is not needed: see docs/identity.md.
RFC 8601 (the field), §5 (removing forgeries).
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any

from lamsonproxy.app.announced import announced
from lamsonproxy.app.mail import Mail
from lamsonproxy.mail.authentication import Result
from lamsonproxy.mail.headers import Field, unfold
from lamsonproxy.scanners.asking import MARGIN_S
from lamsonproxy.scanners.checks import check_arc, check_dkim, check_dmarc, check_spf
from lamsonproxy.scanners.resolver import Questions, Resolver, SystemResolver
from lamsonproxy.threads import Threads

THREADS = 8
"""Mails of `async def` handlers that are checked at the same time, in a worker; a `def` handler has a thread."""

_ORDER = ("pass", "temperror", "fail", "permerror", "softfail", "neutral", "policy", "none")
"""Of several signatures the best counts: one that is broken is as good as none (RFC 6376 §6.1)."""

_VALUE = re.compile(r"[A-Za-z0-9._-]+")
_threads = Threads(THREADS, "authentication")


@dataclass(frozen=True, slots=True)
class Authentication:
    """What was found out about one mail."""

    results: tuple[Result, ...]

    def __getitem__(self, method: str) -> str:
        """`pass`, `fail`, `none` and the other words of RFC 8601 §2.7; "none" for what was not checked."""
        values = [result.value for result in self.results if result.method == method]
        return min(values, key=_ORDER.index, default="none")

    @property
    def policy(self) -> str:
        """What the domain of From asks for mail that fails DMARC: `reject`, `quarantine` or `none`; "" where it says
        nothing."""
        found = (result.properties.get("policy.dmarc", "") for result in self.results)
        return next(filter(None, found), "")


class Authenticator:
    """Checks mail in the name of a border."""

    def __init__(self, authserv_id: str, *, resolver: Resolver | None = None, timeout_s: float = 20) -> None:
        """`authserv_id` is the name that the results bear. Raises ValueError for what is no host's name."""
        if not _VALUE.fullmatch(authserv_id):
            raise ValueError(f"{authserv_id!r} is no authserv-id: write the name of a host")
        self._authserv_id = authserv_id
        self._resolver = resolver or SystemResolver()
        self._timeout_s = timeout_s

    def check(self, mail: Mail) -> Any:
        """The Authentication; on an event loop an awaitable that gives it."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._checked(mail)
        return asyncio.wrap_future(_threads.submit(lambda: self._checked(mail)))

    def mark(self, mail: Mail, found: Authentication) -> None:
        """Write an Authentication-Results field on top, and take out those that bear our name and are not ours."""
        mail.headers.remove_where(self._is_forged)
        mail.headers.insert("Authentication-Results", field_value(self._authserv_id, found.results))

    def _checked(self, mail: Mail) -> Authentication:
        limit = min(self._timeout_s, mail.deadline - time.monotonic() - MARGIN_S)
        questions = Questions(self._resolver, time.monotonic() + limit)
        received, message = mail._received, mail.message
        client = announced(received, received.envelope.recipients[0], mail.deadline)
        found = [
            check_spf(client.client_address, client.client_helo, mail.sender, questions),
            *check_dkim(message, questions),
        ]
        found.append(check_dmarc(message, found, questions))
        found.append(check_arc(message, questions))
        return Authentication(tuple(found))

    def _is_forged(self, field: Field) -> bool:
        if field.name.lower() != "authentication-results":
            return False
        named = unfold(field.raw_value).decode("latin-1").partition(";")[0].split()
        return any(word.lower() == self._authserv_id.lower() for word in named)


def field_value(authserv_id: str, results: tuple[Result, ...]) -> str:
    """The value of an Authentication-Results field. What is no plain word comes from a stranger, and is left out."""
    said = "; ".join(
        " ".join([f"{result.method}={result.value}", *_properties(result)]) for result in results
    )
    return f"{authserv_id}; {said or 'none'}"


def _properties(result: Result) -> list[str]:
    return [f"{name}={value}" for name, value in result.properties.items() if _VALUE.fullmatch(value)]
