"""ESMTP parameters and XFORWARD attributes: text in, values out, and back.

Law: nothing here reads a socket, a clock or a setting. Unknown parameters are kept, in order and in their own
spelling, because a proxy must forward what it does not understand (SMTPD_PROXY_README).

RFC 5321 §4.1.1.11 (syntax), RFC 3461 §4 (xtext, NOTIFY, ORCPT), Postfix XFORWARD_README.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(?:=[^\x00-\x20=\x7f][^\x00-\x20\x7f]*)?\Z")
_HEX = re.compile(rb"\+([0-9A-Fa-f]{2})")
_QUOTE = re.compile(rb"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")

XFORWARD_NAMES = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE")
"""The attributes that we parse, and therefore offer (XFORWARD_README, "XFORWARD Command syntax")."""

XFORWARD_VALUE_LIMIT = 255
XFORWARD_COMMAND_LIMIT = 512
"""Octets in a value and in a command (XFORWARD_README); longer commands are split into several."""

UNAVAILABLE = "[UNAVAILABLE]"


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one MAIL or RCPT command, as they were written."""

    raw: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __bool__(self) -> bool:
        return bool(self.raw)

    def __str__(self) -> str:
        return " ".join(self.raw)

    def get(self, keyword: str) -> str | None:
        """The value of a parameter, "" when it has none; None when it is not there."""
        for parameter in self.raw:
            name, _, value = parameter.partition("=")
            if name.upper() == keyword:
                return value
        return None

    def without(self, *keywords: str) -> "Params":
        return Params(tuple(p for p in self.raw if p.partition("=")[0].upper() not in keywords))


NO_PARAMS = Params()


def parse_params(text: str) -> Params:
    """Read what follows the path. Raises ValueError at the first word that is no parameter, and at a repeated one."""
    if not text:
        return NO_PARAMS
    words = tuple(text.split(" "))
    words = tuple(filter(None, words))
    for word in words:
        if not _PARAMETER.match(word):
            raise ValueError(f"not a parameter: {word[:40]!r}")
    names = [word.partition("=")[0].upper() for word in words]
    if len(set(names)) < len(names):
        raise ValueError("a parameter is given twice")
    return Params(words)


def decode_xtext(text: str) -> str:
    """Undo xtext (RFC 3461 §4); what is no xtext is kept, because Postfix before 2.3 sent values bare."""
    if "+" not in text:
        return text
    octets = _HEX.sub(lambda m: bytes((int(m[1], 16),)), text.encode("utf-8", "surrogateescape"))
    return octets.decode("utf-8", "replace")


def encode_xtext(text: str) -> str:
    """Encode as xtext: `+`, `=`, blanks, controls and every octet above 126 become `+XX`."""
    octets = text.encode("utf-8", "surrogateescape")
    return _QUOTE.sub(lambda m: b"+%02X" % m[0][0], octets).decode("ascii")


@dataclass(frozen=True, slots=True)
class Xforward:
    """The XFORWARD attributes of one transaction, values still in xtext, in the order they came."""

    raw: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.raw)

    def get(self, name: str) -> str:
        """The decoded value; "" when it was not sent or is `[UNAVAILABLE]`."""
        for key, value in self.raw:
            if key == name:
                return "" if value.upper() == UNAVAILABLE else decode_xtext(value)
        return ""

    @property
    def ident(self) -> str:
        """Postfix's queue id, the key by which its log and ours are matched; "" before the queue."""
        return self.get("IDENT")

    def merged(self, other: "Xforward") -> "Xforward":
        """These attributes with those of a later command in the same transaction put over them."""
        later = dict(other.raw)
        kept = tuple((k, v) for k, v in self.raw if k not in later)
        return Xforward(kept + tuple(later.items()))

    def commands(self, offered: frozenset[str]) -> list[bytes]:
        """The commands that hand on those attributes that downstream offered, values verbatim, without CRLF."""
        commands: list[bytes] = []
        for name, value in self.raw:
            if name not in offered:
                continue
            word = f" {name}={value}".encode("utf-8", "surrogateescape")
            if not commands or len(commands[-1]) + len(word) + 2 > XFORWARD_COMMAND_LIMIT:
                commands.append(b"XFORWARD")
            commands[-1] += word
        return commands


NO_XFORWARD = Xforward()


def parse_xforward(text: str) -> Xforward:
    """Read the attributes of one XFORWARD command. Raises ValueError when one is unknown, empty or too long."""
    attributes = []
    for word in text.split():
        name, equals, value = word.partition("=")
        if name.upper() not in XFORWARD_NAMES or not equals or not value:
            raise ValueError(f"bad attribute {name[:20]!r}")
        if len(value) > XFORWARD_VALUE_LIMIT * 3 or len(decode_xtext(value)) > XFORWARD_VALUE_LIMIT:
            raise ValueError(f"the value of {name} is too long")
        if _has_control(decode_xtext(value)):
            raise ValueError(f"the value of {name} holds control characters")
        attributes.append((name.upper(), value))
    if not attributes:
        raise ValueError("no attribute")
    return NO_XFORWARD.merged(Xforward(tuple(attributes)))


def _has_control(text: str) -> bool:
    return any(ch < " " or ch == "\x7f" for ch in text)
