"""Header fields made from values that have a structure: mailboxes, message ids, parameters.

Law: each value comes out as itself or not at all. A name cannot add an address, an address cannot add a name, a
parameter cannot add a parameter, and nothing can add a line. What cannot be written is refused in a sentence.

RFC 5322 §3.4 (mailboxes), §3.6.4 (message ids), §3.2.4 (quoted strings), RFC 2047 §5 (encoded words in names),
RFC 2231 (parameters), RFC 6532 §3.2 (addresses beyond ASCII).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.folding import write_words
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.words import NO_LINE, encode

ADDRESS_LIMIT = 400
"""Octets of an address, so that it fits in a line even where each is escaped; RFC 5321 §4.5.3.1 allows 254."""

MESSAGE_ID_LIMIT = 250
"""Characters of a message id: RFC 5536 §3.1.3 has this limit for news, and mail's readers keep to it."""

_MAILBOX_LIMIT = 2000
"""Characters of an address with its name, so that reading one takes no time."""

_SHORT = 60
"""Characters of what is not cut: with a name before it, it fits in a line of 78."""

_NO_LINE = re.compile(f"[{NO_LINE}\ud800-\udfff]")
# Stricter than the wire is: an author's comma is the beginning of a second address, and a mistake.
_SPEC = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,;:()<>@"\\]+)@(?:\[[^\s\[\]\\]+\]|[^\s,;:()<>@"\\]+)')
_NAME_ADDR = re.compile(r'(.*)<((?:"(?:[^"\\]|\\.)*"|[^<>"])*)>', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_ATEXT = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_PHRASE = re.compile(rf"[{_ATEXT}]+(?: [{_ATEXT}]+)*")
# Blanks beyond ASCII are none to RFC 6532, but to many readers.
_DOT_ATOM = re.compile(rf"(?!.*\s)[{_ATEXT}\x80-\U0010ffff]+(?:\.[{_ATEXT}\x80-\U0010ffff]+)*")
_LABEL = r"[\w-]+"
# Of a literal what real ones have (RFC 5321 §4.1.3): many readers see the end of an address in its comma or semicolon.
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Za-z.:%_-]+\]")
# What IDNA takes for a full stop (RFC 3490 §3.1).
_DOTS = re.compile("[\u3002\uff0e\uff61]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_PRINTABLE = re.compile(r"[ -~]*")
_SPECIAL = re.compile(r'(["\\])')
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_ATTRIBUTE_CHARACTER = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as people see it, with a name before it; "" is no name."""

    address: Address
    name: str = ""


def check_line(what: str, text: str) -> str:
    """The text, if it is one line without control characters. Raises ValueError with a sentence about `what`."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is str")
    if _NO_LINE.search(text):
        raise ValueError(f"{what} is one line, without control characters and lone surrogates")
    return text


def as_line(text: str) -> str:
    """The text with a blank for whatever `check_line` would refuse."""
    return _NO_LINE.sub(" ", text)


def mailbox(given: str | Address | Mailbox) -> Mailbox:
    """Read `local@domain` or `Name <local@domain>`, always as one mailbox: commas belong to the name.

    Raises ValueError when it is none.
    """
    if isinstance(given, Mailbox):
        return given
    if isinstance(given, Address):
        return Mailbox(given)
    if len(given) > _MAILBOX_LIMIT:
        raise ValueError(f"an address and its name have at most {_MAILBOX_LIMIT} characters")
    text = check_line("an address", given).strip()
    named = _NAME_ADDR.fullmatch(text)
    name, spec = (named[1], named[2]) if named else ("", text)
    if not _SPEC.fullmatch(spec.strip()):
        raise ValueError("an address is `local@domain` or `Name <local@domain>`, and one at a time")
    return Mailbox(Address(spec.strip()), _unquoted(name.strip()))


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text


def write_mailboxes(name: str, mailboxes: Iterable[Mailbox]) -> Field:
    """A field such as To. Raises ValueError for an address that no header can hold."""
    written = [_mailbox_words(each) for each in mailboxes]
    for words in written[:-1]:
        words[-1] += ","
    return write_words(name, [word for words in written for word in words])


def _mailbox_words(given: Mailbox) -> list[str]:
    name = check_line("a name", given.name).strip()
    spec = _addr_spec(given.address)
    return [*_phrase(name), f"<{spec}>"] if name else [spec]


def _phrase(name: str) -> list[str]:
    # ASCII that looks like an encoded word would be read as one.
    looks_encoded = "=?" in name or len(name) > _SHORT
    if _PHRASE.fullmatch(name) and not looks_encoded:
        return name.split(" ")
    return [_quoted(name)] if _PRINTABLE.fullmatch(name) and not looks_encoded else encode(name)


def _quoted(text: str) -> str:
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'


def _addr_spec(address: Address) -> str:
    local = check_line("an address", _unquoted(address.local))
    if len(address.wire) > ADDRESS_LIMIT:
        raise ValueError(f"an address has at most {ADDRESS_LIMIT} octets")
    domain = _domain(address)
    if "=?" in local:
        # Many readers decode it even here, and some then find a line end in it (CVE-2024-6923).
        raise ValueError("an address holds no encoded word (RFC 2047 §5)")
    if not local or not _DOMAIN.fullmatch(domain):
        raise ValueError("an address in a header has a local part and the name of a domain (RFC 5322 §3.4.1)")
    return f"{local if _DOT_ATOM.fullmatch(local) else _quoted(local)}@{domain}"


def _domain(address: Address) -> str:
    """In A-labels where they mean the same: as IDNA2003 has it, `straße` would be another domain, so it stays."""
    domain, ascii_form = address.domain, address.ascii_domain
    if domain.isascii() or not ascii_form.isascii():
        return domain
    return ascii_form if _unicode_form(ascii_form) == _DOTS.sub(".", domain.lower()) else domain


def _unicode_form(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return ""


def write_message_ids(name: str, text: str) -> Field:
    """A field of message ids, each in its angle brackets. Raises ValueError for anything else."""
    ids = text.split()
    if not ids or not all(map(is_message_id, ids)):
        raise ValueError(
            f"{name} holds message ids in angle brackets, with blanks between them (RFC 5322 §3.6.4)"
        )
    return write_words(name, ids)


def is_message_id(word: str) -> bool:
    """Whether it can be written as one. Without an at sign too: many a sender makes such."""
    return len(word) <= MESSAGE_ID_LIMIT and "=?" not in word and _MESSAGE_ID.fullmatch(word) is not None


def write_parameterized(name: str, value: str, params: Mapping[str, str]) -> Field:
    """A field such as `Content-Type: text/plain; charset=utf-8`. Raises ValueError for what cannot stand there."""
    words = [value]
    for key, text in params.items():
        if not _TOKEN.fullmatch(key) or len(key) > _SHORT // 2:
            raise ValueError("the name of a parameter is a word (RFC 2045 §5.1)")
        for word in _parameter(key, check_line("a parameter", text)):
            words[-1] += ";"
            words.append(word)
    return write_words(name, words)


def _parameter(key: str, text: str) -> Iterator[str]:
    if len(text) <= _SHORT and _TOKEN.fullmatch(text):
        yield f"{key}={text}"
    elif len(text) <= _SHORT and _PRINTABLE.fullmatch(text) and "=?" not in text:
        yield f"{key}={_quoted(text)}"
    else:
        yield from _extended(key, text)


def _extended(key: str, text: str) -> Iterator[str]:
    """The forms of RFC 2231: `name*` where one segment is enough, else `name*0*` and so on."""
    segments = [""]
    for character in text:
        written = "".join(map(_percent, character.encode("utf-8")))
        if len(segments[-1]) + len(written) > _SHORT - len(key):
            segments.append("")
        segments[-1] += written
    segments[0] = f"utf-8''{segments[0]}"
    if len(segments) == 1:
        yield f"{key}*={segments[0]}"
        return
    for number, segment in enumerate(segments):
        yield f"{key}*{number}*={segment}"


def _percent(octet: int) -> str:
    return chr(octet) if octet in _ATTRIBUTE_CHARACTER else f"%{octet:02X}"
