"""What one report says about one recipient, before anybody judges it.

Law: a value; the words are those of the report. Which reason they give is asked in `reasons`.

RFC 3464 §2.3 (the fields of a recipient), RFC 5321 §4.2 (reply codes), RFC 3463 (status).
"""

import re
from dataclasses import dataclass

ACTIONS = frozenset({"failed", "delayed", "delivered", "relayed", "expanded", "deliverable", "complained"})
"""What may have become of a mail: RFC 3464 §2.3.3, Postfix's `sendmail -bv`, and feedback; no other word is one."""

# Not in an IP address, a version or a date: those stand with dots, colons or slashes.
_STATUS = re.compile(r"(?<![\d.])([245]\.[0-7]\.\d{1,3})(?![\d.]*\d)")
# Not a number of a version, a date or a time, and not one of days or octets.
_REPLY = re.compile(
    r"(?<![\d./+=-])(?<!\d:)(2[125][0-3]|[45][0-5]\d)(?=[ \-:#,]|$)"
    r"(?!-\d\d-| ?(?:days?|hours?|minutes?|seconds?|bytes|attempts)\b)"
)
_BEHIND_WORD = re.compile(
    r"(?:said|responded|reason|returned|error|response|code)\W{1,12}$|<<< $|: $", re.IGNORECASE
)
_NULL_STATUS = re.compile(r"[245]\.0\.0")


@dataclass(frozen=True, slots=True)
class Finding:
    """One recipient of a report."""

    address: str
    action: str = ""
    """Of RFC 3464 §2.3.3, in small letters; "" where the report has none."""
    status: str = ""
    """What the report gives as status; a host may have made it up for want of a better one."""
    said: str = ""
    """The answer of whoever refused the mail (Diagnostic-Code), or the lines that stand with the address."""
    around: str = ""
    """What else the report says, for where `said` says nothing."""


def status_in(text: str) -> str:
    """The first enhanced status code that says more than its class, else the first one; "" without any."""
    found = _STATUS.findall(text)
    return next((status for status in found if not _NULL_STATUS.fullmatch(status)), found[0] if found else "")


def is_temporary(status: str) -> bool:
    """Whether a status says "perhaps later"; 4.0.0 says nothing, it stands where nobody knew."""
    return status.startswith("4") and not _NULL_STATUS.fullmatch(status)


def reply_in(text: str) -> str:
    """The SMTP reply code in a text: one that begins it or follows words like "said:", else the first; or ""."""
    match = _reply(text)
    return match[1] if match else ""


def behind_reply(text: str) -> str:
    """The reply in a text, to the end of its paragraph; "" when there is none."""
    match = _reply(text)
    return text[match.start() :].partition("\n\n")[0] if match else ""


def _reply(text: str) -> re.Match[str] | None:
    found = list(_REPLY.finditer(text))
    for match in found:
        if not match.start() or _BEHIND_WORD.search(text[max(match.start() - 20, 0) : match.start()]):
            return match
    return found[0] if found else None
