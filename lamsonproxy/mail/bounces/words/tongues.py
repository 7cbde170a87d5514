"""What hosts say in other languages than English, where they translate more than the subject.

Law: tables for `wordings`, one for each of the commonest reasons: German, Dutch, the Nordic languages; French,
Spanish, Portuguese, Italian; Polish, Czech, Hungarian, Turkish, Russian; Japanese, Chinese, Korean, in this order.
Stems rather than words, for endings change; what belongs to a thing stands with the thing.
"""

FULL = (
    r"(?:postfach|posteingang).{0,40}(?:voll\b|überfüllt)|(?:ü|ue)berf(?:ü|ue)lltes postfach|zu ?viele mails",
    r"(?:quota|speicher\w{0,10}).{0,30}(?:(?:ü|ue)berschritten|ersch(?:ö|oe)pft)",
    r"(?:mailbox|postvak|brievenbus).{0,40}\bvol\b|(?:postlåda|brevlåda|inkorg|postkasse\w{0,5}).{0,30}\bfu?ll?d?\b",
    r"bo[iî]te.{0,60}(?:pleine|saturée)|quota (?:d[eé]pass|atteint)|espace (?:disque )?insuffisant"
    r"|manque d(?:e |\W)(?:ressources de )?(?:espace|stockage|place)",
    r"(?:buz[oó]n|casilla|correo).{0,40}llen[oa]|cuota.{0,20}(?:excedid|superad)|espacio insuficiente",
    r"caixa.{0,40}(?:chei[ao]|lotada)|[cq]u?ota.{0,20}exced|sem espaço",
    r"cas(?:ell|sett)a.{0,60}\bpien[ao]|spazio.{0,20}esaurit|quota.{0,20}superat",
    r"skrzynk.{0,30}(?:pełn|przepełnion)|schránk.{0,30}(?:pln[áa]|zaplněn)|postafiók.{0,30}(?:megtelt|tele\b)",
    r"posta kutusu.{0,30}dolu|переполнен|квот.{0,25}(?:превыш|исчерп)|ящик.{0,30}(?:заполнен|полон)",
    r"容量.{0,20}(?:超|オーバ)|(?:メールボックス|受信箱).{0,30}(?:一杯|いっぱい|満杯)",
    r"(?:邮箱|郵箱|信箱|收件箱).{0,10}[满滿]|空间不足|配额.{0,10}[超满]|(?:용량|사서함).{0,10}(?:초과|가득)",
)
TOO_BIG = (
    r"(?:nachricht|e-?mail|anhang|anlage).{0,40}zu gro(?:ß|ss)",
    r"gr(?:ö|oe)(?:ß|ss)e.{0,40}(?:ü|ue)berschr|(?:ü|ue)berschr.{0,40}gr(?:ö|oe)(?:ß|ss)e",
    r"(?:bericht|bijlage).{0,30}te groot|(?:meddeland|meld|besked|vedhæft|bilag).{0,40}(?:för|for) stor",
    r"trop (?:gros|grand|lourd|volumineu)|taille.{0,60}(?:dépass|maximal)",
    r"demasiado grande|tamaño.{0,40}(?:excede|supera)",
    r"muito grande|tamanho.{0,40}(?:excede|ultrapassa)|troppo grande|dimension.{0,40}(?:superi|supera|eccede)",
    r"(?:wiadomość|załącznik).{0,30}(?:zbyt|za) duż|příliš velk|túl nagy|çok büyük",
    r"(?:письм|сообщени|вложени).{0,30}слишком (?:велик|больш)|размер.{0,30}превыша",
    r"サイズ.{0,20}(?:超|大き)|大きすぎ|(?:邮件|郵件|附件).{0,6}(?:太大|过大|過大)|超[过過].{0,10}大小|크기.{0,10}초과",
)
SPAM = (
    r"\bals (?:spam|unerw)|unerwünschte (?:werbung|mail|e-mail)",
    r"ongewenste|\b(?:comme|como|come|jako|som) (?:du )?spam\b",
    r"indésirable|no deseado|como lixo|indesiderat|niechcian|nevyžádan|levélszemét",
    r"спам|迷惑メール|垃圾邮件|垃圾郵件|스팸",
)
BLOCKED = (
    r"(?:sperr|block)liste|liste noire|lista n(?:egra|era)|czarn\w{1,3} li[sś]|ч[её]рн\w{1,3} спис",
    r"ブラックリスト|黑名[单單]",
    r"\bip\b.{0,30}(?:gesperrt|geblokkeerd|bloqu[eé]|bloccat|zablokowan|заблокирован)",
)
NOT_ALLOWED = (
    r"nicht (?:berechtigt|befugt)|keine berechtigung|niet gemachtigd",
    r"geen toestemming|inte behörighet|ikke tilladelse",
    r"pas autorisé|no (?:está autorizad|tiene permiso)",
    r"não (?:está autorizad|tem permissão)|non (?:è|sei|si è) autorizzat",
    r"(?:brak|nie (?:masz|ma)) uprawnień|nemáte oprávnění",
    r"nincs (?:joga|jogosults)|(?:нет|недостаточно) прав|не разрешен",
    r"権限があり|没有权限|沒有權限|권한이 없",
)
ASLEEP = (
    r"(?:konto|postfach).{0,30}(?:deaktiviert|gesperrt|zablokowan|nieaktywn|zawieszon)|account.{0,30}geblokkeerd",
    r"(?:compte|bo[iî]te).{0,40}(?:désactiv|suspend|fermé)",
    r"(?:cuenta|buz[oó]n|casilla).{0,40}(?:desactiv|suspendid|inactiv|expirad)",
    r"conta.{0,40}(?:desativad|suspens|inativ)|(?:casella|account|utente).{0,40}(?:disattivat|sospes|disabilitat)",
    r"(?:estado|stato|état)\W{1,3}ina(?:tt|ct)i[vf]|\binactiv[oa]\b|inutilizz",
    r"(?:ящик|аккаунт|уч[её]тн).{0,30}(?:заблокирован|отключ|неактив)|アカウント.{0,20}(?:停止|無効)",
    r"(?:帐号|账号|用户|邮箱).{0,8}(?:冻结|停用|禁用|锁定|休眠)|계정.{0,10}(?:정지|비활성)",
)
NO_HOST = (
    r"(?:dom[äa]ne?|domain|domein).{0,45}(?:nicht gefunden|unbekannt|existiert nicht|niet gevonden|inte hitta)",
    r"(?:domaine|hôte|serveur).{0,40}(?:introuvable|inexist|inconnu|n'existe)",
    r"(?:dominio|domínio|servidor).{0,40}(?:inexist|no existe|não existe|non esiste)",
    r"(?:domen|домен|сервер).{0,45}(?:nie istnieje|не найден|не существует)",
    r"ドメイン.{0,20}(?:見つかりません|存在しません)|域名.{0,10}(?:不存在|错误)",
    r"无法解析.{0,10}域名|도메인.{0,20}(?:없|찾을 수)",
)
TOO_LATE = (
    r"zeitüberschreitung|délai.{0,30}(?:expiré|dépassé)",
    r"tiempo (?:de espera|de entrega)|tempo (?:limite|esgotado|scaduto)",
    r"przekroczon\w{1,3} (?:limit )?czas|vypršel|lejárt|zaman aş.m|время ожидания",
    r"タイムアウト|超时|逾時|시간.{0,5}초과",
)
LATER = (
    r"später (?:noch ?ein)?mal|vorübergehend|tijdelijk|tillfälligt|midlertidig|réessay|temporairement|temporalmente",
    r"intente(?:lo)? (?:de nuevo|más tarde)|tente novamente|temporariamente|riprova|temporaneamente|tymczasow",
    r"\binterner fehler|\berreur (?:interne|de traitement|locale)"
    r"|\berrore? intern[oa]|\berro interno|ошибка сервера",
    r"dočasn|átmenetileg|geçici olarak|временно|позже|一時的|しばらく|稍后|稍後|暂时|暫時|일시적",
)
UNKNOWN_USER = (
    # RFC 5321's own sentence for 550, translated.
    r"(?:postfach|mailbox|bo[iî]te|buz[oó]n|caixa|casella|skrzynk\w|ящик).{0,30}\b(?:nicht verfügbar|niet beschikbaar"
    r"|(?:in|non |no |não )dispon|niedostępn|недоступ)",
    r"destinataire (?:inconnu|invalide|inexistant)|utilisateur inconnu",
    r"adresse.{0,60}(?:invalide|introuvable)|n'existe pas",
    r"(?:adresse|destinataire) .{0,20}inconnu",
    r"usu[aá]rio (?:desco[nñ]hecido|inexistente)|usuario (?:desconocid|inexistent|no)",
    r"no existe|no se (?:encontr|encuentra|ha encontrado)|direcci[oó]n.{0,40}(?:no v[aá]lid|incorrect|err[oó]ne)",
    r"destinat[aá]ri[oa].{0,20}(?:desconocid|desconhecid|sconosciut|inesistent|inexistent|inv[aá]lid)",
    r"\b(?:sconosciut|inesistent|inexistent)|destinat[aá]rio err",
    r"não (?:existe|(?:foi )?encontrad)|endereço.{0,20}inválid|inexistente|non esiste|non (?:è stat[ao] )?trovat",
    r"bestaat niet|niet gevonden|onbekende? (?:gebruiker|ontvanger|adres)",
    r"finns inte|hittades inte|okänd|ukendt|ukjent",
    r"ikke (?:blevet )?fun(?:det|net)|ei löydy|tuntematon|existiert nicht",
    r"nicht (?:gefunden|vorhanden)|adresse.{0,20}unbekannt",
    r"empf(?:ä|ae|a)nger.{0,30}(?:unbekannt|ungültig|nicht)",
    r"(?:adresse|benutzer).{0,30}(?:ungültig|unbekannt|nicht bekannt)",
    r"nie (?:istnieje|znaleziono|ma takiego)",
    r"nieznany (?:użytkownik|adresat|odbiorca)|neexistuje|nebyl\w? nalezen|neznám",
    r"nem (?:található|létezik)|ismeretlen|bulunamad|bilinmeyen",
    r"пользовател\w{0,3} не|не (?:существует|найден)|нет такого",
    r"неизвестн\w{1,3} (?:получател|пользовател|адрес)|存在しないメール|存在しません|見つかりません",
    r"(?:宛先|ユーザ|アドレス|受信者|ディレクトリ|メールアドレス).{0,40}?(?:ありません|存在し)|不存在|找不到|[查无無]此",
    r"收件人.{0,10}(?:无效|错误)|존재하지 않|찾을 수 없|없는 (?:사용자|주소)",
)
