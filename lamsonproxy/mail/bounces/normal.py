"""How a text looks that words are looked for in: without addresses, codes and blanks that would part its sentences.

Law: linear, never raises. What says nothing about the reason goes; of a link the host stays, for it may name a
blocklist.

RFC 5321 §4.2.1 (replies of several lines), smtp(8) and smtpd(8) (what Postfix puts around a host's text).
"""

import re

_ADDRESS = re.compile(r"[^\s<>\"()\[\],;:]{0,120}@[^\s<>\"()\[\],;:]{1,255}")
_URL = re.compile(r"\bhttps?://([^\s/?#<>]{1,255})[^\s<>]{0,1000}", re.IGNORECASE)
# The codes of each line of a long reply stand in the middle of its sentence.
_CODES = re.compile(
    r"(?<![\w.])[245]\d\d[ -](?:#?[245]\.\d{1,3}\.\d{1,3}[ :]?)?|#?\b[245]\.\d{1,3}\.\d{1,3}\b(?!\.\d)"
    # Postfix names the command behind the text: it is no word of the text.
    r"|\(in reply to [^()]{1,60}\)"
)
# Postfix puts it before every text of a restriction: the reason is the text.
_PREFIX = re.compile(r"\brecipient address rejected: (?=[^\s.])", re.IGNORECASE)
_BLANKS = re.compile(r"[\s*_|]+")


def normal(text: str) -> str:
    """A text as `wordings` expects it."""
    text = _URL.sub(r"\1", _CODES.sub(" ", text))
    return _PREFIX.sub("", _BLANKS.sub(" ", _ADDRESS.sub(" ", text))).strip().lower()
