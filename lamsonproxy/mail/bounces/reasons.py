"""From what was said to one word of a closed set.

Law: the words that were said go before the status, the status before the place in the dialogue where it was said,
for hosts choose words with more care than numbers. Only four reasons say that an address will never work, and
"user unknown" is believed only from whoever could know: with 5.1.x, in answer to RCPT, or by the reporting host
itself. Said after DATA it is what filters say, and is called `filtered`.

RFC 3463 (status), RFC 5321 §4.2.2 and §4.3.2 (which reply to which command).
"""

import re
from dataclasses import dataclass

from lamsonproxy.mail.bounces.command import command_in
from lamsonproxy.mail.bounces.finding import Finding, behind_reply, reply_in, status_in
from lamsonproxy.mail.bounces.statuses import reason_of_status
from lamsonproxy.mail.bounces.wordings import PLAIN, USER_UNKNOWN, WORDINGS

REASONS = frozenset(
    """
    authfailure badreputation blocked contenterror delivered exceedlimit expired feedback filtered hasmoved
    hostunknown mailboxfull mailererror mesgtoobig networkerror norelaying notaccept notcompliantrfc policyviolation
    rejected requireptr securityerror spamdetected suspend syntaxerror systemerror toomanyconn undefined userunknown
    vacation virusdetected
    """.split()
)
"""Every reason there is. docs/bounces.md says what each means."""

HARD = frozenset({"userunknown", "hostunknown", "hasmoved", "notaccept"})
"""The reasons that say that the address will never work."""

ARRIVED = frozenset({"delivered", "relayed", "expanded", "deliverable"})
"""The actions of a mail that arrived (RFC 3464 §2.3.3), and of one that would have (Postfix's `sendmail -bv`)."""

_ABOUT_AN_ADDRESS = ("hostunknown", "userunknown", "filtered")
_ABOUT_WHOEVER = (*_ABOUT_AN_ADDRESS, "systemerror")
"""Reasons that are the sender's fault where it is the sender's address that was refused."""

_WIDE = ("", "systemerror", "expired", "mailererror")
"""Families so wide that "user unknown" beside them decides."""

_STATES = ("suspend", "mailboxfull")
"""What a host says in its prose of a mailbox whose "user unknown" it quotes: the prose says more."""

_NOT_BEFORE_MAIL = (
    "expired",
    "filtered",
    "mailboxfull",
    "rejected",
    "spamdetected",
    "systemerror",
    "userunknown",
)
"""Reasons that no host can have before it knows sender and recipient: the client itself is unwelcome."""

_NO_SUCH = re.compile(r"\bno such|\binvalid (?:recipient|mailbox|user)|\bno (?:mailbox|user) here")
"""So do filters not speak, which say "user unknown"."""
_ACCESS_DENIED = re.compile(r"\baccess[ -](?:is )?denied\b")
_ADDRESS = re.compile(r"[^\s<>\"()\[\],;:]{0,120}@[^\s<>\"()\[\],;:]{1,255}")
_URL = re.compile(r"\bhttps?://([^\s/?#<>]{1,255})[^\s<>]{0,1000}", re.IGNORECASE)
# The codes of each line of a long reply stand in the middle of its sentence.
_CODES = re.compile(
    r"(?<![\w.])[245]\d\d[ -](?:#?[245]\.\d{1,3}\.\d{1,3}[ :]?)?|#?\b[245]\.\d{1,3}\.\d{1,3}\b(?!\.\d)"
    # Postfix names the command behind the text (smtp(8)): it is no word of the text.
    r"|\(in reply to [^()]{1,60}\)"
)
# Postfix puts it before every text of a restriction (smtpd(8)): the reason is the text.
_PREFIX = re.compile(r"\brecipient address rejected: (?=[^\s.])", re.IGNORECASE)
_BLANKS = re.compile(r"[\s*_|]+")

_BY_COMMAND = {
    "EHLO": "blocked",
    "CONN": "blocked",
    "MAIL": "rejected",
    "RCPT": "filtered",
    "DATA": "filtered",
}


def judge(finding: Finding, section: str = "") -> tuple[str, str, str]:
    """The status, the reply code and the reason of one recipient; `section` is what the text for people says
    about it."""
    status = _status(finding, section)
    reply = next(filter(None, map(reply_in, (finding.said, section, finding.around))), "")
    if finding.action in ARRIVED:
        return status, reply, "delivered"
    texts = (finding.said, section, finding.around)
    case = Case(status, reply, next(filter(None, map(command_in, texts)), ""))
    reason = (
        _in_words(case, finding.said)
        or case.reason_of_status(telling=True)
        or case.reason_in_plain_words(finding.said)
        or case.reason_of_status()
        or _in_words(case, section, finding.around)
    )
    if not reason and finding.action == "delayed":
        return status, reply, "expired"
    return status, reply, reason or (_BY_COMMAND.get(case.command, "") if reply else "") or "undefined"


def _status(finding: Finding, section: str) -> str:
    """The remote host's own status goes before the one that the reporting host made of it."""
    given = (status_in(finding.said), finding.status, status_in(section), status_in(finding.around))
    telling = (status for status in given if status and not status.endswith(".0.0"))
    return next(telling, "") or next(filter(None, given), "")


def _in_words(case: "Case", *texts: str) -> str:
    """The first reason in these texts; in each, what stands behind the reply code goes first."""
    for text in filter(None, texts):
        whole, reply = normal(text), normal(behind_reply(text))
        in_reply = case.reason_in(reply)
        if in_reply == "userunknown" and (state := case.reason_in(whole)) in _STATES:
            return state
        if in_reply not in _WIDE:
            return in_reply
        if reason := (case.reason_in(whole) if whole != reply else "") or in_reply:
            return reason
    return ""


@dataclass(frozen=True, slots=True)
class Case:
    """What is known beside the words."""

    status: str = ""
    reply: str = ""
    command: str = ""
    """The command that was refused; "CONN" before any; "" when nobody says."""

    def reason_in(self, text: str) -> str:
        """The reason that a text gives in words; "" when it gives none."""
        reason = next((reason for reason, words in WORDINGS if words.search(text)), "") if text else ""
        if reason in _WIDE:
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
        return "blocked" if self.command == "CONN" and reason in _NOT_BEFORE_MAIL else reason

    def reason_in_plain_words(self, text: str) -> str:
        """The reason that a refusal gives in single words, for want of a sentence that is known."""
        refusal = normal(behind_reply(text) or text)
        reason = next((reason for reason, words in PLAIN if words.search(refusal)), "")
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
    def _subject(self) -> str:
        return self.status.partition(".")[2]

    def _instead_of(self, reason: str, text: str) -> str:
        if _ACCESS_DENIED.search(text):
            return "userunknown" if self.command == "RCPT" else "rejected"
        if USER_UNKNOWN.search(text):
            doubtful = self._is_said_by_a_filter and not _NO_SUCH.search(text)
            return "filtered" if doubtful else "userunknown"
        return reason

    @property
    def _is_said_by_a_filter(self) -> bool:
        if self.command == "RCPT" or (not self.reply and self._subject in ("", "0.0")):
            return False
        return not self._subject.startswith(("1.", "5."))


def normal(text: str) -> str:
    """A text as `wordings` expects it."""
    text = _URL.sub(r"\1", _CODES.sub(" ", text))
    return _PREFIX.sub("", _BLANKS.sub(" ", _ADDRESS.sub(" ", text))).strip().lower()
