"""From what was said to one word of a closed set.

Law: an order. The sentences that are known go before the status, a status that tells something before single words,
and all of these before the text for people and the place in the dialogue: hosts choose words with more care than
numbers. Only four reasons say that an address will never work; what makes them doubtful is in `case`.

RFC 3463 (status), RFC 5321 §4.2.2 (replies).
"""

from lamsonproxy.mail.bounces.case import WIDE, Case
from lamsonproxy.mail.bounces.command import command_in
from lamsonproxy.mail.bounces.finding import Finding, behind_reply, reply_in, status_in
from lamsonproxy.mail.bounces.normal import normal

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

_STATES = ("suspend", "mailboxfull")
"""What a host says in its prose of a mailbox whose "user unknown" it quotes: the prose says more."""


def judge(finding: Finding, section: str = "") -> tuple[str, str, str]:
    """The status, the reply code and the reason of one recipient; `section` is what the text for people says
    about it."""
    texts = (finding.said, section, finding.around)
    status, reply = _status(finding, section), next(filter(None, map(reply_in, texts)), "")
    if finding.action in ARRIVED:
        return status, reply, "delivered"
    case = Case(status, reply, next(filter(None, map(command_in, texts)), ""))
    reason = _in_order(case, *texts)
    if not reason and finding.action == "delayed":
        return status, reply, "expired"
    return status, reply, reason or case.reason_of_place or "undefined"


def _in_order(case: Case, said: str, *prose: str) -> str:
    return (
        _in_words(case, said)
        or case.reason_of_status(telling=True)
        or case.reason_in_plain_words(normal(behind_reply(said) or said))
        or case.reason_of_status()
        or _in_words(case, *prose)
    )


def _status(finding: Finding, section: str) -> str:
    """The remote host's own status goes before the one that the reporting host made of it."""
    given = (status_in(finding.said), finding.status, status_in(section), status_in(finding.around))
    telling = (status for status in given if status and not status.endswith(".0.0"))
    return next(telling, "") or next(filter(None, given), "")


def _in_words(case: Case, *texts: str) -> str:
    """The first reason in these texts; in each, what stands behind the reply code goes first."""
    for text in filter(None, texts):
        whole, reply = normal(text), normal(behind_reply(text))
        in_reply = case.reason_in(reply)
        if in_reply == "userunknown" and (state := case.reason_in(whole)) in _STATES:
            return state
        if in_reply not in WIDE:
            return in_reply
        if reason := (case.reason_in(whole) if whole != reply else "") or in_reply:
            return reason
    return ""
