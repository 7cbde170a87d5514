"""`@scanned(...)`: scanners before a handler, and what their reports mean for the mail.

    a virus                          `virus`, by default Quarantine
    a scanner is away                what its `when_away` says
    rspamd advises `soft reject`     Defer
    spam                             `spam`, by default nothing: the mail is marked, and the handler goes on
    anything else                    the handler goes on

Law: the first of these that is true decides, whichever scanner answered first. What the handler sees and hands on is
marked, and bears no mark that a stranger wrote.
"""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

from lamsonproxy.app.mail import Mail
from lamsonproxy.errors import AppError
from lamsonproxy.mail.verdict import Defer, Quarantine, Verdict
from lamsonproxy.scanners.asking import Scanner
from lamsonproxy.scanners.marking import mark
from lamsonproxy.scanners.report import Report

INFECTED = Quarantine("a virus")
LATER = Defer("4.7.1", "Try again later")
UNCHECKED = Defer("4.3.0", "The mail cannot be checked now")

_F = TypeVar("_F", bound=Callable[..., Any])
_REPORTS = "reports"


def scanned(
    *scanners: Scanner,
    spam: Verdict | None = None,
    virus: Verdict | None = INFECTED,
    marks: bool = True,
) -> Callable[[_F], _F]:
    """Ask these scanners, all at once, before the handler. `spam` and `virus` are the verdicts on such mail; None
    leaves it to the handler. Without `marks` the mail is not changed.

    A handler with a parameter `reports` gets the reports, in the order of the scanners. Raises AppError for what is no
    scanner.
    """
    if not scanners or not all(isinstance(scanner, Scanner) for scanner in scanners):
        raise AppError("@scanned takes scanners: @scanned(rspamd()), above the handler and below its @route.")

    async def look(mail: Mail) -> tuple[Sequence[Report], Verdict | None]:
        reports = await asyncio.gather(*(scanner.report(mail) for scanner in scanners))
        if marks:
            mark(mail.headers, reports)
        return reports, _verdict(scanners, reports, spam=spam, virus=virus)

    return lambda handler: _before(handler, look)


def _before(handler: _F, look: Callable[[Mail], Any]) -> _F:
    signature = inspect.signature(handler)
    wants_reports = _REPORTS in signature.parameters

    def more(reports: Sequence[Report]) -> dict[str, Any]:
        return {_REPORTS: reports} if wants_reports else {}

    @wraps(handler)
    async def on_the_loop(mail: Mail, **captures: Any) -> Any:
        reports, verdict = await look(mail)
        return verdict or await handler(mail, **captures, **more(reports))

    @wraps(handler)
    def in_a_thread(mail: Mail, **captures: Any) -> Any:
        reports, verdict = asyncio.run(look(mail))
        return verdict or handler(mail, **captures, **more(reports))

    wrapper: Any = on_the_loop if inspect.iscoroutinefunction(handler) else in_a_thread
    # No capture fills it, so a route must not look for one.
    others = [each for each in signature.parameters.values() if each.name != _REPORTS]
    wrapper.__signature__ = signature.replace(parameters=others)
    return wrapper  # type: ignore[no-any-return] # its type is the handler's: the parameter less is ours


def _verdict(
    scanners: Sequence[Scanner], reports: Sequence[Report], *, spam: Verdict | None, virus: Verdict | None
) -> Verdict | None:
    policies = {
        scanner.when_away for scanner, report in zip(scanners, reports, strict=True) if report.is_away
    }
    if virus is not None and any(report.is_virus for report in reports):
        return virus
    if "defer" in policies:
        return UNCHECKED
    if "quarantine" in policies:
        return Quarantine("a scanner was away")
    if any(report.action == "soft reject" for report in reports):
        return LATER
    return spam if any(report.is_spam for report in reports) else None
