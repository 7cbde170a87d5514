"""Signs by which a mail is known as a report before its text is read.

Law: linear, never raises. A sign alone makes no bounce: there must be a recipient and a failure in the text.
"""

import re

from lamsonproxy.mail.bounces.automatic import is_called_automatic
from lamsonproxy.mail.bounces.finding import reply_in, status_in
from lamsonproxy.mail.bounces.report import Report
from lamsonproxy.mail.bounces.words import reports
from lamsonproxy.mail.message import Message

_FIELD_LIMIT = 1000

# Addresses that no human writes from.
_HOST = re.compile(
    r"(?:mail(?:er)?[ _-]?d(?:a?emon|eamon)|mdaemon|poo?st[ _-]?master|microsoftexchange"
    r"|mail[ ._-]?(?:delivery[ ._-]?(?:sub)?system|system|administrator|gateway))(?![^\W\d_])",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"\bdelivery (?:sub)?system\b|\bmail deliver\w{0,8} |\bmailer[ -]daemon\b|<>$", re.IGNORECASE
)
_ANSWER = re.compile(r"\s*(?:re|aw|sv|antw|vs|rif|odp)(?:\[\d{1,3}\])?:", re.IGNORECASE)
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i)(?:\[\d{1,3}\])?:", re.IGNORECASE)
_REFUSED_BY_LIST = re.compile(r"\bnot (?:a )?member of (?:this|the|our) (?:mailing )?list", re.IGNORECASE)
_REPORT = re.compile(r"\s*multipart/report\b.{0,500}delivery-status", re.IGNORECASE | re.DOTALL)
_MARKS = ("X-Failed-Recipients", "X-MS-Embedded-Report")
"""Fields of Exim and of Exchange that are in no other mail, whatever language the text is in."""


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.MULTILINE)


_SUBJECT = _any_of(reports.SUBJECTS)
_FAILURE = _any_of(reports.FAILURES)
_ANNOUNCEMENT = _any_of(reports.ANNOUNCEMENTS)
_DELAY = _any_of(reports.DELAYS)
_ONLY_A_WARNING = _any_of(reports.STILL_TRYING)


def looks_like_report(report: Report) -> bool:
    """Whether its head says that it is a report, and its text that something failed."""
    message = report.message
    if _is_marked(message):
        return True
    tells = bool(_FAILURE.search(report.text) or status_in(report.text))
    if is_of_host(message):
        return tells or _is_called_report(message)
    return tells and _is_called_report(message) and _shows_what_failed(report)


def _is_marked(message: Message) -> bool:
    headers = message.headers
    return any(name in headers for name in _MARKS) or bool(_REPORT.match(headers.get("Content-Type")))


def is_of_host(message: Message) -> bool:
    """Whether a mail server sent it: nobody may answer, or it has a name that no human has."""
    headers = message.headers
    return (
        headers.get("Return-Path").strip() == "<>"
        # What sendmail makes of "<>" when it keeps a mail.
        or bool(_HOST.match(headers.get("Return-Path").strip(" \t<")))
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
    return bool(_SUBJECT.search(subject)) and not (_ANSWER.match(subject) or is_called_automatic(subject))


def _shows_what_failed(report: Report) -> bool:
    """People write about failed deliveries too, but not with reply codes, the mail behind the text, or a list of
    addresses; and newsletters do, but through lists."""
    text = report.text
    if _REFUSED_BY_LIST.search(text):
        return True
    shown = report.original or reply_in(text) or status_in(text) or _ANNOUNCEMENT.search(text)
    return bool(shown) and not report.message.is_list_mail
