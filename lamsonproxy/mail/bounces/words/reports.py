"""What reports say of themselves: in their subject, and in the sentence that tells that a mail did not arrive.

Law: tables for `signs`, which says what else must be there before such a word counts. A word that shops, parcel
services and people use of their own things ("returned", "failed") stands here with its object.

Beside English: the subjects and first sentences of Exchange's and Postfix's translated reports (bounce(5) lets
a site write its own).
"""

SUBJECTS = (
    r"undeliver|non[- ]?deliver|not (?:be )?delivered|unable to deliver|returned (?:e-?)?mail|returning message",
    r"(?:failure|failed|error)\b.{0,30}\b(?:notice|delivery|mail)",
    r"(?:e?mail|message|delivery)\b.{0,30}(?:fail|error|problem)|delivery (?:status|notification|report|has)",
    r"could not be (?:delivered|sent)|message you sent|delayed\b|bounced?\b|error sending",
    r"you .{0,200}\b(?:are )?not (?:a )?member|mail delivery|delivery warning|\b(?:user|recipient) unknown\b",
    # German, Dutch, the Nordic languages
    r"unzustellbar|nicht zu(?:gestellt|stellbar)|zustell\w{0,20} fehlgeschlagen|zustellungsfehler|onbestelbaar",
    r"niet (?:worden )?(?:af)?bezorgd|kan ikke leveres|ikke leveret|kunde inte levereras|olevererbar",
    r"går inte att leverera|(?:toimitus|lähetys|lähettäminen) epäonnistui|toimittamatta",
    # French, Spanish, Portuguese, Italian
    r"non (?:remis|distribu|délivr)|échec de (?:la )?(?:remise|distribution|livraison)|impossible de remettre",
    r"no (?:se (?:puede|pudo|ha podido) )?entrega|error de entrega|não .{0,20}entreg|falha na entrega",
    r"non recapit|mancat[oa] (?:recapito|consegna)|impossibile recapitare",
    # Polish, Czech, Hungarian, Turkish, Russian
    r"niedostarcz|nie (?:można|udało się) dostarczyć|nedoruč|kézbesíthetetlen|nem kézbesíthető|teslim edilem",
    r"не ?доставлен|не (?:удалось|удается|может быть) доставл?и?т?ь?|невозможно доставить",
    # Japanese, Chinese, Korean
    r"未配信|未送信|(?:配信|配送|送信|送達)(?:不能|エラー|できません|に失敗|失敗)|届けられません|メール不達",
    r"退信|未送达|未傳遞|无法(?:投递|送达|传递)|無法(?:傳遞|投遞|送達)|(?:投递|传递|傳送|傳遞)失[败敗]",
    r"배달(?:되지|할 수 없|하지 못| 실패)|전송 실패",
)

FAILURES = (
    r"(?:could|can|was|has|have|were|is|am|are)(?:n't| ?not|n.t)(?: able to)?(?: yet)?(?: been| be)?"
    r" ?(?:successfully )?(?:deliver|sent|reach|forward|process|accept)",
    r"(?:un|not |wasn't )able to (?:be )?(?:deliver|send)|undeliver|non-?deliver|did(?:n't| not) reach",
    r"(?:deliver|recipient|message|mail|address|attempt)\w{0,20}[^.\n]{0,60}\bfail(?:ed|ure)|failed to deliver",
    r"delivery (?:problem|error|status|delayed)|delivery to the following|(?:has been|is) delayed",
    r"permanent (?:fatal )?error|fatal error|had .{0,30}errors|transcript of session|^error: |error message below",
    r"problem with the e-?mail address|does not exist",
    r"(?:was|automatically) rejected|rejected (?:by|your|recipient)|user unknown|unknown user",
    r"failed (?:recipient|address)|\b[45]\d\d[ -][45]\.\d\.\d|mailbox exceeds",
    r"failure reasons|delivering your (?:mail|message)|incorrectly constructed|not (?:a )?member of",
    r"(?:mail|message) (?:has been|was|is being) returned|error (?:was )?(?:detected|encountered) while",
    r"encountered an? error|^error-(?:for|text):|deliver\w{0,20}[^.]{0,60}\bpostponed",
    r"no such (?:user|mailbox|recipient)",
    # German, Dutch, the Nordic languages
    r"konnten? .{0,80}nicht .{0,20}(?:zugestellt|übermittelt|gesendet|erreicht)|konnte nicht|nicht zustellbar",
    r"kon(?:den)? niet .{0,30}(?:bezorgd|afgeleverd)|kunde inte levereras|kunne ikke leveres|ei voitu toimittaa",
    # French, Spanish, Portuguese, Italian
    r"n'a (?:pas )?pu|n'ont pas pu|n'a pas été (?:remis|distribu|délivr)|impossible de remettre",
    r"no (?:se )?(?:pudo|ha podido)|não (?:pôde|pode|foi possível|foi) .{0,20}entreg|falha ao entregar",
    r"non (?:è stato possibile|può essere) .{0,30}(?:recapita|consegna)|impossibile recapitare",
    # Polish, Czech, Hungarian, Turkish, Russian
    r"nie (?:można|mogła|udało się|została) .{0,30}dostarcz|nelze doručit|nem kézbesíthető|teslim edilem",
    r"не (?:было )?доставлен|не может быть доставлен|не удалось доставить|невозможно доставить",
    # Japanese, Chinese, Korean
    r"(?:送信|配信|配送|送達|お届け)(?:することが)?でき(?:ません|ない|なかった)|(?:送信|配信|配送)に失敗|届けられません",
    r"(?:无法|未能|不能)(?:被)?(?:投递|送达|传递|发送)|(?:無法|未能)(?:傳遞|投遞|送達)|(?:投递|发送|傳送)失[败敗]|退回",
    r"배달(?:되지|할 수 없|하지 못)|전송(?:되지|할 수 없|하지 못)",
)

ANNOUNCEMENTS = (
    r"(?:deliver\w{0,20}|sent|reach(?:ed)?|fail(?:ed|ure)?)\b[^.:\n]{0,40}(?:following|these|this)"
    r" (?:e-?mail )?(?:recipient|address|user)",
    r"(?:recipient|address|user)(?:s|es|\(e?s\))?\b[^.:\n]{0,20} (?:failed|could not be reached|had errors)",
)
"""The sentence before the list of those whom a mail did not reach."""

DELAYS = (
    r"\b(?:delayed|postponed|still being retried|warning: (?:message|could not send)|delivery (?:delay|warning)"
    r"|temporar(?:y|ily) (?:failure|undeliverable))|\(delay\)|verzögert|noch nicht zugestellt|遅延|延迟",
)

STILL_TRYING = (
    r"warning message only|has not yet been delivered|(?:has been|is) (?:delayed|postponed)",
    r"only a temporary failure report|delivery attempts will continue|will be retried (?:for|until)",
    r"not required to resend|do not need to re-?send|(?:still|continue) (?:try|trying|to try|to attempt) to deliver",
)
