"""What was decided for one recipient.

Law: values only. What is said to the wire is the fold's; here is what each recipient's mail would be by itself.
"""

from dataclasses import dataclass

from lamsonproxy.app.mail import Copy
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.fold import Fate, Outcome
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import (
    Accept,
    Consume,
    Defer,
    Discard,
    Quarantine,
    Reject,
    Verdict,
    reply_to,
)

TOO_MANY_HOPS = Reject("5.4.6", "Too many hops", whole=True)
UNMATCHED = Reject("5.1.1", "Unknown recipient")
SETTLED = "settled"
"""What the log and the metrics name as the route of mail that an earlier attempt has settled."""
PROBE = "probe"
"""What the log and the metrics name as the route of an awaited probe."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one recipient, and the copy that its handlers worked on."""

    recipient: Recipient
    verdict: Verdict
    copy: Copy
    route: str = ""
    said: Reply | None = None
    """The refusal at RCPT, ours or downstream's, where it was kept for the fold; or the answer of an earlier
    attempt."""
    is_settled: bool = False
    """Whether `said` is the answer of an earlier attempt."""
    has_failed: bool = False
    """Whether a handler failed."""
    is_poison: bool = False
    """Whether its handlers failed too often, so that it is kept where nobody tries again."""

    @property
    def is_redirected(self) -> bool:
        """Whether the mail goes to another address than its recipient's."""
        return self.copy.recipient.address != self.recipient.address

    @property
    def outcome(self) -> Outcome:
        if self.said is not None:
            return Outcome(_fate_of(self.said), self.said)
        match self.verdict:
            case Accept():
                return Outcome(Fate.PASS, reply_to(self.verdict))
            case Reject(whole=whole):
                return Outcome(Fate.REFUSED, reply_to(self.verdict), whole)
            case Defer():
                return Outcome(Fate.DEFERRED, reply_to(self.verdict))
            case Consume() | Discard() | Quarantine():
                return Outcome(Fate.TAKEN, reply_to(self.verdict))

    @property
    def is_for_all(self) -> bool:
        """Whether the fold is settled by this one, whatever is decided for the others."""
        return self.outcome.fate is Fate.DEFERRED or self.outcome.whole


def _fate_of(said: Reply) -> Fate:
    if said.is_positive:
        return Fate.TAKEN
    return Fate.REFUSED if said.is_permanent else Fate.DEFERRED
