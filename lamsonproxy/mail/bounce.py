"""Bounces: whether a mail reports on another one, and what it says about each of its recipients.

Law: reading never raises, takes linear time, and reads no more than the limits of `bounces`. None means "not a
report"; a wrong None costs an address that is written to once more, a wrong Bounce costs a mail that somebody
wrote, so doubt ends in None. `hard` is said only where the report leaves no doubt that the address is dead.

RFC 3464 and 6533 (delivery status), RFC 5965 (feedback), RFC 3834 (automatic answers); what hosts wrote before
and beside them is read as text.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from lamsonproxy.mail.bounces import (
    automatic,
    delivery_status,
    event,
    feedback,
    second_opinion,
    signs,
)
from lamsonproxy.mail.bounces.finding import Finding, is_temporary
from lamsonproxy.mail.bounces.prose import Prose
from lamsonproxy.mail.bounces.reasons import ARRIVED, HARD, judge
from lamsonproxy.mail.bounces.report import Report, take_apart
from lamsonproxy.mail.fields import as_line
from lamsonproxy.mail.mailboxes import first_address
from lamsonproxy.mail.message import Message

SECTIONS_LIMIT = 20
"""Recipients whose section in the text for people is read too; with more of them the status fields must do."""

Kind = Literal["failure", "delay", "feedback", "vacation", "delivered"]

WRAPPINGS_LIMIT = 3
"""Reports within reports that are opened: a bounce that was forwarded, and forwarded again."""


@dataclass(frozen=True, slots=True)
class BouncedRecipient:
    """What a report says about one recipient; "" is what it does not say."""

    address: str
    action: str
    """"failed", "delayed", "delivered", "relayed", "expanded" (RFC 3464 §2.3.3); "complained" in feedback."""
    status: str
    """The enhanced status code (RFC 3463)."""
    reply: str
    """The SMTP reply code."""
    reason: str
    """One word of `bounces.reasons.REASONS`."""

    @property
    def hard(self) -> bool:
        """Whether the address will never work. Not while a host still tries, nor behind a 4xx: that is what hosts
        say that could not look."""
        if self.action == "delayed" or is_temporary(self.status) or self.reply.startswith("4"):
            return False
        return self.reason in HARD


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report on a mail."""

    kind: Kind
    recipients: tuple[BouncedRecipient, ...]
    original: bytes = b""
    """The mail it is about, or its headers; empty when it did not come back."""
    message_id: str = ""
    """The Message-ID of that mail, with its angle brackets."""

    @property
    def hard(self) -> bool:
        """Whether none of its recipients will ever work."""
        return self.kind == "failure" and all(recipient.hard for recipient in self.recipients)


def parse_bounce(raw: bytes) -> Bounce | None:
    """Read a mail as a bounce; None when it is none."""
    first: Report | None = None
    for report in _unwrapped(raw):
        if bounce := _read(report):
            return bounce
        first = first or report
    return _doubtful(first) if first else None


def _unwrapped(raw: bytes) -> Iterator[Report]:
    for _ in range(WRAPPINGS_LIMIT):
        report = take_apart(Message(raw))
        yield report
        if not (report.original and signs.may_hold_report(report.message)):
            break
        raw = report.original


def _read(report: Report) -> Bounce | None:
    if feedback.is_feedback(report):
        return _uniform("feedback", feedback.read(report), report)
    if found := event.read(report.text):
        return _of_event(found, report)
    prose = Prose(report.text, _strangers(report))
    findings = _from_status(report) or _from_text(report, prose)
    if not findings and report.statuses:
        findings = _from_original(report)
    if findings:
        return _bounce(findings, prose, report)
    if automatic.is_automatic(report.message) and not signs.is_from_host(report.message):
        return _uniform("vacation", automatic.read(report.message), report)
    return None


def _from_status(report: Report) -> list[Finding]:
    # In what people write they are quoted.
    if report.statuses_are_inline and not signs.may_hold_report(report.message):
        return []
    return delivery_status.read(report.statuses)


def _from_text(report: Report, prose: Prose) -> list[Finding]:
    if not signs.looks_like_report(report):
        return []
    promised = report.message.headers.get_all("X-Failed-Recipients")
    addresses = (address.strip() for value in promised for address in value.split(","))
    named = prose.recipients(addresses, in_passing=signs.is_of_host(report.message))
    return _with_action(named or second_opinion.read(report), report)


def _with_action(findings: list[Finding], report: Report) -> list[Finding]:
    action = "delayed" if signs.is_warning(report) else "failed"
    return [replace(finding, action=finding.action or action) for finding in findings]


def _doubtful(report: Report) -> Bounce | None:
    """A report that names nobody but whom it was sent to: some hosts write to the failed recipient, and some name
    a person, not an address."""
    if not signs.looks_like_report(report):
        return None
    prose = Prose(report.text)
    named = prose.recipients(in_passing=signs.is_of_host(report.message))
    if not named and signs.is_of_host(report.message):
        named = [replace(finding, action="", said=prose.whole) for finding in _from_original(report)]
    findings = _with_action(named, report)
    return _bounce(findings, prose, report) if findings else None


def _from_original(report: Report) -> list[Finding]:
    """Who the mail was for: what is left of a delivery status that names nobody."""
    address = first_address(Message(report.original).headers.raw_value("To"))
    return [Finding(address, "failed")] if address else []


def _strangers(report: Report) -> Iterator[str]:
    headers = report.message.headers
    for name in ("To", "From", "Delivered-To", "X-Original-To", "Return-Path"):
        if address := first_address(headers.raw_value(name)):
            yield address


def _bounce(findings: list[Finding], prose: Prose, report: Report) -> Bounce:
    alone = len(findings) == 1
    told = prose if len(findings) <= SECTIONS_LIMIT else Prose("")
    recipients = tuple(_recipient(finding, told, alone=alone) for finding in findings)
    return Bounce(_kind(recipients), recipients, report.original, _message_id(report))


def _kind(recipients: tuple[BouncedRecipient, ...]) -> Kind:
    actions = {recipient.action for recipient in recipients}
    if actions <= ARRIVED:
        return "delivered"
    return "delay" if actions <= ARRIVED | {"delayed"} else "failure"


def _recipient(finding: Finding, prose: Prose, *, alone: bool) -> BouncedRecipient:
    # The line with the address may not be the one with the reason, where the host gave no diagnostic.
    section = prose.whole if alone and not finding.said else prose.about(finding.address, alone=alone)
    status, reply, reason = judge(finding, section)
    return BouncedRecipient(as_line(finding.address), finding.action, status, reply, reason)


def _of_event(found: event.Event, report: Report) -> Bounce:
    if found.kind == "complaint":
        return replace(_uniform("feedback", found.findings, report), message_id=as_line(found.message_id))
    return replace(_bounce(found.findings, Prose(""), report), message_id=as_line(found.message_id))


def _uniform(kind: Literal["feedback", "vacation"], findings: list[Finding], report: Report) -> Bounce:
    recipients = tuple(BouncedRecipient(as_line(f.address), f.action, "", "", kind) for f in findings)
    return Bounce(kind, recipients, report.original, _message_id(report))


def _message_id(report: Report) -> str:
    return as_line(Message(report.original).headers.get("Message-ID")) if report.original else ""
