"""Signs by which a mail is known as a report before its text is read.

Law: linear, never raises. A sign alone makes no bounce: there must be a recipient and a failure in the text.
"""

import re

from lamsonproxy.mail.bounces.finding import reply_in, status_in
from lamsonproxy.mail.bounces.report import Report
from lamsonproxy.mail.message import Message

_FIELD_LIMIT = 1000

# Addresses that no human writes from.
_HOST = re.compile(
    r"(?:mail(?:er)?[ _-]?d(?:a?emon|eamon)|poo?st[ _-]?master"
    r"|mail[ ._-]?(?:delivery[ ._-]?system|system|administrator))\b",
    re.IGNORECASE,
)
_NAME = re.compile(r"\bmail deliver\w* (?:sub)?system\b|\bmailer[ -]daemon\b|<>$", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver|non[- ]?deliver|not (?:be )?delivered|unable to deliver|returned (?:e-?)?mail|returning message"
    r"|(?:failure|failed|error)\b.{0,30}\b(?:notice|delivery|mail)"
    r"|(?:e?mail|message|delivery)\b.{0,30}(?:fail|error|problem)|delivery (?:status|notification|report|has)"
    r"|could not be (?:delivered|sent)|message you sent|delayed\b|bounced?\b|error sending"
    r"|you .{0,200}\b(?:are )?not (?:a )?member",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\s*(?:re|aw|sv|antw|vs|rif|odp)(?:\[\d{1,3}\])?:", re.IGNORECASE)
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i)(?:\[\d{1,3}\])?:", re.IGNORECASE)
_REFUSED_BY_LIST = re.compile(r"\bnot (?:a )?member of (?:this|the|our) (?:mailing )?list", re.IGNORECASE)
_FAILURE = re.compile(
    r"(?:could|can|was|has|have|were|is|am|are)(?:n't| ?not|n.t)(?: able to)?(?: yet)?(?: been| be)?"
    r" ?(?:successfully )?(?:deliver|sent|reach|forward|process|accept)"
    r"|(?:un|not |wasn't )able to (?:be )?(?:deliver|send)|undeliver|non-?deliver|did(?:n't| not) reach"
    r"|(?:deliver|recipient|message|mail|address|attempt)\w*[^.\n]{0,60}\bfail(?:ed|ure)|failed to deliver"
    r"|delivery (?:problem|error|status|delayed)|delivery to the following|(?:has been|is) delayed"
    r"|permanent (?:fatal )?error|fatal error|had .{0,30}errors|transcript of session|^error: |error message below"
    r"|problem with the e-?mail address|does not exist"
    r"|(?:was|automatically) rejected|rejected (?:by|your|recipient)|user unknown|unknown user"
    r"|failed (?:recipient|address)|\b[45]\d\d[ -][45]\.\d\.\d|mailbox exceeds"
    r"|failure reasons|delivering your (?:mail|message)|incorrectly constructed|not (?:a )?member of"
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
    message = report.message
    # That field is in no other mail, whatever language the text is in.
    if "X-Failed-Recipients" in message.headers:
        return True
    if not (_FAILURE.search(report.text) or status_in(report.text)):
        return False
    return is_of_host(message) or (_is_called_report(message) and _shows_what_failed(report))


def is_of_host(message: Message) -> bool:
    """Whether a mail server sent it: nobody may answer, or it has a name that no human has."""
    headers = message.headers
    return (
        headers.get("Return-Path").strip() == "<>"
        or is_from_host(message)
        or bool(_NAME.search(headers.get("From")[:_FIELD_LIMIT]))
    )


def is_from_host(message: Message) -> bool:
    """Whether no human sent it, by the address in From."""
    return bool(_HOST.match(message.sender)) or bool(_HOST.match(message.headers.get("From")[:_FIELD_LIMIT]))


def may_hold_report(message: Message) -> bool:
    """Whether it may hold a report in its text or behind it: a host's mail, or somebody's forward; not an answer
    that quotes one."""
    subject = message.subject[:_FIELD_LIMIT]
    return is_of_host(message) or bool(_FORWARDED.match(subject)) or _is_called_report(message)


def is_warning(report: Report) -> bool:
    """Whether the text says that the mail is still under way."""
    return bool(_DELAY.search(report.message.subject[:_FIELD_LIMIT]) or _ONLY_A_WARNING.search(report.text))


def _is_called_report(message: Message) -> bool:
    subject = message.subject[:_FIELD_LIMIT]
    return bool(_SUBJECT.search(subject)) and not _ANSWER.match(subject)


def _shows_what_failed(report: Report) -> bool:
    """People write about failed deliveries too, but not with reply codes or the mail behind the text."""
    text = report.text
    return bool(report.original or reply_in(text) or status_in(text) or _REFUSED_BY_LIST.search(text))
