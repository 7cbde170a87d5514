"""Bounces as JSON: the events of Amazon SES, as its SNS mails them.

Law: never raises. JSON comes from strangers, so every value is looked at before it is believed; what has another
shape than the documentation says is no event.

Amazon SES Developer Guide, "Amazon SNS notification contents for Amazon SES".
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lamsonproxy.mail.bounces.finding import ACTIONS, Finding, status_in

RECIPIENTS_LIMIT = 1000
_VALUE_LIMIT = 1024

_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Where the words of "MailboxFull" meet."""
_KINDS = ("bounce", "complaint", "delivery")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: "bounce", "complaint" or "delivery", and whom it is about."""

    kind: str
    findings: list[Finding]
    message_id: str


def read(text: str) -> Event | None:
    """The event that a text is; None when it is none. SNS writes its advertisement behind it."""
    if not text.lstrip().startswith("{"):
        return None
    event = _object(text)
    if isinstance(message := event.get("Message"), str):
        event = _object(message)
    kind = next(
        (k for k in _KINDS if k == str(event.get("notificationType") or event.get("eventType")).lower()), ""
    )
    findings = list(_findings(_dict(event.get(kind)), kind)) if kind else []
    headers = _dict(_dict(event.get("mail")).get("commonHeaders"))
    return Event(kind, findings[:RECIPIENTS_LIMIT], str(headers.get("messageId") or "")) if findings else None


def _object(text: str) -> dict[str, object]:
    # sendmail breaks lines longer than 990 octets so.
    text = text.replace("!\n ", "").strip()
    try:
        return _dict(json.JSONDecoder(strict=False).raw_decode(text)[0])
    except (ValueError, RecursionError):
        return {}


def _findings(about: dict[str, object], kind: str) -> Iterator[Finding]:
    for recipient in _list(about.get("bouncedRecipients")):
        fields = {
            name: value[:_VALUE_LIMIT] for name, value in _dict(recipient).items() if isinstance(value, str)
        }
        said = fields.get("diagnosticCode", "").partition(";")[2].strip()
        # A bounce without a diagnostic was found by SES itself, which says so in words of its own.
        own = _WORDS.sub(" ", f"{about.get('bounceType')} {about.get('bounceSubType')}")
        action = fields.get("action", "").lower()
        status = status_in(fields.get("status", ""))
        yield Finding(
            fields.get("emailAddress", ""), action if action in ACTIONS else "failed", status, said, own
        )
    for recipient in _list(about.get("complainedRecipients")):
        yield Finding(str(_dict(recipient).get("emailAddress") or ""), "complained")
    if kind == "delivery":
        for address in _list(about.get("recipients")):
            yield Finding(str(address), "delivered", said=str(about.get("smtpResponse") or "")[:_VALUE_LIMIT])


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
