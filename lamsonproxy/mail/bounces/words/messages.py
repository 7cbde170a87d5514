"""What hosts say of the message: its size, its form, and what they think that it is.

Law: tables for `wordings`, which says what they mean, in which order they are asked, and how a text looks that
they are asked about.
"""

TOO_BIG = (
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
    r"(?:message|mail|attachment|body|content|data) (?:is |was )?too (?:big|large|long)",
    r"too large for|oversize|line limit exceeded",
)
VIRUS = (
    r"\bvirus|\bmalware|\btrojan\b|\binfected\b|\bworm\b|\bphish|\beicar\b|\bransomware",
    # Mimecast's, of what its signatures know.
    r"\bmalicious|\bmacros?\b|mail rejected due to security polic",
)
SPAM = (
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
    r"looks? like spam|contains? spam|content (?:was |is )?(?:reject|denied)|unacceptable content|spammy|anti-?spam",
    # NetEase numbers its refusals: help.163.com has the list.
    r"\bdt:sp\w\b|may consider spam|bayesian|\burls? (?:contained|found|in (?:your|the))",
    r"\bsuspect(?:ed)? content|suspicious (?:content|mail|message)",
    r"high(?:ly)? probability of spam|bulk e?-?mail filter",
    r"unsolicited (?:bulk |commercial )?(?:e-?)?mail",
    (
        r"your (?:message|mail|e-?mail) (?:has been |was )?(?:blocked|rejected).{0,40}(?:content"
        r"|spam)"
    ),
)
NOT_COMPLIANT = (
    r"\bnot\b.{0,12}?\brfc\b.{0,20}?complian|rfc ?\d* ?(?:non-?complian|compliance|violation)",
    (
        r"\b(?:multiple|duplicate|missing|several|more than one)\b.{0,20}?\b(?:from|subject|date"
        r"|to|cc|sender|message-id|reply-to)\b:? ?header"
    ),
    r"multiple (?:\w+ )?addresses in from",
    (
        r"\b(?:without|lacks?|lacking) (?:an? |the )?(?:valid )?(?:from|date|message-id|to|subject|sender)\b:? ?"
        r"(?:header|field|address)"
    ),
    r"missing .{0,30}?header|missing (?:a )?(?:valid )?(?:from|date|message-id|to)\b",
    r"not conform(?:ing)? to (?:\w+ ){0,3}(?:standards?|rfc)|violates? (?:the )?rfc",
    r"bare (?:lf|cr|newline|linefeed)|rfc ?\d+ (?:section [\d.]+ )?complian|without a (?:valid )?message-id",
    r"\bno (?:valid )?(?:from|date|to|message-id|subject)\b:? header",
)
PERHAPS_SPAM = (r"\bspam[a-z]*\b(?!\.\w)|\bmass[ -]?mail|\bbulk (?:e-?)?mail",)
BAD_CONTENT = (
    r"headers? (?:are |is )?too (?:large|long|big|many)",
    r"(?:duplicate|malformed|invalid|improper|bad|illegal) (?:\S+ )?header",
    r"header.{0,30}(?:size|malformed|invalid|error)|8-?bit (?:data|characters?|mime)",
    r"improper use of|\bmime\b.{0,30}?(?:error|invalid|malformed|nest)",
    r"(?:bare|lone) (?:lf|cr|newline|linefeed)|malformed (?:message|mime|mail)",
    r"lines? (?:is )?too long|line length",
    r"null (?:byte|character)|non-?ascii|charset|character set",
    r"content(?:-type)? (?:is )?(?:not (?:allowed|supported)|error|conversion)",
    r"\binvalid (?:data|structure|content|format|charset)",
    r"message (?:is )?(?:empty|corrupt)|unsupported (?:content|media)",
)
POLICY = (
    r"\bpolic(?:y|ies)\b|violat\w*|prohibited (?:content|attachment|file)",
    (
        r"(?:attach(?:ment|ed)?|file|extension)s?\b.{0,40}?(?:not (?:allowed|permitted|accepted)|blocked"
        r"|banned|forbidden|prohibited|rejected|denied)"
    ),
    r"\b(?:not (?:allow|accept|permit)|reject|refus|block)\w*\b.{0,40}\battachments?\b",
    r"(?:illegal|dangerous|suspicious|forbidden|blocked|banned|restricted|disallowed) (?:attach|file)",
    r"(?:unacceptable|unwanted|unsupported) (?:attach|file)|\bbann(?:ed|ing) content",
    r"because (?:of )?its (?:content|attachment)|administrative prohibition|administratively",
    r"content (?:not allowed|restriction)|transport rule",
    r"rejected by rule|\bbanned:|executable (?:attachment|content)",
    r"by the recipient.s (?:domain )?rule|not accepted for",
)
