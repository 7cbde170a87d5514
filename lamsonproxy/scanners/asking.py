"""Asking a scanner about a mail: in time, once, and with an answer whatever happens.

    scanner.scan(mail)      a Report; in an `async def` handler: await scanner.scan(mail)
    scanner.report(mail)    the same, awaited everywhere, and away is an answer too

Law: what is scanned is the mail as it came, for the whole of its envelope, so one answer does for all its recipients:
each scanner is asked once about a mail, and one that is away makes them wait once. Nothing but a Report or RemoteError
comes out of a daemon. An answer that comes too late for the handler to use it is none.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar
from weakref import WeakKeyDictionary

from lamsonproxy.app.mail import Mail
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.report import Report, ScannerName

WhenAway = Literal["defer", "accept", "quarantine"]
"""What becomes of mail whose scanner does not answer."""

MARGIN_S = 2.0
"""Seconds before the mail's deadline that are left for what the handler does with the answer."""

_T = TypeVar("_T")


class Daemon(Protocol):
    """A scanner's protocol."""

    @property
    def name(self) -> ScannerName:
        """What the log and the metrics call it."""

    async def ask(self, transaction: Transaction) -> Report:
        """Ask about a mail, for as long as it takes. Raises RemoteError and OSError."""


@dataclass(frozen=True, slots=True, eq=False)
class Scanner:
    """A daemon, and how it is to be asked."""

    daemon: Daemon
    timeout_s: float
    size_limit: int
    when_away: WhenAway = "defer"
    _known: "WeakKeyDictionary[Message, Report]" = field(default_factory=WeakKeyDictionary, repr=False)

    def __post_init__(self) -> None:
        if self.when_away not in ("defer", "accept", "quarantine"):
            raise ValueError(f'when_away is "defer", "accept" or "quarantine", not {self.when_away!r}')

    def scan(self, mail: Mail) -> Any:
        """The Report; on an event loop a coroutine that gives it. Raises RemoteError when the scanner is away, unless
        `when_away="accept"`: the handler then fails, and the mail is deferred."""
        return here_or_awaited(self._scan(mail))

    async def report(self, mail: Mail) -> Report:
        """The Report; its grade is `away` when the scanner gives none."""
        message = mail.message
        known = self._known.get(message)
        if known is None:
            known = self._known[message] = await self._new(mail)
        return known

    async def _scan(self, mail: Mail) -> Report:
        report = await self.report(mail)
        if report.is_away and self.when_away != "accept":
            raise RemoteError(self.daemon.name, "away", report.trouble)
        return report

    async def _new(self, mail: Mail) -> Report:
        begun = time.monotonic()
        report = await self._asked(mail, min(self.timeout_s, mail.deadline - begun - MARGIN_S))
        if (log := mail._scene.log) is not None:
            what = report.virus or report.action or report.trouble
            log.scanned(
                mail._received,
                scanner=report.scanner,
                grade=report.grade,
                score=report.score,
                what=what,
                seconds=time.monotonic() - begun,
            )
        return report

    async def _asked(self, mail: Mail, limit_s: float) -> Report:
        name = self.daemon.name
        if len(mail.original) > self.size_limit:
            return Report(name, "unscanned")
        try:
            async with asyncio.timeout(limit_s):
                return await self.daemon.ask(mail._received)
        except TimeoutError:
            return Report(name, "away", trouble=f"no answer within {max(0.0, limit_s):.0f} s")
        except (RemoteError, OSError) as error:
            return Report(name, "away", trouble=str(error) or type(error).__name__)


def here_or_awaited(work: Coroutine[Any, Any, _T]) -> Any:
    """What the work gives; on an event loop the work itself, to be awaited.

    A `def` handler has a thread to itself, so a loop of its own for the one question costs nobody anything.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return work
