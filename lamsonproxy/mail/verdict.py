"""The six verdicts: what happens to one recipient's mail.

Law: a verdict is a value and knows nothing of the mail. What it says to the wire is checked when it is made, so that
a handler cannot put a second reply, a code out of its class or an exception's text there.

The words are those of Postfix's access(5) and of milters; the status codes are RFC 3463's.
"""

import re
from dataclasses import dataclass

from lamsonproxy.mail.reply import Reply

_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")
_LINE_BREAK = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")

# RFC 5321 §4.2.3 gives some conditions a code of their own; all else is 550 or 451.
_CODES = {"5.2.2": 552, "5.2.3": 552, "5.3.4": 552, "5.4.6": 554, "4.3.1": 452, "4.2.2": 452}


@dataclass(frozen=True, slots=True)
class Accept:
    """Hand the mail on, with the handler's edits."""


@dataclass(frozen=True, slots=True)
class Consume:
    """The mail was for the application: it is taken, and nothing is handed on."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the mail for good. Behind the queue Postfix then bounces it to the sender, so prefer `Quarantine` there.

    `status` is an RFC 3463 code of class 5, `text` one line that the sender will read. `whole` refuses the mail for
    all of its recipients. Raises ValueError for anything that is no such reply.
    """

    status: str = "5.7.1"
    text: str = "Message refused"
    whole: bool = False

    def __post_init__(self) -> None:
        _check(self.status, self.text, "5")


@dataclass(frozen=True, slots=True)
class Defer:
    """Ask Postfix to try again later. `status` is of class 4; raises ValueError for anything else."""

    status: str = "4.3.0"
    text: str = "Try again later"

    def __post_init__(self) -> None:
        _check(self.status, self.text, "4")


@dataclass(frozen=True, slots=True)
class Discard:
    """Say 250 and hand nothing on; `reason` goes to the log."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Say 250 once the mail is durable in the quarantine; hand nothing on. `reason` stands beside it there."""

    reason: str = ""


Verdict = Accept | Consume | Reject | Defer | Discard | Quarantine

ACCEPT = Accept()


def name_of(verdict: Verdict) -> str:
    """The verdict's name in lower case: a log field and a metric label, from a closed set (design law 10)."""
    return type(verdict).__name__.lower()


def reply_to(verdict: Verdict) -> Reply:
    """The reply that this verdict is, taken by itself."""
    match verdict:
        case Reject(status, text) | Defer(status, text):
            return Reply(_CODES.get(status, 550 if status[0] == "5" else 451), status, text)
        case Discard():
            return Reply(250, "2.7.0", "Ok: discarded")
        case Quarantine():
            return Reply(250, "2.7.0", "Ok: quarantined")
        case Consume() | Accept():
            return Reply(250, "2.0.0", "Ok")


def _check(status: str, text: str, kind: str) -> None:
    if not isinstance(status, str) or not _STATUS.fullmatch(status) or status[0] != kind:
        raise ValueError(f"{status!r} is not an enhanced status of class {kind} (RFC 3463)")
    if not isinstance(text, str) or not text or _LINE_BREAK.search(text):
        raise ValueError("the text of a reply is one line, and not empty")
