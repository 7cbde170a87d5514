"""Feedback reports: somebody pressed "this is spam", or wants no more mail.

Law: linear, never raises. Whoever complained is a recipient, and nobody is made up: where the provider has
blacked the address out, the To of the original is what is left.

RFC 5965 (the format), RFC 6650 (its use), RFC 8058 §3.1 (one-click unsubscription).
"""

import re

from lamsonproxy.mail.bounces.finding import Finding
from lamsonproxy.mail.bounces.report import Report
from lamsonproxy.mail.mailboxes import first_address
from lamsonproxy.mail.message import Message

RECIPIENTS_LIMIT = 1000

_RECIPIENT = re.compile(
    r"^(?:Original-Rcpt-To|Removal-Recipient)[ \t]*:[ \t]*(?:rfc822[ \t]*;)?[ \t]*<?([^\s<>]{1,500})",
    re.MULTILINE | re.IGNORECASE,
)
_COMPLAINT = re.compile(r"\s*(?:e-?mail |abuse |spam )?complaint about (?:a )?message from\b", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"\s*unsubscribe\s*", re.IGNORECASE)
_DEVICE = re.compile(r"\bsent this e-?mail to unsubscribe\b", re.IGNORECASE)


def is_feedback(report: Report) -> bool:
    """Whether it is a report of RFC 5965, or one of those that say the same without its format."""
    subject = report.message.subject
    return (
        bool(report.feedback)
        or (bool(_COMPLAINT.match(subject)) and bool(report.original))
        or (bool(_UNSUBSCRIBE.fullmatch(subject)) and bool(_DEVICE.search(report.text)))
    )


def read(report: Report) -> list[Finding]:
    """Who complained; never empty."""
    found = list(dict.fromkeys(_RECIPIENT.findall(report.feedback)))[:RECIPIENTS_LIMIT]
    if not found:
        found = [_addressee(report)]
    return [Finding(address, action="complained") for address in found]


def _addressee(report: Report) -> str:
    if not report.original:
        return report.message.sender
    headers = Message(report.original).headers
    # The first is what Hotmail's reports have, where To may be the list's.
    values = (headers.raw_value(name) for name in ("X-HmXmrOriginalRecipient", "To"))
    return next(filter(None, map(first_address, values)), "")
