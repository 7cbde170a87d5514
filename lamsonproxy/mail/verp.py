"""Variable envelope return paths: the recipient written into the sender, so that any bounce says whose it is.

    bounces@lists.example.org to alice@example.com   ->   bounces+alice=example.com@lists.example.org

Law: pure. What `encode` gives, `decode` takes apart into the same two addresses; what no VERP is, is None.

Postfix VERP_README (the form and its two delimiters), RFC 5321 §4.1.2 (quoted local parts) and §4.5.3.1.1: a
local part may have 64 octets, and hosts may refuse longer ones, though few do.
"""

import re
from dataclasses import dataclass

from lamsonproxy.mail.address import Address

DELIMITERS = "+="
"""Postfix's default_verp_delimiters: before the recipient, and in place of its @."""

_NEEDS_NO_QUOTES = re.compile(r"[^\s\x00-\x1f\x7f\"(),:;<>@\[\]\\]+")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verp:
    """The two addresses in one."""

    sender: str
    recipient: str


def encode(sender: str, recipient: str, delimiters: str = DELIMITERS) -> str:
    """The sender for a mail to this recipient.

    Raises ValueError where no `decode` could take it apart again: a part is missing, the sender's local part
    holds the first delimiter, or the recipient's domain the second.
    """
    first, second = _checked(delimiters)
    of_sender, of_recipient = Address(sender), Address(recipient)
    local, recipient_local = _unquoted(of_sender.local), _unquoted(of_recipient.local)
    if not all((local, of_sender.domain, recipient_local, of_recipient.domain)):
        raise ValueError("VERP needs a local part and a domain in both addresses")
    if first in local:
        raise ValueError(f"the sender's local part holds {first!r}, which begins the recipient in VERP")
    if second in of_recipient.domain:
        raise ValueError(f"the recipient's domain holds {second!r}, which stands for the @ in VERP")
    whole = f"{local}{first}{recipient_local}{second}{of_recipient.domain}"
    return f"{_quoted(whole)}@{of_sender.domain}"


def decode(address: str, delimiters: str = DELIMITERS) -> Verp | None:
    """The sender and the recipient that an address was made of; None when it was not made so."""
    first, second = _checked(delimiters)
    path = Address(address)
    local, has_first, rest = _unquoted(path.local).partition(first)
    recipient, has_second, domain = rest.rpartition(second)
    if not (has_first and has_second and local and recipient and domain and path.domain):
        return None
    return Verp(f"{_quoted(local)}@{path.domain}", f"{_quoted(recipient)}@{domain}")


def _checked(delimiters: str) -> tuple[str, str]:
    if len(delimiters) != 2 or delimiters[0] == delimiters[1]:
        raise ValueError("VERP has two different delimiters of one character")
    return delimiters[0], delimiters[1]


def _unquoted(local: str) -> str:
    if len(local) < 2 or not (local.startswith('"') and local.endswith('"')):
        return local
    return _QUOTED_PAIR.sub(r"\1", local[1:-1])


def _quoted(local: str) -> str:
    if _NEEDS_NO_QUOTES.fullmatch(local):
        return local
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
