"""A new header field, made from a name and a text.

Law: what leaves here is exactly one field, whatever came in: ASCII, CRLF at its end, every further line a
continuation with a word in it, no line longer than `LINE_LIMIT`. `Field.value` reads the same text back, but
for blanks around it, and with blanks for control characters. What cannot be that is refused in a sentence.

RFC 5322 §2.1.1 (line lengths), §2.2.3 (folding), §3.6.8 (names), RFC 2047 (text that is not ASCII).
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.words import encode

LINE_LENGTH = 78
LINE_LIMIT = 998
"""Octets of a line without CRLF: what it should keep to, and what it must (RFC 5322 §2.1.1)."""

NAME_LIMIT = LINE_LENGTH - len(": ")
"""So that the name fits in a line. The longest registered one has some 40 characters."""

_FTEXT = re.compile(r"[!-9;-~]+")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# What would make a line too long, with the longest name before it.
_UNBREAKABLE = re.compile(r"[^ \t]{800}|[ \t]{100}")
_PLAIN_WORD = re.compile(r"[!-~]+")
_BLANKS_AND_WORD = re.compile(r"([ \t]*)([^ \t]+)")


def write_field(name: str, value: str) -> Field:
    """Make a field. Words that are not ASCII become encoded words and the others stay as they are, so that
    addresses beside a name in any script still are addresses.

    Raises ValueError when the name is no field name, or the value holds CR, LF, NUL or half a character.
    """
    if not isinstance(name, str) or not isinstance(value, str):
        raise TypeError("a header's name and value are str")
    _check_name(name)
    _check_value(value)
    return Field((_fold(f"{name}:", _words(value.strip(" \t"))) + "\r\n").encode("ascii"))


def write_words(name: str, words: Iterable[str]) -> Field:
    """Make a field of words that its author has encoded already, a blank before each; UTF-8 where they are beyond
    ASCII (RFC 6532 §3.2). Raises ValueError as `write_field` does; no word may be longer than a line."""
    _check_name(name)
    written = list(words)
    for word in written:
        _check_value(word)
    return Field((_fold(f"{name}:", ((" ", word) for word in written)) + "\r\n").encode("utf-8"))


def _check_name(name: str) -> None:
    if not _FTEXT.fullmatch(name):
        raise ValueError("a header's name is printable ASCII without blanks and colons (RFC 5322 §3.6.8)")
    if len(name) > NAME_LIMIT:
        raise ValueError(f"a header's name has at most {NAME_LIMIT} characters")


def _check_value(value: str) -> None:
    if _FORBIDDEN.search(value):
        raise ValueError("a header's value is one line, without CR, LF and NUL")
    if _SURROGATE.search(value):
        raise ValueError("a header's value holds a lone surrogate, which is no character")


def _words(value: str) -> Iterator[tuple[str, str]]:
    """The words of the value, each with the blanks before it; all ASCII, none too long for a line."""
    if _UNBREAKABLE.search(value):
        yield from ((" ", word) for word in encode(value))
        return
    pairs = _BLANKS_AND_WORD.findall(value)
    for must_be_encoded, run in groupby(pairs, key=lambda pair: _must_be_encoded(pair[1])):
        of_one_kind = list(run)
        yield from _encoded(of_one_kind) if must_be_encoded else of_one_kind


def _must_be_encoded(word: str) -> bool:
    # ASCII that looks like an encoded word would be read as one.
    return "=?" in word or not _PLAIN_WORD.fullmatch(word)


def _encoded(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    # The reader takes away blanks between encoded words (RFC 2047 §6.2), so those of the text go into them.
    before = pairs[0][0]
    text = "".join(blanks + word for blanks, word in pairs)[len(before) :]
    for word in encode(text):
        yield before, word
        before = " "


def _fold(line: str, words: Iterator[tuple[str, str]]) -> str:
    """Put the words behind the name, with a line break before blanks where the line would become too long."""
    lines: list[str] = []
    for n, (blanks, word) in enumerate(words):
        # Never right behind the colon: some readers take that for an empty value.
        blanks = blanks if n else " "
        if n and len(line) + len(blanks) + len(word) > LINE_LENGTH:
            lines.append(line)
            line = ""
        line += blanks + word
    return "\r\n".join([*lines, line])
