"""Signs by which a mail is known as a report before its text is read.

Law: linear, never raises. A sign alone makes no bounce: there must be a recipient and a failure in the text.
"""

import re

from lamsonproxy.mail.bounces.report import Report
from lamsonproxy.mail.message import Message

_FIELD_LIMIT = 1000

_SENDER = re.compile(
    r"(?:\"?(?:mail(?:er)?[ _-]?d(?:a?emon|eamon)|poo?st[ _-]?master|mail(?:[ _-]?(?:system|administrator))|bounces?)\b"
    r"|.*\bmail (?:delivery (?:sub)?system|administrator)\b|.*\b(?:system|mail) administrator\b|<>$)",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|non[- ]?deliver|not (?:be )?delivered|(?:un)?able to deliver|returned (?:e-?)?mail"
    r"|returning message|(?:failure|failed|error)\b.{0,30}\b(?:notice|delivery|mail)"
    r"|(?:e?mail|message|delivery)\b.{0,30}(?:fail|error|problem)|delivery (?:status|notification|report|has)"
    r"|could not be (?:delivered|sent)|message you sent|delayed\b|bounced?\b|rejected\b|mail system error"
    r"|error sending|you .{0,200}\b(?:are )?not (?:a )?member",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"(?:could|can|was|has|have|were|is|am|are)(?:n't| ?not|n.t)(?: able to)?(?: yet)?(?: been| be)?"
    r" ?(?:successfully )?(?:deliver|sent|reach|forward|process|accept)"
    r"|(?:un|not |wasn't )able to (?:be )?(?:deliver|send)|undeliver|non-?deliver|did(?:n't| not) reach"
    r"|fail(?:ed|ure)|returned|permanent|fatal|reject|delivery (?:problem|error)|delivered to mobile"
    r"|delivery (?:status|delayed)|(?:has been|is) delayed|transcript of session|^error: |error message below"
    r"|user unknown|unknown user|\b[45]\d\d[ -][45]\.\d\.\d|exceeds|trouble delivering|problem delivering"
    r"|error (?:occurred )?while|there was an error|incorrectly constructed|not (?:a )?member of"
    r"|送信できません|配信できません|送信に失敗|届けられません|не доставлено|konnte nicht|n'a pas pu|no se pudo",
    re.IGNORECASE | re.MULTILINE,
)
_DELAY = re.compile(
    r"\b(?:delayed|still being retried|warning: (?:message|could not send)"
    r"|temporar(?:y|ily) (?:failure|undeliverable))",
    re.IGNORECASE,
)
_ONLY_A_WARNING = re.compile(
    r"warning message only|has not yet been delivered|(?:has been|is) delayed|only a temporary failure report"
    r"|delivery attempts will continue|will be retried for|not required to resend|do not need to re-?send",
    re.IGNORECASE,
)


def looks_like_report(report: Report) -> bool:
    """Whether its head says that it is a report, and its text that something failed."""
    # That field is in no other mail, whatever language the text is in.
    if "X-Failed-Recipients" in report.message.headers:
        return True
    return _has_head_of_report(report.message) and bool(_FAILURE.search(report.text))


def is_from_host(message: Message) -> bool:
    """Whether no human sent it, by the address in From."""
    return bool(_SENDER.match(message.sender))


def _has_head_of_report(message: Message) -> bool:
    headers = message.headers
    return (
        headers.get("Return-Path").strip() == "<>"
        or bool(_SENDER.match(headers.get("From")[:_FIELD_LIMIT]))
        or is_from_host(message)
        or bool(_SUBJECT.search(message.subject[:_FIELD_LIMIT]))
    )


def is_warning(report: Report) -> bool:
    """Whether the text says that the mail is still under way."""
    return bool(_DELAY.search(report.message.subject) or _ONLY_A_WARNING.search(report.text))
