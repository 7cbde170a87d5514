"""What hosts say of the way: names not found now, connections that break, time that runs out, their own faults.

Law: tables for `wordings`, which says what they mean, in which order they are asked, and how a text looks that
they are asked about.
"""

MAILER = (
    r"\bpipe (?:to|failed)|child process|command (?:died|failed|output|time limit|terminated)",
    r"exit(?:ed)? (?:status|code|value|with)|unknown mailer error|mailer error",
    r"local delivery (?:agent|failed)|procmail|maildrop|x-unix|can't (?:open|create|exec)",
    r"cannot (?:create|execute|append)|lmtp.{0,20}error|vdelivermail|dovecot",
    r"signal \d+",
)
LOOP = (
    r"(?:mail|routing|delivery|message) (?:\w+ )?loop|\bloops? back|\btoo many hops|hop ?count|\bloop detect",
    r"maximum (?:allowed )?(?:hops|times)|more than the maximum|exceeded \d+ hops|configured in a loop|\blooping\b",
    r"\bmx (?:list|record)s? .{0,80}points? back",
    r"\breceived\b.{0,12} headers|no valid route to|address family mismatch",
    # qmail's, of a mail for a host that does not know itself.
    r"best-preference mx",
)
NO_DNS_FOR_NOW = (
    r"\bhost not found, try again|name service error.{0,80}try again",
    r"host ?name lookup failure|temporary (?:dns|name)|(?:failure in|cname) (?:mx )?lookup",
    r"\bdns (?:resol\w+ )(?:error|fail)|lookup did not complete",
    r"lookup failed temporarily|unexpected name server reply",
)
NETWORK = (
    r"name (?:service|server) (?:error|fail|timeout)",
    r"unreachable (?:host|network|destination)",
    r"network (?:error|is unreachable|unreachable|problem|failure)|no route to",
    r"dns (?:error|failure|server|lookup|query)|temporary (?:dns|resolution)|servfail",
    r"connection (?:to|with) .{0,80}\b(?:broken|lost|reset|dropped)\b",
    r"(?:lost|dropped|broken|reset)\b.{0,20}?connection",
    r"connection (?:was )?(?:lost|dropped|reset|closed|broken|died)|transport error",
    r"connection went away|closed (?:the )?connection|disconnected|connection (?:was )?(?:unexpectedly|abruptly)",
    r"host not found, try again|malformed name server|nameserver",
    r"protocol error|bad connection|connection failure",
)
EXPIRED = (
    r"time(?:d)?[ -]?out|\bexpired?\b|retry time",
    r"could not be delivered (?:for|within|in|after)|too long|delivery (?:time|failed \d+)",
    r"did not accept our requests|did not respond|not (?:responding|reachable|available)|(?:un|not )reachable",
    r"un(?:able|successful) (?:to )?connect",
    r"(?:could|can|did) ?(?:not|n't|n.t|'t) (?:be )?(?:connect|contact|establish|reach)",
    r"connection (?:refused|attempt)|connect(?:ion)? (?:to|with) .{0,60}(?:failed|refused)",
    r"failed to connect|no (?:answer|response)|gave up|giving up(?! on)|aborted after [1-9]",
    r"not yet (?:been )?delivered|will be retried|failing for a long|for the last \d|been in the queue",
    r"(?:after|for|within|over) \d+ (?:day|hour|minute)|undelivered after|max(?:imum)? retr",
    r"host (?:is )?down|socket error|greylist|tried to deliver",
)
SURELY_SYSTEM = (
    # Postfix's, of an address that it could not ask for yet (ADDRESS_VERIFICATION_README).
    r"\bunverified address:|\bverification in progress\b",
    r"mail transport (?:unavailable|error)|database (?:is )?unavailable|mail server temporarily rejected",
    r"mx record points to local host|unable to lock|\btrouble in \w"
    r"|service not available(?:,? closing|\W*$| \[)",
)
SYSTEM = (
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
        r"temporar\w{1,4} (?:\w+ )?(?:failure|error|problem|unavailable|deferred|rejected|system"
        r"|local)"
    ),
    r"could not load|(?:queue|database|store|mdb) (?:is )?(?:unavailable|not available|busy)|there is no mdb",
    r"can ?not (?:open|write|read)|\berrno\b|thread limit|try (?:again )?later",
    r"(?:server|host) (?:is )?(?:too )?busy|\bload (?:is )?too high|too much load|\bmaintenance\b",
    r"resources|out of memory|overload|too busy|unexpected",
    r"can't (?:write|read|get|find)|unable to (?:process|create|open)|misconfigur|aliases?:? ",
    r"transaction failed|read-only|circular|processing error|mapiexception|service refus",
)
