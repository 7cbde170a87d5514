"""What hosts say of whoever sent: the sender's address, the client's, its manners and its haste.

Law: tables for `wordings`, which says what they mean, in which order they are asked, and how a text looks that
they are asked about.
"""

_HOST = r"(?:\bip\b|host|client|server|network|connect\w{0,8}|addresses|netblock|country|\bisp\b)"
_LISTED = (
    r"(?:block(?:ed|ing|list\w*| list\w*)|black[ -]?(?:list\w*|hole\w*)|deny[ -]?list\w*|banned|\blisted\b)"
)

NO_REVERSE_NAME = (
    r"\bptr\b|\breverse[ -]?(?:dns|lookup|mapping|record|address|resolution|name)|\brdns\b",
    r"in-addr\.arpa",
    (
        r"\b(?:cannot|can't|can not|could not|unable to|failed to) (?:find|resolve|verify"
        r"|get) (?:your|the|a|client)? ?(?:reverse |ip |host ?)?(?:hostname|name|address|reverse"
        r"|domain name)\b(?! for sender)"
    ),
    r"\bip (?:name|address) (?:lookup|resolution) fail",
    r"hostname.{0,30}?(?:not resolv|unverif|does not resolve)|unverif[iy]able sending ip",
    r"dns.{0,20}(?:of|for) your (?:ip|server|host)",
    r"no (?:host|domain) name (?:is )?(?:found|associated)|missing.{0,20}reverse|fcrdns",
    r"forward[ -]confirmed",
)
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
    r"sendasdenied|permissions? to send as|\bnot (?:allowed|permitted|authori[sz]ed) to send as",
    r"\byour (?:e-?mail )?address (?:is |was |has been )?(?:blocked|blacklisted)",
)
BAD_REPUTATION = (r"\b(?:low|poor|bad|negative|ip|domain|sender|senders?'s?)\b.{0,30}?\breputation",)
SURELY_BLOCKED = (
    r"\bip (?:address(?:es)?)?.{0,30}?(?:is|are|was|ha(?:s|ve) been) (?:\w+ )?(?:blocked|blacklisted|listed)",
    r"from \[?\d[\d.:]{6,40}\]? (?:is|are|has been|was) (?:\w+ )?(?:blocked|blacklisted|refused)",
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}\]? (?:is |was |has been )?(?:\w+ )?"
    r"(?:blocked|blacklisted|rejected|refused|listed (?:at|in|on|by)|block for)",
    r"blocked using|client host blocked|spamhaus|spamcop|\bsorbs\b|uceprotect|bl\.shtml|\bip rejected\b",
    r"\bip not in white ?list|not authori[sz]ed to send (?:e-?mail )?directly|not accepted from (?:this|your) ip",
    r"\b(?:ip|host|server|client)\b.{0,20}\b(?:identified|known|reported) as (?:an? )?spam",
    r"pre-?greet|network not allowed|\byour access to (?:submit|this)|seem to reject all",
    r"connections? from .{0,80}not accepted|your (?:host|server|ip)\b.{0,40}?not allowed|from your country",
    r"\bip (?:address )?is (?:in|on) (?:the|our|a)\b|\b(?:invalid|bad) (?:helo|ehlo)\b",
    # T-Online's banner.
    r"\bip[:=] ?[\d.]{7,15} - a problem",
    # Error codes of Spectrum's and Cox's postmaster pages.
    r"\baup#|\b(?:ipbl\d|cxbl|cdrbl)",
)
BLOCKED = (
    rf"{_HOST}.{{0,60}}?\b{_LISTED}|\b{_LISTED}\b.{{0,50}}?{_HOST}",
    r"\binvalid ip\b|\bip\b.{0,40}?(?:not (?:allowed|authori[sz]ed|permitted)|rejected|denied)",
    r"\bdnsbl|\brbl\b|\bbl\)|block ?lists?\b|black ?lists?\b|blacklisted|spamhaus|spamcop",
    r"\blisted (?:at|in|on|by) (?:the )?[\w-]{1,60}(?:\.[\w-]{1,60}){1,5}\b",
    r"sorbs|barracuda(?:central)?\b.{0,30}|cloudmark|senderbase|njabl|mail-abuse|uceprotect",
    r"invaluement|hostkarma|proofpoint.{0,30}|too many unwanted|not accepting connections",
    r"use (?:the |your )?(?:\w+ ){0,3}(?:smtp |mail )?(?:server|relay) of your isp|your isp",
    r"dial-?up|dynamic (?:ip|address|host)|residential|generic (?:rdns|host)",
    r"access from .{0,40}denied",
    r"(?:helo|ehlo)\b.{0,60}?(?:reject|invalid|denied|not|bad|must|require)",
    r"my name was rejected|invalid domain name|bad helo|no access from|not allowed to connect",
    r"access denied, ip|banned sending|denied ip|client host rejected",
    r"connection (?:was )?(?:rejected|denied|blocked)|rejected connection",
    r"messages from .{0,30}weren't sent|refused to talk to me: 5",
)
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
TOO_MUCH_FOR_NOW = (
    r"receiv(?:ing|ed) (?:mail|messages|too (?:much|many) \w+) (?:too quickly|at a rate|in a short|from a new)",
    r"\bsending (?:quota|limit)|too much mail from",
    r"exceeded (?:the |its |your )?(?:connection|rate|sending|permitted) limit|exceeded permitted limits",
    r"(?:message|mail|sending|delivery) rate (?:limit|quota)",
    r"temporarily rate.?limited|queue quota|excessive (?:volume|rate)",
    r"\bmax(?:imum)? (?:messages|message per|e-?mails|recipients)\b",
    r"(?:emails|messages|mails|recipients|receive) (?:per|an|each) (?:hour|day|minute)|outbound thread",
    r"per (?:hour|day|minute) (?:message )?(?:receive )?limit|daily limit for|recipient limit|hourly quota",
    r"trop de (?:connexions|messages|destinataires)|zu viele (?:verbindungen|nachrichten|empfänger)|demasiad[ao]s",
)
"""Limits of a time: the words of a full mailbox stand beside them."""
TOO_MUCH = (
    r"\btoo many (?:\w+ ){0,3}(?:connection|session|recipients|concurrent)",
    (
        r"\b(?:connection|session|concurrency|message|sending|delivery|mail)s? (?:rate|frequency"
        r"|limit|count)\b.{0,30}?(?:limit|exceed|reached|high|too)"
    ),
    r"\bmax(?:imum)?\b.{0,30}?\bconnections?",
    r"(?:relay|sending|daily|hourly) (?:relay )?(?:quota|limit)|at a rate that|rate[ -]?limit|\bthrottl",
    r"(?:session|concurren\w+) limit exceeded|number of rcpts?|out of .{0,20}\brcpt",
    r"too (?:fast|frequent)|frequency limit|too many (?:messages|mails|emails|requests)",
    r"sending .{0,30}too (?:fast|quickly|many)|unusual rate",
    r"exceeded (?:the )?(?:rate|hourly|daily|maximum number)",
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
    r"closed (?:mailing )?list|\bmoderator|groups\.google\.com|posting.{0,30}not allowed",
    r"null sender|empty envelope|not subscribed to|delivery not authori[sz]ed|not in .{0,20}(?:white|allow) ?list",
)
SECURITY = (
    r"\bstarttls\b|\btls\b|\bssl\b|certificate|encryption (?:required|needed)",
    r"authentication (?:is )?(?:required|turned on|failure|needed|credentials)",
    r"authentication mechanism|must (?:authenticate|be authenticated)|smtp auth|\bauth(?:entication)? fail|password",
    r"insecure|security (?:error|problem|reason)|executable|cryptographic",
)
