"""Octets to text, whatever they claim to be.

Law: never raises, never gives lone surrogates, takes time linear in the octets. The charset's name comes from
strangers, so it is looked up in a closed list and never handed to `codecs.lookup`: that would find zlib, idna
(which is quadratic) and unicode_escape there, and keeps every unknown name in memory for ever.

RFC 2978 (names), RFC 2045 §5.2 (what text is without a name).
"""

import re
from collections.abc import Callable
from encodings.aliases import aliases

from lamsonproxy.mail.defects import Defects

_CODECS = frozenset(
    """
    ascii utf_8 utf_8_sig utf_7 utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le latin_1
    iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11
    iso8859_13 iso8859_14 iso8859_15 iso8859_16 koi8_r koi8_t koi8_u kz1048 ptcp154 hp_roman8 tis_620
    cp437 cp720 cp737 cp775 cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866 cp869
    cp874 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp932 cp949 cp950
    mac_roman mac_latin2 mac_cyrillic mac_greek mac_iceland mac_turkish
    big5 big5hkscs gb2312 gbk gb18030 hz euc_kr johab euc_jp euc_jis_2004 euc_jisx0213
    shift_jis shift_jis_2004 shift_jisx0213
    iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr
    """.split()
)

# Names that mail uses and Python's table of aliases does not have.
_MORE_ALIASES = {
    "ansi_x3_110_1983": "latin_1",
    "iso_8859_8_e": "iso8859_8",
    "iso_8859_8_i": "iso8859_8",
    "unicode_1_1_utf_7": "utf_7",
    "windows_874": "cp874",
    "windows_949": "cp949",
    "x_gbk": "gbk",
    "x_sjis": "cp932",
}

_NAME_LIMIT = 64
_PUNCTUATION = re.compile(r"[^a-z0-9]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


def _no_guess(octets: bytes) -> str:
    return ""


def to_text(octets: bytes, charset: str, defects: Defects, guess: Callable[[bytes], str] = _no_guess) -> str:
    """Read octets in the charset that was declared; "" when none was.

    Unknown charset, or octets that it does not have: UTF-8 if they are that, else the codec that `guess` names, else
    with replacement characters. Undeclared: the same, with Latin-1 at the end, which cannot fail.
    """
    codec = codec_of(charset)
    if codec:
        try:
            return _without_surrogates(octets.decode(codec), codec)
        except UnicodeError:
            defects.note("text holds octets that its charset does not have")
    elif charset:
        defects.note("text is in an unknown charset")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        guessed = guess(octets)
    if guessed:
        defects.note("text is in a charset that had to be guessed")
    fallback = guessed or codec or ("ascii" if charset else "latin-1")
    return _without_surrogates(octets.decode(fallback, "replace"), fallback)


def codec_of(charset: str) -> str:
    """The name of Python's codec for a charset; "" for one that is not known."""
    name = _PUNCTUATION.sub("_", charset[:_NAME_LIMIT].lower()).strip("_")
    codec = _MORE_ALIASES.get(name) or aliases.get(name, name)
    return codec if codec in _CODECS else ""


def _without_surrogates(text: str, codec: str) -> str:
    # Only UTF-7 lets them through, as of Python 3.13.
    return _SURROGATE.sub("\ufffd", text) if codec == "utf_7" else text
