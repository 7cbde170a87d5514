"""What scanners found, in the header fields that mail programs and Sieve scripts look for.

    X-Spam-Flag: YES                                                    spam only
    X-Spam-Status: Yes, score=15.0 required=6.0 tests=GTUBE             one for each spam scanner
    X-Spam-Score: 15.0                                                  the highest
    X-Virus-Status: Clean | Infected (Win.Test.EICAR_HDB-1)

Law: strangers write such fields too, so those that came are taken out, and a scanner that did not scan leaves none.
Names of rules and of viruses come from other people's files: what a name may not hold is left out of the field.
"""

import re
from collections.abc import Sequence

from lamsonproxy.mail.edits import EditedHeaders
from lamsonproxy.scanners.report import Report

FORGEABLE = (
    "X-Spam-Flag",
    "X-Spam-Status",
    "X-Spam-Score",
    "X-Spam-Level",
    "X-Virus-Status",
    "X-Virus-Scanned",
)

SYMBOLS_SHOWN = 40
"""Names in X-Spam-Status: the field is for people, and the log has the rest."""

_ODD = re.compile(r"[^A-Za-z0-9_.:/-]+")


def mark(headers: EditedHeaders, reports: Sequence[Report]) -> None:
    """Write the fields above the mail, in place of all of these names that came with it."""
    for name in FORGEABLE:
        headers.remove(name)
    if viruses := [report for report in reports if report.scanner == "clamav" and report.is_known]:
        headers.insert("X-Virus-Status", _virus_status(viruses[0]))
    judged = [report for report in reports if report.score is not None]
    for report in reversed(judged):
        headers.insert("X-Spam-Status", _spam_status(report))
    if judged:
        headers.insert("X-Spam-Score", f"{max(report.score or 0.0 for report in judged):.1f}")
    if any(report.is_spam for report in judged):
        headers.insert("X-Spam-Flag", "YES")


def _spam_status(report: Report) -> str:
    is_spam = "Yes" if report.is_spam else "No"
    tests = ", ".join(_plain(symbol) for symbol in report.symbols[:SYMBOLS_SHOWN]) or "none"
    return f"{is_spam}, score={report.score:.1f} required={report.threshold or 0.0:.1f} tests={tests}"


def _virus_status(report: Report) -> str:
    return f"Infected ({_plain(report.virus)})" if report.is_virus else "Clean"


def _plain(name: str) -> str:
    return _ODD.sub("", name)[:60]
