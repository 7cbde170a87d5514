"""What is left of a refusal when no sentence is known: who or what was refused, and a word of refusal beside it.

Law: tables for `wordings`, asked only where neither a family of sentences nor a telling status has answered. The
two words stand in one sentence, in either order, few words apart.
"""

_REFUSED = (
    r"(?:reject\w*|refus\w*|den(?:y|ies|ied)\b|block\w*|bann?ed|forbid\w*|prohibit\w*|disallow\w*|restrict\w*"
    r"|not (?:allow|permit|accept|authori[sz]ed|welcome|wanted)\w*|no access|unwelcome|prison|black|bogus|fak(?:e|ed)"
    r"|forged|invalid|illegal|bad|wrong|un(?:validated|verified|authori[sz]ed|trusted|acceptable))"
)


def _refused(what: str) -> tuple[str, str]:
    gap = r"\b[^.;!?]{0,30}?\b"
    return rf"\b{what}{gap}{_REFUSED}", rf"\b{_REFUSED}{gap}{what}\b"


RELAY = _refused(r"relay(?:s|ed|ing)?")
SENDER = (
    *_refused(r"(?:sender|originator|mail ?from|from|return-?path|envelope|reverse-path)"),
    r"\b(?:sender|mail ?from|from)\b.{0,30}?\b(?:must\b|mismatch|fail)",
)
CLIENT = (
    *_refused(r"(?:ips?|hosts?|clients?|helo|ehlo|rbl|network|connections?|your (?:mail)? ?server)"),
    r"\b(?:helo|ehlo)\w*\b.{0,30}?\berror",
    r"(?:\A|:)\W{0,9}(?:temporarily )?(?:blocked|banned|block list|blacklist\w*)\b",
)
LOGIN = (*_refused(r"(?:login|authentication|credentials)"), r"\bauth\w* (?:error|fail)")
CONTENT = (
    *_refused(r"(?:(?:mail|message) (?:data|content)|contents?|body|subject)"),
    r"\b(?:junk|unsolicited|advert\w*|anti-?spam)\b",
)
ASLEEP = (r"\b(?:is|was|been) (?:\w+ )?(?:disabled|inactive|deactivated|suspended|frozen|locked)\b",)
RECIPIENT = (
    *_refused(r"(?:recipients?|rcpt|addressee|user|mailbox|account|address|alias)"),
    r"\b(?:recipient|rcpt|user|mailbox|account|address)\b.{0,30}?\bnot ok\b",
)
FULL = (r"\bfull\b|\bquota\b|\bno (?:more )?(?:room|space)\b",)
SIZE = (
    r"\b(?:size|length)\b.{0,40}?\b(?:limit|maximum|threshold|exceed|over)",
    r"\b(?:limit|maximum|threshold|exceed\w*|over)\b.{0,40}?\b\w*(?:size|length)\b",
)
AMOUNT = (
    r"\btoo (?:many|much|often|high)\b|\b(?:limit|maximum|threshold)\b|\bexceed",
    r"\bexcessive\b|\bnumber of \w+.{0,20}?\bover\b",
)
