"""Envelope addresses in their own spelling.

Law: the spelling that came is the spelling that goes on, octet for octet: quoted local parts, U-labels, source
routes, capitals. Taking apart is for reading; nothing is put together again from parts.

RFC 5321 §4.1.2 (paths), §4.1.1.3 and appendix C (source routes), RFC 6531 §3.3 (internationalised addresses).
"""

import re
from dataclasses import dataclass
from functools import cached_property

_QUOTED = r'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_PATH = re.compile(rf"<((?:{_QUOTED}|[^<>\"\r\n])*)>")
_BARE = re.compile(rf"(?:{_QUOTED}|[^<>\"\s])+")
# With all that a quotation without an end has: whoever looks for another one within it reads it again for each.
_QUOTATION = re.compile(r'"(?:[^"\\\r\n]|\\[^\r\n])*+("?)')
_SOURCE_ROUTE = re.compile(r"\A@[^:\"<>]*:")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Address:
    """What stood between the angle brackets of a path; "" is the null reverse-path `<>`.

    Octets that are not UTF-8 are kept as lone surrogates, so that `wire` gives them back unchanged.
    """

    raw: str

    def __str__(self) -> str:
        return self.raw

    def __bool__(self) -> bool:
        return bool(self.raw)

    @cached_property
    def spec(self) -> str:
        """`local@domain` without a source route, in the spelling that came; this is what routes match."""
        return _SOURCE_ROUTE.sub("", self.raw, count=1) if self.raw.startswith("@") else self.raw

    @property
    def local(self) -> str:
        """The local part, quotes included. Not lower-cased: it belongs to its host (RFC 5321 §2.4)."""
        return self.spec.rpartition("@")[0] if "@" in self._unquoted else self.spec

    @property
    def domain(self) -> str:
        """The domain; empty when there is none, as in `<postmaster>` or `<user@>`."""
        return self.spec.rpartition("@")[2] if "@" in self._unquoted else ""

    @property
    def ascii_domain(self) -> str:
        """The domain as DNS compares it: A-labels, small letters. As it came where it is no domain name."""
        try:
            return self.domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return self.domain.lower()

    @cached_property
    def _unquoted(self) -> str:
        return _QUOTATION.sub(lambda quotation: '""' if quotation[1] else quotation[0], self.spec)

    @property
    def is_ascii(self) -> bool:
        return self.raw.isascii()

    @property
    def needs_smtputf8(self) -> bool:
        """Whether it is text beyond ASCII (RFC 6531 §3.3); octets that are not UTF-8 are no text."""
        return not self.is_ascii and _SURROGATE.search(self.raw) is None

    @property
    def wire(self) -> bytes:
        """The octets that came, without the angle brackets."""
        return self.raw.encode("utf-8", "surrogateescape")


NULL_SENDER = Address("")
"""The null reverse-path `<>` of bounces and other reports: nothing is ever sent to it (RFC 5321 §4.5.5)."""


def parse_path(text: str) -> tuple[Address, str]:
    """Read a path and give it with what follows it, blanks taken off.

    Brackets may be missing, as Postfix tolerates them missing. Raises ValueError when there is no path here.
    """
    text = text.lstrip(" ")
    match = _PATH.match(text) or (None if text.startswith("<") else _BARE.match(text))
    if match is None or _CONTROL.search(match[0]):
        raise ValueError("no address here")
    rest = text[match.end() :]
    if rest and not rest.startswith(" "):
        raise ValueError("something stands right behind the address")
    return Address(match[1] if match.re is _PATH else match[0]), rest.strip(" ")
