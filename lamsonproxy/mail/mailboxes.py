"""The first address in a From header.

Law: linear, never raises; comments and display names are passed over, never mistaken for addresses.

RFC 5322 §3.4 (addresses), §3.2.2 (comments).
"""

import re

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.headers import unfold

OCTETS_LIMIT = 8 * 1024
"""Octets of a header read: the first address is at its beginning."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|\\.|[()]|<([^<>]*+)>|,|[^"\\()<,]++', re.DOTALL)


def first_address(raw_value: bytes) -> str:
    """`local@domain` of the first mailbox, in its own spelling; "" when there is none."""
    text = unfold(raw_value[:OCTETS_LIMIT]).decode("utf-8", "replace")
    comments = 0
    bare = ""
    for token in _TOKEN.finditer(text):
        if token[0] in "()":
            comments = max(comments + (1 if token[0] == "(" else -1), 0)
        elif comments:
            continue
        elif token[1] is not None and token[1].strip():
            return Address(token[1].strip()).spec
        elif token[0] == "," and "@" in bare:
            break
        else:
            bare += token[0]
    return _bare_address(bare)


def _bare_address(text: str) -> str:
    """The address in text without angle brackets, perhaps behind a group's name."""
    local, at, domain = text.partition("@")
    local_words, domain_words = re.split(r"[\s:;]", local), re.split(r"[\s;,]", domain)
    return f"{local_words[-1]}@{domain_words[0]}" if at and local_words[-1] and domain_words[0] else ""
