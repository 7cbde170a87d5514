"""Captures: Lamson's `(name)` in an address format becomes `(?P<name>regex)`.

Law: the format is a regular expression and nothing in it is escaped for the author: `.` is any character,
hosts are written `lists\\.example\\.org`. Only the literal text `(name)` is replaced, where it is neither
escaped nor inside a `[set]`, and what was put in is not looked at again. A bare `(name)` that nobody defined
is a mistake, not a group that captures nothing.
"""

import re
from collections.abc import Iterator, Mapping

from lamsonproxy.errors import AppError

# Escapes and sets come first in the alternation, so that a bracket inside them is passed over with them.
_PIECE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?P<name>[^\W\d]\w*)\)", re.DOTALL)


def expand(format: str, captures: Mapping[str, str]) -> str:
    """The regular expression that a format means. Raises AppError when a capture is undefined."""
    undefined = [name for name in names_in(format) if name not in captures]
    if undefined:
        raise AppError(*map(_undefined, dict.fromkeys(undefined)))
    return _PIECE.sub(lambda piece: _group(piece, captures), format)


def names_in(format: str) -> Iterator[str]:
    """The names that stand as `(name)` in a format, from left to right."""
    return (piece["name"] for piece in _PIECE.finditer(format) if piece["name"])


def mistakes_in(captures: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with captures by themselves, one sentence each."""
    for name, regex in captures.items():
        mistake = _mistake(name, regex)
        if mistake:
            yield f"capture {name!r}: {mistake}"


def _mistake(name: object, regex: object) -> str:
    if not isinstance(name, str) or not name.isidentifier():
        return "its name is no Python identifier, so no handler could take it"
    if name == "mail":
        return "the name is taken by the mail itself"
    if not isinstance(regex, str):
        return f"a regular expression is a str, not a value of type {type(regex).__name__}"
    try:
        re.compile(regex)  # by itself: `a)(b` would be balanced by the brackets put around it
    except re.error as error:
        return f"{regex!r} is no regular expression: {error}"
    return ""


def _undefined(name: str) -> str:
    return f"undefined capture ({name}): define it, or write (?:{name}) if only those letters are meant"


def _group(piece: re.Match[str], captures: Mapping[str, str]) -> str:
    name = piece["name"]
    return f"(?P<{name}>{captures[name]})" if name else piece[0]
