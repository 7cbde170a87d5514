"""The names of attachments, made safe to use as names of files.

Law: what is given names a file in the folder where it is put, on any system that people have, and looks like what it
is. It ends in what the sender's name ends in, for that is what a reader's machine goes by.

RFC 2183 §2.3 (a name is not to be trusted); Windows' rules for names are the narrowest.
"""

import re

LENGTH_LIMIT = 255
"""Octets in UTF-8: what Linux's file systems allow."""

_SUFFIX_LIMIT = 20
_LOOKS_RIGHT_TO_LEFT = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
_INVISIBLE = "\xad\u200b\u2028\u2029\u2060\ufeff"
_DROPPED = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_LOOKS_RIGHT_TO_LEFT}{_INVISIBLE}]")
_BLANKS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# Joiners are letters' business in Persian, Hindi and families of emoji, and nobody's beside ASCII or a blank.
_LETTER = r"[^\x00-\x7f\s\u200c\u200d]"
_JOINERS = re.compile(f"(?<={_LETTER})([\u200c\u200d])[\u200c\u200d]*(?={_LETTER})|[\u200c\u200d]+")
# A colon begins a stream of another name (NTFS), and has ended a folder's name (HFS).
_NOT_IN_NAMES = re.compile(r'[<>:"|?*]')
# The devices of DOS, which are there in every folder and with every suffix.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|\Z))", re.IGNORECASE)


def file_name(text: str) -> str:
    """What may be used as a file's name: no directories, no control characters, nothing invisible or that turns the
    writing around; "" when nothing is left."""
    name = _JOINERS.sub(r"\1", _DROPPED.sub("", text.replace("\\", "/"))).rpartition("/")[2]
    # Windows opens "a.exe. " as a.exe, so that is its name. Dots in front would hide it.
    name = _NOT_IN_NAMES.sub("_", name).strip(_BLANKS).rstrip(f".{_BLANKS}")
    return _shortened(f"_{name}" if _DEVICE.match(name) else name)


def _shortened(name: str) -> str:
    """The name with its middle taken out where it is too long."""
    if len(name.encode("utf-8")) <= LENGTH_LIMIT:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode("utf-8")) > _SUFFIX_LIMIT:
        stem, dot, suffix = name, "", ""
    room = LENGTH_LIMIT - len((dot + suffix).encode("utf-8"))
    return (
        stem.encode("utf-8")[:room].decode("utf-8", "ignore").rstrip(f".{_BLANKS}\u200c\u200d") + dot + suffix
    )
