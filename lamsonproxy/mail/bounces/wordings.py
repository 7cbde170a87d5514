"""Families of wordings: how hosts say why, in the words of many programs and providers.

Law: a table, the more special before the more general, and the first that fits decides. A family is what several
programs say, never the sentence of one mail. Texts come without addresses, in small letters, with single blanks;
gaps are bounded, so that each search is linear.

RFC 5321 §4.2.3 has the sentences that hosts vary; providers' own sentences are on their postmaster pages.
"""

import re

_BOX = (
    r"(?:mail ?box|mail ?folder|in-?box|account|user|recipient|mail ?drop|maildir|mail ?file|message store"
    r"|quota|storage|disk)"
)
_WHO = (
    r"(?:user|recipient|mail ?box|account|address|e-?mail(?: address)?|addressee|customer|member|login|person"
    r"|alias)"
)
_GONE = (
    r"(?:disabled|suspended|deactivated|de-activated|discontinued|inactive|not active|locked|closed"
    r"|terminated|cancell?ed|blocked for delivery|frozen|expired|unpaid|over-?limit)"
)
_HOST = r"(?:\bip\b|host|client|server|network|connect\w*|addresses|netblock|country|\bisp\b)"
_LISTED = (
    r"(?:block(?:ed|ing|list\w*| list\w*)|black[ -]?(?:list\w*|hole\w*)|deny[ -]?list\w*|banned|\blisted\b)"
)

_TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    # PowerMTA's bounce categories.
    (
        "userunknown",
        (r"\bbad-mailbox\b",),
    ),
    (
        "hostunknown",
        (r"\bbad-domain\b",),
    ),
    (
        "suspend",
        (r"\binactive-mailbox\b",),
    ),
    # Orange and La Poste number their refusals, and say no more than "refused" in words.
    ("spamdetected", (r"\b(?:ofr|lpn)\d* 506\b",)),
    ("policyviolation", (r"\b(?:ofr|lpn)\d* 630\b",)),
    ("toomanyconn", (r"\b(?:ofr|lpn)\d* 104\b",)),
    (
        "delivered",
        (r"\bsuccessfully delivered\b|\bdelivery (?:was )?successful",),
    ),
    (
        "mailboxfull",
        (
            rf"{_BOX}.{{0,40}}?(?:\bis |\bare |\bwas |-)?(?:too |almost )?\bfull\b",
            (
                r"\b(?:over|out of|beyond|above|exceed\w*|exceeds the|surpass\w*)[ -](?:the |its |their "
                r"|his |allowed |mailbox |disk |mail |storage |user )*(?:quota|storage (?:limit|space"
                r"|quota|allocation))"
            ),
            r"\bquota\b.{0,40}?(?:exceed|violat|limit reached|\bover\b|reached|is full)",
            (
                r"\b(?:exceed\w*|reached|over)\b.{0,40}?\b(?:quota|mailbox (?:size|limit|storage)"
                r"|mailbox.s? (?:maximum|size)|disk space|storage)"
            ),
            rf"{_BOX}.{{0,30}}?\b(?:exceed\w*|over)\b.{{0,30}}?(?:size|limit|quota|space|storage)",
            (
                r"\b(?:not enough|insufficient|no|out of|lack of|no more) (?:\w+ )?(?:mailbox |disk |mail "
                r"|storage )(?:space|storage)"
            ),
            r"\bmailbox size limit|\btoo much mail\b|\btoo many messages (?:in|on) ",
            r"messages in .{0,30}mailbox exceed|no space left|not enough (?:disk|storage|space)",
            r"out of (?:disk|mailbox)|quotaexceeded|overquota",
            r"account is temporarily (?:unavailable|disabled).{0,20}quota|bo[iî]te.{0,40}pleine",
            r"quota d[eé]pass[eé]|buz[oó]n.{0,20}llen[oa]|postfach.{0,30}voll",
            r"caixa.{0,30}(?:cheia|lotada)|casella.{0,30}piena|переполнен|容量.{0,20}(?:超|オーバ)",
            r"(?:メールボックス|受信箱).{0,30}(?:一杯|いっぱい|満杯)|邮箱.{0,10}满|收件人邮箱已满",
        ),
    ),
    (
        "mesgtoobig",
        (
            (
                r"\b(?:message|mail|e-?mail|size|file|body|content|data)\b.{0,30}?\b(?:is "
                r"|was )?too (?:big|large)\b"
            ),
            (
                r"\b(?:message|mail|e-?mail|body)(?:'s)? (?:file )?(?:size|length)\b.{0,60}?\b(?:exceed"
                r"|limit|too|larger|maximum|max)"
            ),
            (
                r"\b(?:exceed\w*|over|larger than|greater than|above)\b.{0,40}?\b(?:(?:max(?:imum)?|fixed"
                r"|allowed|permitted|limit on)[\w ]{0,30}?(?:message|mail|size)|message (?:file )?(?:size"
                r"|length))"
            ),
            r"\bmax(?:imum)? (?:message|mail) (?:size|length)|recipsizelimit|size limit exceeded",
            r"message too (?:big|large|long)|too large for|oversize|line limit exceeded",
        ),
    ),
    (
        "requireptr",
        (
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
        ),
    ),
    (
        "authfailure",
        (
            r"\bdmarc\b|\bdkim\b(?!-signature)|\bspf\b|sender policy framework|\barc\b.{0,20}fail",
            r"sender ?id (?:check|fail)|\bunauthenticated (?:e-?mail|mail|message|sender)",
            r"sender is unauthenticated|require[sd]? all senders to authenticate",
            r"authentication checks?",
            r"(?:message|sender|mail|domain) (?:failed|fails|did not pass) authentication",
            r"not authenticated",
        ),
    ),
    (
        "badreputation",
        (r"\b(?:low|poor|bad|negative|ip|domain|sender|senders?'s?)\b.{0,30}?\breputation",),
    ),
    (
        "blocked",
        (
            r"\bip (?:address(?:es)?)?.{0,30}?(?:is|are|was|ha(?:s|ve) been) (?:\w+ )?(?:blocked|blacklisted|listed)",
            r"from \[?\d[\d.:]{6,40}\]? (?:is|are|has been|was) (?:\w+ )?(?:blocked|blacklisted|refused)",
            r"blocked using|client host blocked|spamhaus|spamcop|\bsorbs\b|uceprotect|bl\.shtml",
        ),
    ),
    (
        "virusdetected",
        (
            r"\bvirus|\bmalware|\btrojan\b|\binfected\b|\bworm\b|\bphish|\beicar\b|\bransomware",
            r"\bmalicious",
        ),
    ),
    (
        "spamdetected",
        (
            (
                r"\b(?:detected|identified|classified|flagged|tagged|recogni[sz]ed|considered|marked"
                r"|looks like|seems to be|determined to be|suspected|appears to be|scored|rejected"
                r"|treated)\b[^.]{0,40}?\b(?:spam|junk|ube|uce|unsolicited|bulk)"
            ),
            (
                r"\b(?:spam|junk|ube|uce)(?: mail| message| content| e-?mail)?\b.{0,20}?\b(?:detected"
                r"|found|rejected|identified|not (?:wanted|accepted|allowed)|refused|suspected|score"
                r"|filter|probability|message)"
            ),
            r"\b(?:spam|junk) (?:mail|e-?mail|message|content|score|detected|filter)|\bubl?e\b",
            r"blacklisted ur[il]|ur[il](?:bl| black)|surbl|spamassassin|spam.?signature",
            r"looks? like spam|contains? spam|content (?:was |is )?reject|spammy|anti-?spam",
            r"high(?:ly)? probability of spam|bulk e?-?mail filter",
            r"unsolicited (?:bulk |commercial )?(?:e-?)?mail",
            (
                r"your (?:message|mail|e-?mail) (?:has been |was )?(?:blocked|rejected).{0,40}(?:content"
                r"|spam)"
            ),
        ),
    ),
    (
        "norelaying",
        (
            (
                r"\brelay(?:ing)?\b.{0,40}?(?:denied|not (?:permitted|allowed|authori[sz]ed|available"
                r"|supported)|prohibited|refused|disabled|restricted|rejected|forbidden|attempt)"
            ),
            (
                r"\b(?:not|n't|no|cannot|unable to|denied|refus\w*|insecure|unauthori[sz]ed"
                r"|prohibited)\b.{0,40}?\brelay"
            ),
            r"rcpthosts|not (?:an? )?(?:gateway|local domain)|is not hosted here",
            r"domain (?:is )?not (?:hosted|handled|served|local|in my list)",
            r"we do not (?:handle|accept) mail for|open relay|relay access",
        ),
    ),
    (
        "toomanyconn",
        (
            r"\btoo many (?:\w+ ){0,3}(?:connection|session|recipients|concurrent)",
            (
                r"\b(?:connection|session|concurrency|message|sending|delivery|mail)s? (?:rate|frequency"
                r"|limit|count)\b.{0,30}?(?:limit|exceed|reached|high|too)"
            ),
            r"\bmax(?:imum)?\b.{0,30}?\bconnections?",
            r"(?:relay|sending|daily|hourly) (?:relay )?(?:quota|limit)|at a rate that|rate[ -]?limit|\bthrottl",
            r"too (?:fast|frequent)|frequency limit|too many (?:messages|mails|emails|requests)",
            r"sending .{0,30}too (?:fast|quickly|many)|unusual rate",
            r"exceeded (?:the )?(?:rate|hourly|daily|maximum number)",
        ),
    ),
    (
        "notaccept",
        (
            r"\bnull ?mx\b|does(?: not|n't) accept (?:any )?(?:e-?)?mail",
            r"not accept(?:ing)? (?:any )?mail\b(?! from)|\bno mx\b",
            r"couldn't find (?:a|any) mail exchanger|no (?:valid )?mail ?(?:exchanger|server|host)",
            r"not a mail (?:server|host)|not accepting network messages|network messages",
            r"smtp protocol (?:is )?not (?:supported|available)|no mail exchanger|never accepts? mail",
            r"mail is not accepted",
        ),
    ),
    (
        "hasmoved",
        (
            (
                r"\b(?:has|have|was|is) (?:been )?(?:moved|changed|migrated|relocated)\b(?! to (?:spam"
                r"|junk))"
            ),
            r"\bmailbox has moved",
            (
                r"no longer (?:on (?:this )?server|at (?:this|that)|works|with (?:us|the)|in use|used"
                r"|valid|available|exists|an? employee|monitored|here)"
            ),
            r"not (?:here )?any ?more|new (?:e-?mail )?address (?:is|of)|forwarding address",
            r"has left the company|replaced by",
        ),
    ),
    (
        "suspend",
        (
            (
                rf"{_WHO}(?:\(s\))?.{{0,40}}?\b(?:is |are |was |has been |have been |temporarily "
                rf"|currently |been )*{_GONE}\b"
            ),
            (
                rf"\b(?:disabled|suspended|deactivated|inactive|locked|closed|terminated|expired"
                rf"|frozen) (?!e-?mail address){_WHO}"
            ),
            r"mailbox (?:disabled|frozen|is disabled|currently suspended)|not accepting messages",
            r"temporarily (?:disabled|suspended|deactivated)|is a deactivated|recipient suspended",
            r"domain (?:is )?(?:suspended|parked)",
        ),
    ),
    (
        "notcompliantrfc",
        (
            r"\bnot\b.{0,12}?\brfc\b.{0,20}?complian|rfc ?\d* ?(?:non-?complian|compliance|violation)",
            (
                r"\b(?:multiple|duplicate|missing|several|more than one)\b.{0,20}?\b(?:from|subject|date"
                r"|to|cc|sender|message-id|reply-to)\b:? ?header"
            ),
            r"multiple (?:\w+ )?addresses in from",
            r"missing .{0,30}?header|missing (?:a )?(?:valid )?(?:from|date|message-id|to)\b",
            r"bare (?:lf|cr|newline|linefeed)",
        ),
    ),
    (
        "contenterror",
        (
            r"headers? (?:are |is )?too (?:large|long|big|many)",
            r"(?:duplicate|malformed|invalid|improper|bad|illegal) (?:\S+ )?header",
            r"header.{0,30}(?:size|malformed|invalid|error)|8-?bit (?:data|characters?|mime)",
            r"improper use of|\bmime\b.{0,30}?(?:error|invalid|malformed|nest)",
            r"(?:bare|lone) (?:lf|cr|newline|linefeed)|malformed (?:message|mime|mail)",
            r"lines? (?:is )?too long|line length",
            r"null (?:byte|character)|non-?ascii|charset|character set",
            r"content(?:-type)? (?:is )?(?:not (?:allowed|supported)|error|conversion)",
            r"message (?:is )?(?:empty|corrupt)|unsupported (?:content|media)",
        ),
    ),
    (
        "syntaxerror",
        (
            r"\bmalformed (?:recipient )?address|address syntax|(?:syntax|address) error",
            r"(?:bad|invalid|illegal) (?:address )?syntax",
            (
                r"(?:command|parameter|verb)s? (?:is )?(?:not (?:implemented|recogni[sz]ed|supported)"
                r"|unrecogni[sz]ed|unknown)"
            ),
            r"unrecogni[sz]ed (?:command|parameter)|bad sequence|unbalanced|syntactically",
            r"missing or malformed local part",
        ),
    ),
    (
        "rejected",
        (
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
            r"domain of sender|sender verif|verify sender",
            (
                r"(?:envelope|mail|header)?-? ?from(?:\:| address| domain"
                r"|-address)? .{0,40}?(?:not (?:allowed|permitted|accepted|exist|valid|authori[sz]ed)"
                r"|rejected|denied|is invalid|does(?:n't| not) exist)"
            ),
            r"(?:unresolvable|nonexistent|non-existent) (?:from|sender|domain in)",
            r"not (?:a |yet )?(?:subscribed |allowed )?(?:list )?member",
            (
                r"(?:not (?:allowed|permitted|authori[sz]ed)|no permission|permission|right"
                r"|unauthori[sz]ed|restricted) (?:sender |to )(?:post|send|submit|mail)"
            ),
            r"notauthori[sz]ed|is restricted|only accepts? (?:messages|mail)",
            r"does not accept messages from|don't (?:want|accept) mail from|no such sender|backscatter",
            r"mail from .{0,40}(?:rejected|denied|refused)|bounces? (?:are )?not accepted",
            r"closed (?:mailing )?list|\bmoderator|groups\.google\.com|posting.{0,30}not allowed",
            r"null sender|empty envelope",
        ),
    ),
    (
        "blocked",
        (
            rf"{_HOST}.{{0,60}}?\b{_LISTED}|\b{_LISTED}\b.{{0,50}}?{_HOST}",
            r"\binvalid ip\b|\bip\b.{0,40}?(?:not (?:allowed|authori[sz]ed|permitted)|rejected|denied)",
            r"\bdnsbl|\brbl\b|\bbl\)|block ?lists?\b|black ?lists?\b|blacklisted|spamhaus|spamcop",
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
        ),
    ),
    (
        "policyviolation",
        (
            r"\bpolic(?:y|ies)\b|violat\w*|prohibited (?:content|attachment|file)",
            (
                r"(?:attachment|file|extension)s?\b.{0,40}?(?:not (?:allowed|permitted|accepted)|blocked"
                r"|banned|forbidden|prohibited|rejected|denied)"
            ),
            r"(?:illegal|dangerous|suspicious|forbidden) attachment",
            r"because (?:of )?its (?:content|attachment)|administrative prohibition|administratively",
            r"content (?:not allowed|denied)|transport rule|rejected by rule",
            r"by the recipient.s (?:domain )?rule|not accepted for",
        ),
    ),
    (
        "mailererror",
        (
            r"\bpipe (?:to|failed)|child process|command (?:died|failed|output|time limit|terminated)",
            r"exit(?:ed)? (?:status|code|value|with)|unknown mailer error|mailer error",
            r"local delivery (?:agent|failed)|procmail|maildrop|x-unix|can't (?:open|create|exec)",
            r"cannot (?:create|execute|append)|lmtp.{0,20}error|vdelivermail|dovecot",
            r"signal \d+",
        ),
    ),
    (
        "securityerror",
        (
            r"\bstarttls\b|\btls\b|\bssl\b|certificate|encryption (?:required|needed)",
            r"authentication (?:is )?(?:required|turned on|failure|needed|credentials)",
            r"must (?:authenticate|be authenticated)|smtp auth|\bauth(?:entication)? fail|password",
            r"insecure|security (?:error|problem|reason)|executable|cryptographic",
        ),
    ),
    (
        "networkerror",
        (
            r"\bhost not found, try again|name service error.{0,80}try again",
            r"host ?name lookup failure|temporary (?:dns|lookup|name)",
        ),
    ),
    (
        "hostunknown",
        (
            (
                r"\b(?:unknown|no such|invalid|nonexistent|non-existent|bad destination|unresolvable"
                r"|unrouteable|unroutable) (?:mail )?(?:host|domain|destination domain|system|server"
                r"|internet)"
            ),
            (
                r"\b(?:host|domain)s?(?: name| or domain name)?(?: part)?[ :]*(?:\S+ )?(?:was |is |are "
                r"|could |cannot |can't )*(?:unknown|not (?:be )?(?:found|exist|valid|resolved|known)"
                r"|doesn't exist|does not exist|no longer exists|could not be found|can't be found"
                r"|cannot be found|lookup fail\w*|has no|isn't in)"
            ),
            r"name or service not known|nxdomain|unrout(?:e)?able address|couldn't find any host",
            r"illegal host|host/domain|address lookup (?:failed|did not)|hostname.{0,20}not",
            r"dns domain .{0,40}not exist|domain does|invalid destination",
        ),
    ),
    (
        "networkerror",
        (
            r"(?:mail|routing|delivery|message) (?:\w+ )?loop|\bloops? back|\btoo many hops|hop ?count",
            r"maximum (?:allowed )?(?:hops|times)|more than the maximum",
            r"name (?:service|server) (?:error|fail|timeout)",
            r"network (?:error|is unreachable|unreachable|problem|failure)|no route to",
            r"dns (?:error|failure|server|lookup|query)|temporary (?:dns|lookup|resolution)",
            r"(?:lost|dropped|broken|reset)\b.{0,20}?connection",
            r"connection (?:was )?(?:lost|dropped|reset|closed|broken|died)|transport error",
            r"unable to route|host not found, try again|malformed name server|nameserver",
            r"protocol error|bad connection",
        ),
    ),
    (
        "expired",
        (
            r"time(?:d)?[ -]?out|\bexpired?\b|retry time",
            r"could not be delivered (?:for|within|in|after)|too long|delivery (?:time|failed \d+)",
            r"did not accept our requests|not (?:responding|reachable|available)|(?:un|not )reachable",
            r"un(?:able|successful) (?:to )?connect",
            r"(?:could|can|did) ?(?:not|n't|n.t) (?:be )?(?:connect|contact|establish|reach)",
            r"connection (?:refused|attempt)|connect(?:ion)? (?:to|with) .{0,60}(?:failed|refused)",
            r"failed to connect|no (?:answer|response)|gave up|giving up(?! on)|aborted after [1-9]",
            r"failing for a long|for the last \d|been in the queue",
            r"(?:after|for|within|over) \d+ (?:day|hour|minute)|undelivered after|max(?:imum)? retr",
            r"host (?:is )?down|socket error|greylist|tried to deliver",
        ),
    ),
    (
        "systemerror",
        (
            r"system (?:error|problem|failure|storage|resources|is (?:full|busy))",
            r"internal (?:\w+ )?error|local (?:\w+ )?(?:error|problem|configuration)",
            (
                r"(?:server|software|database|configuration|lookup|processing|i/o|input/output|filter"
                r"|alias|file) (?:\w+ )?(?:error|failure|problem|unavailable)"
            ),
            (
                r"service (?:is )?(?:currently |temporarily )?(?:unavailable|not available|refused?|down"
                r"|denied)"
            ),
            (
                r"temporar\w+ (?:\w+ )?(?:failure|error|problem|unavailable|deferred|rejected|system"
                r"|local)"
            ),
            r"could not load|thread limit|try (?:again )?later|resources|out of memory|overload|too busy|unexpected",
            r"can't (?:write|read|get|find)|unable to (?:process|create|open)|misconfigur|aliases?:? ",
            r"transaction failed|read-only|circular|processing error|mapiexception|service refus",
        ),
    ),
)

_USER_UNKNOWN = (
    (
        rf"\b(?:unknown|no such|invalid|illegal|nonexistent|non-existent|bad|unrecogni[sz]ed|undeliverable"
        rf"|wrong|incorrect|not a valid|no valid|not a known|not known|non-local)[ -](?:(?:virtual|local"
        rf"|destination|target|final|rcpt|e-?mail|internet|smtp|or inactive|of|the|this) )*(?:{_WHO}"
        rf"|recipients?|users?|mailboxes|local[- ]?part|forward-?path|name|to address|rcpt|destination|list"
        rf"|id)\b"
    ),
    (
        rf"\b{_WHO}s?(?:\(s\))?\b.{{0,50}}?(?:\b(?:unknown|not (?:be )?(?:found|exist|known|valid"
        rf"|recogni[sz]ed|listed|here|local|registered|in|our|on)|does(?:n't| not)(?: exist)?|doesn.t exist"
        rf"|isn't|is invalid|not exist|unavailable|not available|invalid|is not|no longer"
        rf"|could not be found|wasn't found|can't be found|name not allowed|undeliverable|can't receive)\b"
        rf"|!)"
    ),
    rf"\b(?:there is|we have|have|has|find|found|is) no(?:t a|t)? (?:\w+ )?(?:{_WHO}|mailbox|one)\b",
    r"user doesn't|doesn't have an?.{1,40}account|does not have an?.{1,40}account",
    (
        r"no (?:mailbox|user|account|recipient|person|customer|address) (?:here|by|with|named|of|found"
        r"|matching)"
    ),
    r"not (?:listed|found) in .{0,40}(?:directory|address book|table|database)|not our customer",
    r"unknown (?:in|to|local)|inactive e-?mail address|recip(?:ient)?notfound|address not found",
    r"not a valid|mailbox (?:unavailable|not found|name)|unable to find|could ?(?:n't|not) be found",
    r"couldn't be found|wasn't found|unknown address|unknown recipient|recipient address rejected\W*$",
    r"\bsoftbounce-unknown|destinataire (?:inconnu|invalide|inexistant)|utilisateur inconnu",
    r"adresse.{0,30}invalide|usuario (?:desconocido|no existe)|no existe",
    r"usu[aá]rio (?:desconhecido|inexistente)|utente sconosciuto",
    r"empf[aä]nger.{0,30}(?:unbekannt|nicht)|benutzer unbekannt|пользовател\w* не|не существует",
    r"(?:宛先|ユーザ|アドレス|受信者|ディレクトリ|メールアドレス).{0,40}?(?:ありません|見つかりません|存在し)|用户不存在|不存在|收件人.{0,10}(?:无效|错误)",
)


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.DOTALL)


WORDINGS = tuple((reason, _any_of(patterns)) for reason, patterns in _TABLE)
"""Each reason with the words that stand for it."""

USER_UNKNOWN = _any_of(_USER_UNKNOWN)
"""Words for an address that does not exist: who says them decides what they are worth (`reasons`)."""
