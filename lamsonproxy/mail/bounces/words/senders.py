"""What hosts say of the sender: its address, the proofs of it, its reputation, and its manners.

Law: tables for `wordings`, which says what they mean, in which order they are asked, and how a text looks that
they are asked about.
"""

NOT_AUTHENTIC = (
    r"\bdmarc\b|openspf|\bdkim\b(?!-signature)|\bspf\b|sender policy framework|\barc\b.{0,20}fail",
    r"sender ?id (?:check|fail)|\bunauthenticated (?:e-?mail|mail|message|sender)",
    r"sender is unauthenticated|require[sd]? all senders to authenticate",
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}\]? is not (?:allowed|permitted|authori[sz]ed) to send"
    r" (?:e-?mail |mail )?(?:from|for) ",
    r"authentication checks?|required authentication level",
    r"(?:message|sender|mail|domain) (?:failed|fails|did not pass) authentication",
    r"not authenticated",
)
NOT_LOGGED_IN = (
    r"\b(?:client|submitter|session|user|sender) (?:was |is |has )?"
    r"(?:not (?:been )?authenticated|failed to authenticate)"
    r"(?! (?:by|with|via|using) (?:spf|dkim|dmarc))",
    r"\b(?:invalid|bad|wrong) credentials|cannot authenticate|username and password",
    r"\bpop3?\b.{0,20}\b(?:before|first)\b|\b(?:check|read) your (?:e-?)?mail first|first check your (?:e-?)?mail",
)
"""Said of whoever should have logged in, not of a domain that signs."""
BLOCKED_SENDER = (
    r"(?<!of the )(?<!of your )\bsender(?:'s)?(?: e-?mail)?(?: address| domain)?(?: \S{1,80})? (?:is |was |has been )?"
    r"(?:blocked|blacklisted|banned|on .{0,20}(?:black|block) ?list)|banned sender|bad (?:outbound sender|sender's)",
    r"sender (?:address )?has (?:a )?null ?mx|badmailfrom|sender (?:address )?not owned|senderfilterconfig",
    r"sender verif\w* failed|callback (?:setup )?failed while verifying",
    r"\bsending (?:for|from) th(?:is|e) account|\boutbound .{0,20}(?:disabled|blocked|suspended)",
    r"sendasdenied|permissions? to send as|\bnot (?:allowed|permitted|authori[sz]ed) to send as",
    r"\byour (?:e-?mail )?address (?:is |was |has been )?(?:blocked|blacklisted)",
)
NO_SUCH_SENDER = (
    (
        r"\b(?:sender(?:'s|s)?|sending|return|envelope|originator|from|your)[ -]"
        r"(?:(?!recipient|intended)\S{1,60} ){0,2}?(?:domain|address)\b"
        r".{0,60}?\b(?:no (?:valid )?(?:mx|a|dns)\b|(?:could|can) ?not|null ?mx|nxdomain"
        r"|not (?:be )?(?:found|resolved|exist)|doesn't exist"
        r"|does(?:n't| not) (?:resolve|match|align)|unknown|invalid|unrout)"
    ),
    r"\bno (?:valid )?(?:mx|mail ?exchanger)s? (?:records? )?(?:for|of) (?:your|(?:the )?(?:\w+ of )?(?:the )?sender)",
    r"\b(?:callback|call-?out|verification)\b[^.;]{0,30}\bsender\b.{0,20}?\bfailed",
    r"\baddress in mail from\b|\bsender nxdomain\b",
)
"""What is said of the sender's domain and address in the words of a recipient that does not exist."""
BAD_REPUTATION = (r"\b(?:low|poor|bad|negative|ip|domain|sender|senders?'s?)\b.{0,30}?\breputation",)
NO_RELAYING = (
    (
        r"\brelay(?:ing)?\b.{0,40}?(?:denied|not (?:permitted|allowed|authori[sz]ed|available"
        r"|supported)|prohibited|refused|disabled|restricted|rejected|forbidden|attempt)"
    ),
    (
        r"(?:n't|\b(?:not|no|cannot|unable to|denied|refus\w*|insecure|unauthori[sz]ed"
        r"|prohibited))\b.{0,40}?\brelay"
    ),
    r"rcpthosts|not (?:an? )?(?:gateway|local domain)|is not hosted here",
    r"domain (?:is )?not (?:hosted|handled|served|local|in my list)",
    r"\brelay\b.{0,30}\bnot (?:been )?configured|\bas a relay\b",
    r"(?:we |server )?(?:do not|don't|does not|doesn't) (?:handle|accept|relay|host) mail (?:for|to)",
    r"open relay|relay access",
)
SYNTAX = (
    r"\bmalformed (?:recipient )?address|address syntax|(?:syntax|address) error",
    r"(?:bad|invalid|illegal) (?:address )?syntax",
    (
        r"(?:command|parameter|verb)s? (?:is )?(?:not (?:implemented|recogni[sz]ed|supported)"
        r"|unrecogni[sz]ed|unknown)"
    ),
    r"unrecogni[sz]ed (?:command|parameter)|bad sequence|unbalanced|syntactically",
    r"[\"'] (?:or [\"'].[\"'] )?expected after|missing or malformed local part|protocol violation",
    r"\bunimplemented (?:command|parameter|verb)|\b(?:use|send|say|need|issue) (?:helo|ehlo)\b",
)
REJECTED_SENDER = (
    (
        r"\bsender(?:'s)?\b.{0,60}?\b(?:reject|denied|den(?:y|ies)|not (?:allowed|permitted"
        r"|accepted|exist|found|valid|authori[sz]ed|verified|known)|unknown|invalid|does(?:n't"
        r"| not)|refused|could not be verified|unverified|syntax|must)"
    ),
    (
        r"\b(?:invalid|unroutable|unrouteable|unknown|bad|rejected|unverified|unresolvable|fake"
        r"|forged|blocked|blacklisted|denied) (?:envelope )?(?:sender|from|return[- ]path"
        r"|originator|mail from|user from)"
    ),
    r"domain of sender|sender verif|verify sender|(?:domain|name) required for sender",
    (
        r"(?:envelope|mail|header)?-? ?from(?:\:| address| domain"
        r"|-address)? .{0,40}?(?:not (?:allowed|permitted|accepted|exist|valid|authori[sz]ed)"
        r"|rejected|denied|is invalid|does(?:n't| not) exist)"
    ),
    r"(?:unresolvable|nonexistent|non-existent) (?:from|sender|domain in)",
    r"not (?:a |yet )?(?:subscribed |allowed )?(?:list )?member(?! of domain)|sender\b.{0,40}\bnot in\b",
    (
        r"(?:not (?:allowed|permitted|authori[sz]ed)|no permission|permission|right"
        r"|unauthori[sz]ed|restricted) (?:sender |to )(?:post|send|submit|mail)"
    ),
    r"notauthori[sz]ed|is restricted|only accepts? (?:messages|mail)",
    r"does not accept messages from|don't (?:want|accept) mail from|no such sender|backscatter",
    r"mail from .{0,40}(?:rejected|denied|refused)|bounces? (?:are )?not accepted",
    r"(?:messages?|mail) from .{0,60}\bdeferred\b|(?:\bnot|n't) want (?:your|any)\b.{0,20}\b(?:mail|messages?)",
    r"\byou (?:have been|are|were) (?:blocked|blacklisted|banned) by",
    r"closed (?:mailing )?list|\bmoderator|groups\.google\.com|posting.{0,30}not allowed",
    r"\bnot available (?:from|to|for) (?:\w+ )?(?:outside|external|senders)",
    r"null sender|empty envelope|not subscribed to|delivery not authori[sz]ed|not in .{0,20}(?:white|allow) ?list",
)
SECURITY = (
    r"\bstarttls\b|\btls\b|\bssl\b|certificate|encryption (?:required|needed)",
    r"authentication (?:is )?(?:required|turned on|failure|needed|credentials)",
    r"authentication mechanism|must (?:authenticate|be authenticated)|smtp auth|\bauth(?:entication)? fail|password",
    r"insecure|security (?:error|problem|reason)|executable|cryptographic",
)
