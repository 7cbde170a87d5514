"""`lamson postfix doctor`: every check, and whether the two ends answer.

Law: doctor changes nothing. Its answer is the same for a set-up made by hand and for one that apply made.
"""

import smtplib
from collections.abc import Iterator

from lamsonproxy.postfix.checks import CHECKS, Finding, Level
from lamsonproxy.postfix.checks.finding import judge
from lamsonproxy.postfix.facts import Facts
from lamsonproxy.postfix.place import Place

ANSWER_S = 10
"""Seconds for a greeting and for the reply to EHLO or LHLO, each."""


def examine(facts: Facts, *, offline: bool = False) -> list[Finding]:
    """All findings, in the order of a mail's way; without a look at running processes when `offline`."""
    findings = [finding for check in CHECKS for finding in check(facts)]
    return findings if offline else [*findings, *_answers(facts)]


def has_errors(findings: list[Finding]) -> bool:
    return any(finding.level is Level.ERROR for finding in findings)


def _answers(facts: Facts) -> Iterator[Finding]:
    for door in facts.service.doors:
        hello = "LHLO" if door.kind == "lmtp" else "EHLO"
        yield _answer(
            "door-answers",
            f"The door {door.name} at {door.listen}",
            _greeting(door.listen, hello),
            "lamson run",
        )
    if facts.reentry:
        place = facts.service.relay
        mend = "postfix start; why an smtpd ends stands in the mail log"
        yield _answer(
            "reentry-answers", f"The re-entry at {place}", _greeting(place, "EHLO", "XFORWARD"), mend
        )


def _answer(check: str, who: str, wrong: str, mend: str) -> Finding:
    return judge(not wrong, check, f"{who} answers.", f"{who} does not answer as it should: {wrong}.", mend)


def _greeting(place: Place, hello: str, offer: str = "") -> str:
    """What is wrong with the answer; "" when nothing is."""
    try:
        with _session(place) as smtp:
            code, text = smtp.docmd(hello, "lamson-doctor.localhost")
    except (OSError, smtplib.SMTPException) as error:
        return str(error)
    if code != 250:
        return f"{code} {text.decode('utf-8', 'replace')}"
    return "" if offer.encode() in text else f"it does not offer {offer} to this machine"


def _session(place: Place) -> smtplib.SMTP:
    if place.path:
        # LMTP is smtplib's SMTP with unix sockets; a host that begins with a slash is one.
        return smtplib.LMTP(place.path, timeout=ANSWER_S)
    return smtplib.SMTP(place.host, place.port, timeout=ANSWER_S)
