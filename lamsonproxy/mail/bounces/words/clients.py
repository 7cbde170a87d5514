"""What hosts say of the client, which is this host: its name, the lists that it is on, and its haste.

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
SURELY_BLOCKED = (
    r"\bip (?:address(?:es)?)?.{0,30}?(?:is|are|was|ha(?:s|ve) been) (?:\w+ )?(?:blocked|blacklisted|listed)",
    r"from \[?\d[\d.:]{6,40}\]? (?:is|are|has been|was) (?:\w+ )?(?:blocked|blacklisted|refused)",
    r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}\]? (?:is |was |has been )?(?:\w+ )?"
    r"(?:blocked|blacklisted|rejected|refused|listed (?:at|in|on|by)|block for)",
    r"(?:blocked|deferred|refused|denied) using",
    r"client host blocked|spamhaus|spamcop|\bsorbs\b|uceprotect|bl\.shtml|\bip rejected\b",
    r"\bip not in white ?list|not authori[sz]ed to send (?:e-?mail )?directly|not accepted from (?:this|your) ip",
    r"\b(?:ip|host|server|client)\b.{0,20}\b(?:identified|known|reported) as (?:an? )?spam",
    r"pre-?greet|network not allowed|\byour access to (?:submit|this)|seem to reject all",
    r"connections? from .{0,80}(?:not accepted|refused|denied)",
    r"your (?:host|server|ip)\b.{0,40}?not allowed|from your country",
    r"\bip (?:address )?is (?:in|on) (?:the|our|a)\b|\b(?:invalid|bad) (?:helo|ehlo)\b",
    # Its name, in the words of a host of the recipient that does not exist.
    r"\b(?:unknown|no such|invalid|illegal|not found|not exist|no mail ?exchanger)\b[^;]{0,60}"
    r"\b(?:helo|ehlo|greeting)\b",
    r"\bfrom (?:an? )?(?:invalid|illegal|unknown|unresolvable|non-?existent) hosts?\b"
    r"|\bunknown (?:host|client): your\b|\bclient host ?name\b.{0,20}\bnot\b",
    (
        r"\byour (?:mail |smtp |sending )?(?:server|host|client)(?:'s)?(?: ?name)?\b[^.;]{0,30}?"
        r"\b(?:unknown|has no|not (?:be )?(?:found|resolved)|does(?:n't| not) (?:exist|resolve)|not a mail)"
    ),
    # T-Online's banner.
    r"\bip[:=] ?[\d.]{7,15} - a problem",
    # Error codes of Spectrum's and Cox's postmaster pages.
    r"\baup#|\b(?:ipbl\d|cxbl|cdrbl)",
)
BLOCKED = (
    rf"{_HOST}.{{0,60}}?\b{_LISTED}|\b{_LISTED}\b.{{0,50}}?{_HOST}",
    r"\binvalid ip\b|\bip\b.{0,40}?(?:not (?:allowed|authori[sz]ed|permitted)|rejected|denied)",
    r"\bspam traps?\b|\bconnecting ip:",
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
    r"connection (?:was )?(?:rejected|denied|blocked|refused (?:due|because|for)\b)|rejected connection",
    r"messages from .{0,30}weren't sent|refused to talk to me: 5",
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
    r"zu schnell|trop (?:vite|rapide)|(?:demasiado|muito|troppo) (?:r[aá]pid|veloc)",
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
    r"(?:session|concurren\w{1,5}) limit exceeded|number of rcpts?|out of .{0,20}\brcpt",
    r"too (?:fast|frequent)|frequency limit|too many (?:messages|mails|emails|requests)",
    r"\b(?:rate|number|percentage|share|amount) of (?:invalid|unknown|bad|non-?existent|wrong) \w",
    r"sending .{0,30}too (?:fast|quickly|many)|unusual rate",
    r"exceeded (?:the )?(?:rate|hourly|daily|maximum number)",
)
