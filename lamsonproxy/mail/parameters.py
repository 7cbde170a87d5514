"""The values of Content-Type and Content-Disposition: a word and its parameters.

Law: never raises, takes linear time, reads no more than the limits below. Lenient where mail is: values may
be unquoted and hold blanks, quotes may stay open, encoded words may stand where only RFC 2231 may.

RFC 2045 §5.1 (syntax), RFC 2231 §3 (continuations), §4 (charset and language), RFC 2183 (file names).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lamsonproxy.mail import words
from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.headers import unfold

OCTETS_LIMIT = 8 * 1024
"""Octets of a value read: a long file name, percent-encoded, with room for everything else."""

PARAMETERS_LIMIT = 100
"""Parameters read, the segments of RFC 2231 counted one by one."""

_WORD = re.compile(r"[ \t]*+([^\s;()]*+)")
_PARAMETER = re.compile(r';\s*+([^\s=;"()]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"?|[^;]*+)', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_SEGMENT = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?", re.DOTALL)
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A value such as `text/plain; charset=utf-8`, in lower case where case has no meaning."""

    value: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    boundary: bytes = b""
    """The boundary's own octets: it is compared, not read."""


NOTHING = Parameterized()


def parse(raw_value: bytes, defects: Defects) -> Parameterized:
    """Read a value and its parameters; of two parameters with one name the first counts."""
    if not raw_value:
        return NOTHING
    if len(raw_value) > OCTETS_LIMIT:
        defects.note("a header with parameters is too long to be read whole")
    # Latin-1 keeps every octet apart until its charset is known.
    text = unfold(raw_value[:OCTETS_LIMIT]).decode("latin-1")
    word = _WORD.match(text)
    given = _split(text, defects)
    plain = {name: _decode(value, defects) for name, value in given.items() if "*" not in name}
    return Parameterized(
        word[1].lower() if word else "",
        plain | _continued(given, defects),
        given.get("boundary", "").encode("latin-1"),
    )


def _split(text: str, defects: Defects) -> dict[str, str]:
    given: dict[str, str] = {}
    for count, match in enumerate(_PARAMETER.finditer(text)):
        if count == PARAMETERS_LIMIT:
            defects.note("a header has too many parameters to be read whole")
            break
        given.setdefault(match[1].lower(), _unquote(match[2]))
    return given


def _unquote(value: str) -> str:
    if not value.startswith('"'):
        return value.rstrip()
    return _QUOTED_PAIR.sub(r"\1", value[1:].removesuffix('"'))


def _decode(value: str, defects: Defects) -> str:
    return words.decode(to_text(value.encode("latin-1"), "", defects), defects)


def _continued(given: Mapping[str, str], defects: Defects) -> dict[str, str]:
    """Parameters in the forms of RFC 2231: `name*`, `name*0`, `name*1*`; they go before the plain form."""
    segments: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in given.items():
        match = _SEGMENT.fullmatch(name)
        if match and "*" in name:
            segments.setdefault(match[1], {}).setdefault(int(match[2] or 0), (value, bool(match[3])))
    return {name: _join(found, defects) for name, found in segments.items()}


def _join(segments: Mapping[int, tuple[str, bool]], defects: Defects) -> str:
    charset = ""
    octets = []
    for place, (number, (value, is_extended)) in enumerate(sorted(segments.items())):
        if number != place:
            defects.note("a parameter lacks a segment")
        if is_extended and place == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        octets.append(_from_percent(value.encode("latin-1")) if is_extended else value.encode("latin-1"))
    return words.one_line(to_text(b"".join(octets), charset, defects), defects)


def _from_percent(octets: bytes) -> bytes:
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), octets)
