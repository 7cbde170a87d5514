"""What words mean in the case that they are said in: behind which status, with which reply, to which command.

Law: "user unknown" is believed only from whoever could know: with 5.1.x, in answer to RCPT, or by the reporting host
itself. Said after DATA it is what filters say, and is called `filtered`. What is said of an address in answer to MAIL
is said of the sender's; and before MAIL a host can only mean the client. Whoever could not look does not know: beside
"temporarily" or "try later" nothing is for ever.

RFC 3463 (status), RFC 5321 §4.2.2 and §4.3.2 (which reply to which command).
"""

import re
from dataclasses import dataclass

from lamsonproxy.mail.bounces.statuses import reason_of_status
from lamsonproxy.mail.bounces.wordings import PLAIN, USER_UNKNOWN, WORDINGS

WIDE = ("", "systemerror", "expired", "mailererror")
"""Families so wide that "user unknown" beside them decides."""

_ABOUT_AN_ADDRESS = ("hostunknown", "userunknown", "hasmoved", "notaccept", "filtered")
_ABOUT_WHOEVER = (*_ABOUT_AN_ADDRESS, "systemerror")
"""Reasons that are the sender's fault where it is the sender's address that was refused."""

_NOT_BEFORE_MAIL = (
    "expired",
    "filtered",
    "hasmoved",
    "hostunknown",
    "mailboxfull",
    "rejected",
    "spamdetected",
    "systemerror",
    "userunknown",
)
"""Reasons that no host can have before it knows sender and recipient: the client itself is unwelcome."""

_BY_COMMAND = {
    "EHLO": "blocked",
    "CONN": "blocked",
    "MAIL": "rejected",
    "RCPT": "filtered",
    "DATA": "filtered",
}

_TAKES_NO_MAIL = ("521", "556")
"""RFC 7504: a host that says so in its banner means itself; with other replies, the client."""

_NOT_UNDERSTOOD = ("500", "502", "503", "504")
"""RFC 5321 §4.2.2. Of 501 hosts make what they please."""

_NO_SUCH = re.compile(r"\bno such|\binvalid (?:recipient|mailbox|user)|\bno (?:mailbox|user) here")
"""So do filters not speak, which say "user unknown"."""
_FOR_NOW = re.compile(
    r"\btemporar(?:y|ily)\b|\btry (?:\w+ )?later\b|\bplease retry\b|\bretry in\b|\b(?:right|for) now\b"
    r"|\bat (?:this|the) (?:time|moment)\b|\bin progress\b|\btimed? ?out\b|\bservfail\b"
    r"|\b(?:ldap|database|directory)(?: server)? (?:is )?(?:currently )?(?:unavailable|not available)\b"
)
"""Beside words for an address that will never work: nobody could look, so nobody knows."""
_NEAR = 30
"""In characters, about half a sentence: further away it is said of something else."""
_INSTEAD_FOR_NOW = {
    "hostunknown": "networkerror",
    "userunknown": "systemerror",
    "hasmoved": "systemerror",
    "notaccept": "systemerror",
}
_ACCESS_DENIED = re.compile(r"\baccess[ -](?:is )?denied\b")


@dataclass(frozen=True, slots=True)
class Case:
    """What is known beside the words."""

    status: str = ""
    reply: str = ""
    command: str = ""
    """The command that was refused; "CONN" before any; "" when nobody says."""

    def reason_in(self, text: str) -> str:
        """The reason that a text (`normal`) gives in sentences that are known; "" when it gives none."""
        reason = next(
            (_unless_for_now(reason, found) for reason, words in WORDINGS if (found := words.search(text))),
            "",
        )
        if reason in WIDE:
            reason = self._instead_of(reason, text)
        if reason == "userunknown" and self._subject == "1.6":
            return "hasmoved"
        if reason == "syntaxerror" and self._subject.startswith("1."):
            return "userunknown"
        if reason == "mesgtoobig" and self._subject == "2.3":
            return "exceedlimit"
        if reason == "spamdetected" and self._subject.startswith("6.") and "spam" not in text:
            return "contenterror"
        if reason in _ABOUT_WHOEVER and (self.command == "MAIL" or self._subject in ("1.7", "1.8")):
            return "rejected"
        return "blocked" if self.command in ("CONN", "EHLO") and self._is_too_early(reason) else reason

    def reason_in_plain_words(self, text: str) -> str:
        """The reason that a text (`normal`) gives in single words, for want of a sentence that is known."""
        reason = next((reason for reason, words in PLAIN if words.search(text)), "")
        if reason != "userunknown":
            return reason
        if self.command == "MAIL":
            return "rejected"
        return "filtered" if self._is_said_by_a_filter else reason

    def reason_of_status(self, *, telling: bool = False) -> str:
        """The reason that the status stands for, by the command that it answers; `telling`: of one that says more
        than its subject."""
        if telling and self.status.endswith(".0"):
            return ""
        reason = reason_of_status(self.status)
        return "rejected" if self.command == "MAIL" and reason in _ABOUT_AN_ADDRESS else reason

    @property
    def reason_of_place(self) -> str:
        """The reason that a refusal without any word has by its place in the dialogue."""
        if not self.reply:
            return ""
        if self.reply in _NOT_UNDERSTOOD:
            return "syntaxerror"
        # RFC 3463 §3.8 of X.7.1: "Delivery not authorized, message refused".
        return _BY_COMMAND.get(self.command, "rejected" if self._subject == "7.1" else "")

    @property
    def _subject(self) -> str:
        return self.status.partition(".")[2]

    def _instead_of(self, reason: str, text: str) -> str:
        if _ACCESS_DENIED.search(text):
            return "userunknown" if self.command == "RCPT" else "rejected"
        if found := USER_UNKNOWN.search(text):
            doubtful = self._is_said_by_a_filter and not _NO_SUCH.search(text)
            return "filtered" if doubtful else _unless_for_now("userunknown", found)
        return reason

    def _is_too_early(self, reason: str) -> bool:
        return reason in _NOT_BEFORE_MAIL or (reason == "notaccept" and self.reply not in _TAKES_NO_MAIL)

    @property
    def _is_said_by_a_filter(self) -> bool:
        if self.command == "RCPT" or (not self.reply and self._subject in ("", "0.0")):
            return False
        return not self._subject.startswith(("1.", "5."))


def _unless_for_now(reason: str, found: re.Match[str]) -> str:
    instead = _INSTEAD_FOR_NOW.get(reason)
    if instead and _FOR_NOW.search(found.string, max(found.start() - _NEAR, 0), found.end() + _NEAR):
        return instead
    return reason
