"""What hosts say of the recipient's address: that it is full, gone, moved, asleep, or never was.

Law: tables for `wordings`, which says what they mean, in which order they are asked, and how a text looks that
they are asked about.
"""

_BOX = (
    r"(?:mail ?box|mail ?folder|in-?box|account|user|recipient|mail ?drop|maildir|mail ?file|message store"
    r"|quota|storage|disk)"
)
_WHO = (
    r"(?:user|recipient|mail ?box|account|address|e-?mail(?: address)?|addressee|customer|member|login|person"
    r"|mail drop|alias(?! database))"
)
_GONE = (
    r"(?:disabled|suspended|deactivated|de-activated|discontinued|inactive|not active|locked|closed"
    r"|terminated|cancell?ed|blocked for delivery|frozen|dormant|expired|unpaid|over-?limit)"
)

MAILBOX_FULL = (
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
    r"messages in .{0,30}mailbox exceed|no space left|not enough (?:disk|storage|space)|space not enough",
    r"mailbox (?:size|limit) exceeded|\bfull (?:mail ?box|in-?box|quota|mail ?folder)\b",
    r"out of (?:disk|mailbox|space)|quotaexceeded|overquota|(?:box|account|storage|store) .{0,30}\bcapacity",
    # local(8): what stands at mailbox_size_limit.
    r"error writing message: file too large",
    r"(?:used|exhausted) (?:up )?(?:all |the |its |their )?(?:allowed |available )?(?:storage|quota|space)",
    r"account is temporarily (?:unavailable|disabled).{0,20}quota",
)
# Who or what has gone. Where it is the address itself, nothing is left of it before the verb.
_GOER = rf"(?:\A|[.:;] ?|\b(?<!your )(?<!ip ){_WHO}(?: \w+){{0,2}} )"
MOVED = (
    (
        rf"{_GOER}(?:has|have|was) (?:been )?(?:moved|migrated|relocated)\b"
        r"(?! (?:in)?to (?:\w+ )?(?:spam|junk|quarantine|trash|bulk))"
    ),
    rf"\b(?<!your )(?<!ip ){_WHO} (?:has|was) (?:been )?changed\b|\bnew (?:e-?mail )?address:",
    rf"{_GOER}(?:is )?no longer (?:in use|used|valid|available|exists|monitored)(?! (?:to|from|for|with)\b)",
    r"no longer (?:works|on (?:this )?server|at (?:this|that)|with (?:us|the)|an? employee|here)",
    r"not here any ?more|\bnew (?:e-?mail )?address (?:is (?=\W|$)|of (?:this|the|that) )",
    r"has left the (?:company|organi[sz]ation)|(?:address|mailbox|account) (?:was|has been|is) replaced by",
    r"not local; (?:please )?try",
)
SUSPENDED = (
    (
        rf"{_WHO}(?:\(s\))?.{{0,40}}?\b(?:is |are |was |has been |have been |temporarily "
        rf"|currently |been )*{_GONE}\b"
    ),
    (
        rf"\b(?:disabled|suspended|deactivated|inactive|locked|closed|terminated|expired"
        rf"|frozen) (?!e-?mail address){_WHO}"
    ),
    r"mailbox (?:disabled|frozen|is disabled|currently suspended)|(?<!system )not accepting messages",
    # "Delivery temporarily suspended" is what Postfix says of a host that did not answer (qmgr(8)).
    r"(?<!delivery )temporarily (?:disabled|suspended|deactivated)|is a deactivated|recipient suspended",
    r"not (?:currently |presently )(?:being )?accept",
    r"accountdisabled|mailboxdisabled|(?:due to|for|because of) inactivity|no longer active|archived recipient",
    r"(?:blocked|locked|closed) due to|\bde-?activated\b|\bnot (?:yet )?activated\b|receiving disabled",
    r"\b(?:mail ?box|account) (?:\S{1,80} )?is restricted",
    r"domain (?:\S{1,80} )?(?:is |has been )?(?:suspended|parked)|(?:\A|[.:] ?)inactive(?! e-?mail)\b",
)
# Not from these, not so, and not now.
_AT_ALL = (
    r"(?! (?:from|with|without|by|via|over|through|sent|to|in|on|if|unless|until|that|of|right|now|today"
    r"|currently|temporarily|at (?:this|the) (?:time|moment))\b|,? (?:system )?shutting|,? try)"
)
NOT_ACCEPTING = (
    rf"\bnull ?mx\b|(?:does(?: not|n't)|not|never) accepts? (?:any )?(?:e-?)?mail\b{_AT_ALL}",
    r"\bno (?:valid |usable |reachable )?mx\b(?! (?:records? )?(?:for|of) (?:your|(?:the )?(?:\w+ )?sender))"
    r"|\bno mail ?exchanger\b(?! (?:\w+ )?for your)|couldn't find (?:a|any) mail exchanger",
    r"no valid mail ?(?:exchanger|server|host)|(?<!your host is )not a mail (?:server|host)\b(?!: your)",
    r"not accepting network messages|smtp protocol (?:is )?not (?:supported|available)",
    rf"\bmail is not accepted\b{_AT_ALL}|indicated no smtp service",
)
UNKNOWN_HOST = (
    (
        r"(?<!link to )\b(?:unknown|no such|invalid|nonexistent|non-existent|bad destination|unresolvable"
        r"|unrouteable|unroutable) (?:mail )?(?:host|domain|destination domain|system|server"
        r"|internet)\w?\b(?!,? (?:error|failure|response|reply|problem|certificate))"
    ),
    (
        r"\b(?<!url )(?:host|domain)s?(?: name| or domain name)?(?: part)?[ :]*(?:\S+ )?(?:was |is |are "
        r"|could |cannot |can't )*(?:unknown|not (?:be )?(?:found|exist|valid|resolved|known)"
        r"|doesn't exist|does not exist|no longer exists|could not be found|can't be found"
        r"|cannot be found|lookup fail\w*|has no|isn't in)"
        r"(?! in (?:\w+ )?(?:allow|white|permit|accept))"
    ),
    r"domain .{0,40}(?:could not|cannot|can't) be resolved",
    r"cannot find (?:the )?host\b|name or service not known|nxdomain|unrout(?:e)?able address|couldn't find any host",
    r"illegal host|host/domain|address lookup (?:failed|did not)|hostname.{0,20}not",
    r"dns domain .{0,40}not exist|invalid destination\b(?! port)|unable to route|no route found to",
    r"(?:server|host|domain)\b.{0,40}(?:not (?:be )?found|unknown) in (?:the )?(?:dns|domain name)",
    r"dns (?:did not|could not) (?:find|resolve|know|return)|perm_failure: dns",
)
UNKNOWN_USER = (
    (
        rf"\b(?:unknown|no such|invalid|illegal|nonexistent|non-existent|bad|unrecogni[sz]ed|undeliverable"
        rf"|wrong|incorrect|not a valid|no valid|not a known|not known|non-local)[ -](?:(?:virtual|local"
        rf"|destination|target|final|rcpt|e-?mail|internet|smtp|or inactive|of|the|this) )*(?:{_WHO}"
        rf"|recipients?|users?|mailboxes|rcpt ?to|mail user|local[- ]?part|forward-?path"
        rf"|name|to address|rcpt|destination|list"
        rf"|id)\b"
    ),
    (
        rf"\b{_WHO}s?(?:\(s\))?\b.{{0,50}}?(?:\b(?:unknown|not (?:be )?(?:found|exist|known|valid"
        rf"|recogni[sz]ed|listed|here|local|registered|in|our|on)|does(?:n't| not)(?: exist)?|doesn.t exist"
        rf"|isn't|is invalid|not exist|unavailable|not available|invalid|is not|no longer"
        rf"|could not be found|wasn't found|can't be found|name not allowed|undeliverable|can't receive)\b)"
    ),
    rf"\b(?:there is|we have|have|has|find|found|is) no(?:t a|t)? (?:\w+ )?(?:{_WHO}|mailbox|one)\b",
    r"user doesn't|doesn't have an?.{1,40}account|does not have an?.{1,40}account",
    (
        r"no (?:mail ?box|user|account|recipient|person|customer|address) (?:here|by|with|named|of|found"
        r"|matching|available|for)"
    ),
    rf"\bnot (?:listed |found )?(?:in|on) (?:the |our |my )?(?:valid |known )?{_WHO}s? (?:list|table|map|database)",
    r"not (?:listed|found) in .{0,40}(?:directory|address book|table|database|ldap)|\bnot exists\b|not our customer",
    r"unknown (?:in|to|local)|inactive e-?mail address|recip(?:ient)?notfound|address not found",
    r"\b(?:nobody|no one) (?:by|with|of|here)\b|\bunavailable (?:mail )?(?:user|recipient)",
    r"\bnot (?:an? )?(?:user|customer|member) of this (?:server|system|host)",
    rf"(?:don't|does not|doesn't|do not) (?:exists?|have) (?:that|this|such|the) {_WHO}",
    rf"can(?:'t|not| not) accept {_WHO}",
    rf"(?:can't|can ?not|could not|couldn't|unable to) (?:find|locate|verify) (?:the |that |this |any )?{_WHO}",
    rf"\b{_WHO}s? (?:can ?not|can't|could not) be verified|\b(?:user|path|account|mailbox) no exists?\b",
    r"not a valid|mailbox (?:unavailable|not found|name)|unable to find|could ?(?:n't|not) be found",
    r"couldn't be found|wasn't found|unknown address|unknown recipient",
    r"recipient address rejected\W*$|softbounce-unknown",
)
