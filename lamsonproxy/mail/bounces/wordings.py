"""Families of wordings: how hosts say why, in the words of many programs and providers.

Law: a table, the more special before the more general, and the first that fits decides. A family is what several
programs say, never the sentence of one mail. Texts come without addresses, in small letters, with single blanks;
gaps are bounded, so that each search is linear.

RFC 5321 §4.2.3 has the sentences that hosts vary; providers' own sentences are on their postmaster pages.
"""

import re

_BOX = r"(?:mail ?box|mail ?folder|in-?box|account|user|recipient|mail ?drop|maildir|mail ?file|message store|quota|storage|disk)"
_WHO = r"(?:user|recipient|mail ?box|account|address|e-?mail(?: address)?|addressee|customer|member|login|person|alias)"
_GONE = r"(?:disabled|suspended|deactivated|de-activated|discontinued|inactive|not active|locked|closed|terminated|cancell?ed|blocked for delivery|frozen|expired|unpaid|over-?limit)"
_HOST = r"(?:\bip\b|host|client|server|network|connect\w*|addresses|netblock|country|\bisp\b)"
_LISTED = r"(?:block(?:ed|ing|list\w*| list\w*)|black[ -]?(?:list\w*|hole\w*)|deny[ -]?list\w*|banned|\blisted\b|refused|prohibited)"

_TABLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("delivered", (r"\bsuccessfully delivered\b", r"\bdelivery (?:was )?successful")),
    (
        "mailboxfull",
        (
            rf"{_BOX}.{{0,40}}?(?:\bis |\bare |\bwas |-)?(?:too |almost )?\bfull\b",
            r"\b(?:over|out of|beyond|above|exceed\w*|exceeds the|surpass\w*)[ -](?:the |its |their |his |allowed |mailbox |disk |mail |storage |user )*(?:quota|storage (?:limit|space|quota|allocation))",
            r"\bquota\b.{0,40}?(?:exceed|violat|limit reached|\bover\b|reached|is full)",
            r"\b(?:exceed\w*|reached|over)\b.{0,40}?\b(?:quota|mailbox (?:size|limit|storage)|mailbox.s? (?:maximum|size)|disk space|storage)",
            rf"{_BOX}.{{0,30}}?\b(?:exceed\w*|over)\b.{{0,30}}?(?:size|limit|quota|space|storage)",
            r"\b(?:not enough|insufficient|no|out of|lack of|no more) (?:\w+ )?(?:mailbox |disk |mail |storage )(?:space|storage)",
            r"\bmailbox size limit|\btoo much mail\b|\btoo many messages (?:in|on) |messages in .{0,30}mailbox exceed|no space left|not enough (?:disk|storage|space)|out of (?:disk|mailbox)|quotaexceeded|overquota",
            r"account is temporarily (?:unavailable|disabled).{0,20}quota|bo[iî]te.{0,40}pleine|quota d[eé]pass[eé]|buz[oó]n.{0,20}llen[oa]|postfach.{0,30}voll|caixa.{0,30}(?:cheia|lotada)|casella.{0,30}piena|переполнен|容量.{0,20}(?:超|オーバ)|(?:メールボックス|受信箱).{0,30}(?:一杯|いっぱい|満杯)|邮箱.{0,10}满|收件人邮箱已满",
        ),
    ),
    (
        "mesgtoobig",
        (
            r"\b(?:message|mail|e-?mail|size|file|body|content|data)\b.{0,30}?\b(?:is |was )?too (?:big|large)\b",
            r"\b(?:message|mail|e-?mail|body)(?:'s)? (?:file )?(?:size|length)\b.{0,60}?\b(?:exceed|limit|too|larger|maximum|max)",
            r"\b(?:exceed\w*|over|larger than|greater than|above)\b.{0,40}?\b(?:(?:max(?:imum)?|fixed|allowed|permitted|limit on)[\w ]{0,30}?(?:message|mail|size)|message (?:file )?(?:size|length))",
            r"\bmax(?:imum)? (?:message|mail) (?:size|length)|recipsizelimit|size limit exceeded|message too (?:big|large|long)|too large for|oversize|line limit exceeded",
        ),
    ),
    (
        "requireptr",
        (
            r"\bptr\b|\breverse[ -]?(?:dns|lookup|mapping|record|address|resolution|name)|\brdns\b|in-addr\.arpa",
            r"\b(?:cannot|can't|can not|could not|unable to|failed to) (?:find|resolve|verify|get) (?:your|the|a|client)? ?(?:reverse |ip |host ?)?(?:hostname|name|address|reverse|domain name)\b(?! for sender)",
            r"\bip (?:name|address) (?:lookup|resolution) fail|hostname.{0,30}?(?:not resolv|unverif|does not resolve)|unverif[iy]able sending ip|dns.{0,20}(?:of|for) your (?:ip|server|host)|no (?:host|domain) name (?:is )?(?:found|associated)|missing.{0,20}reverse|fcrdns|forward[ -]confirmed",
        ),
    ),
    (
        "authfailure",
        (
            r"\bdmarc\b|\bdkim\b(?!-signature)|\bspf\b|sender policy framework|\barc\b.{0,20}fail|sender ?id (?:check|fail)",
            r"\bunauthenticated (?:e-?mail|mail|message|sender)|sender is unauthenticated|require[sd]? all senders to authenticate|authentication checks?|(?:message|sender|mail|domain) (?:failed|fails|did not pass) authentication|not authenticated",
        ),
    ),
    ("badreputation", (r"\b(?:low|poor|bad|negative|ip|domain|sender|senders?'s?)\b.{0,30}?\breputation",)),
    (
        "virusdetected",
        (r"\bvirus|\bmalware|\btrojan\b|\binfected\b|\bworm\b|\bphish|\beicar\b|\bransomware|\bmalicious",),
    ),
    (
        "spamdetected",
        (
            r"\b(?:detected|identified|classified|flagged|tagged|recogni[sz]ed|considered|marked|looks like|seems to be|determined to be|suspected|appears to be|scored|rejected|treated)\b[^.]{0,40}?\b(?:spam|junk|ube|uce|unsolicited|bulk)",
            r"\b(?:spam|junk|ube|uce)(?: mail| message| content| e-?mail)?\b.{0,20}?\b(?:detected|found|rejected|identified|not (?:wanted|accepted|allowed)|refused|suspected|score|filter|probability|message)",
            r"\b(?:spam|junk) (?:mail|e-?mail|message|content|score|detected|filter)|\bubl?e\b|blacklisted ur[il]|ur[il](?:bl| black)|surbl|spamassassin|spam.?signature|looks? like spam|contains? spam|spammy|anti-?spam|high(?:ly)? probability of spam|bulk e?-?mail filter|unsolicited (?:bulk |commercial )?(?:e-?)?mail|your (?:message|mail|e-?mail) (?:has been |was )?(?:blocked|rejected).{0,40}(?:content|spam)",
        ),
    ),
    (
        "norelaying",
        (
            r"\brelay(?:ing)?\b.{0,40}?(?:denied|not (?:permitted|allowed|authori[sz]ed|available|supported)|prohibited|refused|disabled|restricted|rejected|forbidden|attempt)",
            r"\b(?:not|n't|no|cannot|unable to|denied|refus\w*|insecure|unauthori[sz]ed|prohibited)\b.{0,40}?\brelay|rcpthosts|not (?:an? )?(?:gateway|local domain)|is not hosted here|domain (?:is )?not (?:hosted|handled|served|local|in my list)|we do not (?:handle|accept) mail for|open relay|relay access",
        ),
    ),
    (
        "toomanyconn",
        (
            r"\btoo many (?:\w+ ){0,3}(?:connection|session|recipients? (?:in|per)|concurrent)|\b(?:connection|session|concurrency|message|sending|delivery|mail)s? (?:rate|frequency|limit|count)\b.{0,30}?(?:limit|exceed|reached|high|too)|\bmax(?:imum)?\b.{0,30}?\bconnections?|(?:relay|sending|daily|hourly) (?:relay )?(?:quota|limit)|rate[ -]?limit|\bthrottl|too (?:fast|frequent)|frequency limit|too many (?:messages|mails|emails|requests)|sending .{0,30}too (?:fast|quickly|many)|unusual rate|exceeded (?:the )?(?:rate|hourly|daily|maximum number)",
        ),
    ),
    (
        "notaccept",
        (
            r"\bnull ?mx\b|does(?: not|n't) accept (?:any )?(?:e-?)?mail|not accept(?:ing)? (?:any )?mail\b(?! from)|\bno mx\b|couldn't find (?:a|any) mail exchanger|no (?:valid )?mail ?(?:exchanger|server|host)|not a mail (?:server|host)|smtp protocol (?:is )?not (?:supported|available)|no mail exchanger|never accepts? mail|mail is not accepted",
        ),
    ),
    (
        "hasmoved",
        (
            r"\b(?:has|have|was|is) (?:been )?(?:moved|changed|migrated|relocated)\b(?! to (?:spam|junk))|\bmailbox has moved|no longer (?:on (?:this )?server|at (?:this|that)|works|with (?:us|the)|in use|used|valid|available|exists|an? employee|monitored|here)|not (?:here )?any ?more|new (?:e-?mail )?address (?:is|of)|forwarding address|has left the company|replaced by",
        ),
    ),
    (
        "suspend",
        (
            rf"{_WHO}(?:\(s\))?.{{0,40}}?\b(?:is |are |was |has been |have been |temporarily |currently |been )*{_GONE}\b",
            rf"\b(?:disabled|suspended|deactivated|inactive|locked|closed|terminated|expired|frozen) (?!e-?mail address){_WHO}|mailbox (?:disabled|frozen|is disabled|currently suspended)|not accepting messages|temporarily (?:disabled|suspended|deactivated)|is a deactivated|recipient suspended|domain (?:is )?(?:suspended|parked)",
        ),
    ),
    (
        "notcompliantrfc",
        (
            r"\bnot\b.{0,12}?\brfc\b.{0,20}?complian|rfc ?\d* ?(?:non-?complian|compliance|violation)|\b(?:multiple|duplicate|missing|several|more than one)\b.{0,20}?\b(?:from|subject|date|to|cc|sender|message-id|reply-to)\b:? ?header|multiple (?:\w+ )?addresses in from|missing (?:a )?(?:valid )?(?:from|date|message-id|to)\b|rfc ?(?:2|5|8)\d{2,3}|bare (?:lf|cr|newline|linefeed)",
        ),
    ),
    (
        "contenterror",
        (
            r"headers? (?:are |is )?too (?:large|long|big|many)|(?:duplicate|malformed|invalid|improper|bad|illegal) (?:\S+ )?header|header.{0,30}(?:size|malformed|invalid|error)|8-?bit (?:data|characters?|mime)|improper use of|\bmime\b.{0,30}?(?:error|invalid|malformed|nest)|malformed (?:message|mime|mail)|lines? (?:is )?too long|line length|null (?:byte|character)|non-?ascii|charset|character set|content(?:-type)? (?:is )?(?:not (?:allowed|supported)|error|conversion)|message (?:is )?(?:empty|corrupt)|content (?:was |is )?rejected|unsupported (?:content|media)",
        ),
    ),
    (
        "rejected",
        (
            r"\bsender(?:'s)?\b.{0,60}?\b(?:reject|denied|den(?:y|ies)|not (?:allowed|permitted|accepted|exist|found|valid|authori[sz]ed|verified|known)|unknown|invalid|does(?:n't| not)|refused|could not be verified|blocked|unverified|syntax|must|blacklist)",
            r"\b(?:invalid|unroutable|unrouteable|unknown|bad|rejected|unverified|unresolvable|fake|forged|blocked|blacklisted|denied) (?:envelope )?(?:sender|from|return[- ]path|originator|mail from|user from)|domain of sender|sender verif|verify sender|(?:envelope|mail|header)?-? ?from(?:\:| address| domain|-address)? .{0,40}?(?:not (?:allowed|permitted|accepted|exist|valid|authori[sz]ed)|rejected|denied|is invalid|does(?:n't| not) exist)|(?:unresolvable|nonexistent|non-existent) (?:from|sender|domain in)|not (?:a |yet )?(?:subscribed |allowed )?(?:list )?member|(?:not (?:allowed|permitted|authori[sz]ed)|no permission|permission|right|unauthori[sz]ed|restricted) (?:sender |to )(?:post|send|submit|mail)|notauthori[sz]ed|rst\.auth|is restricted|only accepts? (?:messages|mail)|does not accept messages from|don't (?:want|accept) mail from|no such sender|backscatter|mail from .{0,40}(?:rejected|denied|refused)|bounces? (?:are )?not accepted|closed (?:mailing )?list|\bmoderator|groups\.google\.com|posting.{0,30}not allowed|null sender|empty envelope",
        ),
    ),
    (
        "blocked",
        (
            rf"{_HOST}.{{0,60}}?\b{_LISTED}",
            rf"\b{_LISTED}\b.{{0,50}}?{_HOST}",
            r"\binvalid ip\b|\bip\b.{0,40}?(?:not (?:allowed|authori[sz]ed|permitted)|rejected|denied)|\bdnsbl|\brbl\b|\bbl\)|block ?lists?\b|black ?lists?\b|blacklisted|spamhaus|spamcop|sorbs|barracuda(?:central)?\b.{0,30}|cloudmark|senderbase|njabl|mail-abuse|uceprotect|invaluement|hostkarma|proofpoint.{0,30}|too many unwanted|not accepting connections|use (?:the |your )?(?:\w+ ){0,3}(?:smtp |mail )?(?:server|relay) of your isp|your isp|dial-?up|dynamic (?:ip|address|host)|residential|generic (?:rdns|host)|access from .{0,40}denied|(?:helo|ehlo)\b.{0,60}?(?:reject|invalid|denied|not|bad|must|require)|my name was rejected|invalid domain name|bad helo|no access from|not allowed to connect|access denied\.? ?\(|banned sending|denied ip|client host|messages from .{0,30}weren't sent|refused to talk to me: 5",
        ),
    ),
    (
        "policyviolation",
        (
            r"\bpolic(?:y|ies)\b|violat\w*|prohibited (?:content|attachment|file)|(?:attachment|file|extension)s?\b.{0,40}?(?:not (?:allowed|permitted|accepted)|blocked|banned|forbidden|prohibited|rejected|denied)|administrative prohibition|administratively|content (?:not allowed|denied)|transport rule|rejected by rule|by the recipient.s (?:domain )?rule|not accepted for",
        ),
    ),
    (
        "mailererror",
        (
            r"\bpipe (?:to|failed)|child process|command (?:died|failed|output|time limit|terminated)|exit(?:ed)? (?:status|code|value|with)|unknown mailer error|mailer error|local delivery (?:agent|failed)|procmail|maildrop|x-unix|can't (?:open|create|exec)|cannot (?:create|execute|append)|lmtp.{0,20}error|delivery agent|vdelivermail|dovecot|signal \d+",
        ),
    ),
    (
        "securityerror",
        (
            r"\bstarttls\b|\btls\b|\bssl\b|certificate|encryption (?:required|needed)|authentication (?:is )?(?:required|turned on|failure|needed|credentials)|must (?:authenticate|be authenticated)|smtp auth|\bauth(?:entication)? fail|password|insecure|security (?:error|problem|reason)|executable|cryptographic",
        ),
    ),
    (
        "networkerror",
        (
            r"(?:mail|routing|delivery|message) (?:\w+ )?loop|\bloops? back|\btoo many hops|hop ?count|maximum (?:allowed )?(?:hops|times)|more than the maximum|try again.{0,10}$|name (?:service|server) (?:error|fail|timeout)|network (?:error|is unreachable|unreachable|problem|failure)|no route to|dns (?:error|failure|server|lookup|query)|temporary (?:dns|lookup|resolution)|(?:lost|dropped|broken|reset)\b.{0,20}?connection|connection (?:was )?(?:lost|dropped|reset|closed|broken|died)|transport error|unable to route|host not found, try again|malformed name server|nameserver|protocol error|bad connection",
        ),
    ),
    (
        "hostunknown",
        (
            r"\b(?:unknown|no such|invalid|nonexistent|non-existent|bad destination|unresolvable|unrouteable|unroutable) (?:mail )?(?:host|domain|destination domain|system|server|internet)|\b(?:host|domain)s?(?: name| or domain name)?(?: part)?[ :]*(?:\S+ )?(?:was |is |are |could |cannot |can't )*(?:unknown|not (?:be )?(?:found|exist|valid|resolved|known)|doesn't exist|does not exist|no longer exists|could not be found|can't be found|cannot be found|lookup fail\w*|has no|isn't in)|name or service not known|nxdomain|unrout(?:e)?able address|couldn't find any host|illegal host|host/domain|address lookup (?:failed|did not)|hostname.{0,20}not|dns domain .{0,40}not exist|domain does|invalid destination",
        ),
    ),
    (
        "expired",
        (
            r"time(?:d)?[ -]?out|\bexpired?\b|retry time|could not be delivered (?:for|within|in|after)|too long|delivery (?:time|failed \d+)|did not accept our requests|not (?:responding|reachable|available)|(?:un|not )reachable|un(?:able|successful) (?:to )?connect|(?:could|can|did) ?(?:not|n't|n.t) (?:be )?(?:connect|contact|establish|reach)|connection (?:refused|attempt)|connect(?:ion)? (?:to|with) .{0,60}(?:failed|refused)|failed to connect|no (?:answer|response)|gave up|giving up after|been in the queue|(?:after|for|within|over) \d+ (?:day|hour|minute)|undelivered after|max(?:imum)? retr|host (?:is )?down|socket error|greylist|tried to deliver",
        ),
    ),
    (
        "systemerror",
        (
            r"system (?:error|problem|failure|storage|resources|is (?:full|busy))|internal (?:\w+ )?error|local (?:\w+ )?(?:error|problem|configuration)|(?:server|software|database|configuration|lookup|processing|i/o|input/output|filter|alias|file) (?:\w+ )?(?:error|failure|problem|unavailable)|service (?:is )?(?:currently |temporarily )?(?:unavailable|not available|refused?|down|denied)|temporar\w+ (?:\w+ )?(?:failure|error|problem|unavailable|deferred|rejected|system|local)|could not load|try (?:again )?later|resources|out of memory|overload|too busy|unexpected|can't (?:write|read|get|find)|unable to (?:process|create|open)|misconfigur|aliases?:? |transaction failed|read-only|circular|processing error|mapiexception|service refus",
        ),
    ),
)

USER_UNKNOWN = re.compile(
    rf"\b(?:unknown|no such|invalid|illegal|nonexistent|non-existent|bad|unrecogni[sz]ed|undeliverable|wrong|incorrect|not a valid|no valid|not a known|not known|non-local)[ -](?:(?:virtual|local|destination|target|final|rcpt|e-?mail|internet|smtp|or inactive|of|the|this) )*(?:{_WHO}|recipients?|users?|mailboxes|local[- ]?part|forward-?path|name|to address|rcpt|destination|list|id)\b"
    rf"|\b{_WHO}s?(?:\(s\))?\b.{{0,50}}?(?:\b(?:unknown|not (?:be )?(?:found|exist|known|valid|recogni[sz]ed|listed|here|local|registered|in|our|on)|does(?:n't| not)(?: exist)?|doesn.t exist|isn't|is invalid|not exist|unavailable|not available|rejected|invalid|is not|no longer|could not be found|wasn't found|can't be found|name not allowed|undeliverable|not accepted|can't receive)\b|!)"
    rf"|\b(?:there is|we have|have|has|find|found|is) no(?:t a|t)? (?:\w+ )?(?:{_WHO}|mailbox|one)\b|user doesn't|doesn't have an?.{{1,40}}account|does not have an?.{{1,40}}account|no (?:mailbox|user|account|recipient|person|customer|address) (?:here|by|with|named|of|found|matching)"
    r"|not (?:listed|found) in .{0,40}(?:directory|address book|table|database)|not our customer|unknown (?:in|to|local)|inactive e-?mail address|recip(?:ient)?notfound|address not found|not a valid|mailbox (?:unavailable|not found|name)|unable to find|could ?(?:n't|not) be found|couldn't be found|wasn't found|unknown address|bad-mailbox|unknown recipient"
    r"|\bsoftbounce-unknown|destinataire (?:inconnu|invalide|inexistant)|utilisateur inconnu|adresse.{0,30}invalide|usuario (?:desconocido|no existe)|no existe|usu[aá]rio (?:desconhecido|inexistente)|utente sconosciuto|empf[aä]nger.{0,30}(?:unbekannt|nicht)|benutzer unbekannt|пользовател\w* не|не существует|(?:宛先|ユーザ|アドレス|受信者|ディレクトリ|メールアドレス).{0,40}?(?:ありません|見つかりません|存在し)|用户不存在|不存在|收件人.{0,10}(?:无效|错误)",
    re.DOTALL,
)

WORDINGS = tuple(
    (reason, re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.DOTALL))
    for reason, patterns in _TABLE
)
