"""DNS, as far as authentication asks it.

Law: an answer is a list, empty where there is none; that nobody could answer is DnsTrouble, which is never the same.
Every question has a time limit. Blocks: ask in a thread.

RFC 1035; RFC 7208 §4.4 and RFC 7489 §6.6.3 (what is temporary).
"""

import time
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import dns.exception
import dns.name
import dns.resolver

from lamsonproxy.errors import RemoteError

Kind = Literal["A", "AAAA", "MX", "PTR", "TXT"]

QUESTION_S = 5.0
"""Seconds for one question at most; dnspython asks each name server of resolv.conf once within that."""


class DnsTrouble(RemoteError):
    """No name server has answered, or none that knows."""

    def __init__(self, detail: str) -> None:
        super().__init__("dns", "away", detail)


class Resolver(Protocol):
    """Who answers."""

    def resolve(self, name: str, kind: Kind, *, timeout_s: float) -> Sequence[Any]:
        """The records: addresses and names as str, MX as (preference, name), TXT as a tuple of its pieces, bytes.
        Raises DnsTrouble."""


class SystemResolver:
    """The name servers of /etc/resolv.conf."""

    def resolve(self, name: str, kind: Kind, *, timeout_s: float) -> Sequence[Any]:
        try:
            # Not the search list: `example` in somebody's mail is not our `example`.
            answer = dns.resolver.resolve(name, kind, lifetime=timeout_s, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.name.NameTooLong, dns.name.LabelTooLong):
            return []
        except (dns.exception.DNSException, UnicodeError, OSError) as error:
            raise DnsTrouble(type(error).__name__) from error
        return [_READ[kind](record) for record in answer]


_READ: dict[Kind, Any] = {
    "A": lambda record: record.address,
    "AAAA": lambda record: record.address,
    "MX": lambda record: (record.preference, record.exchange.to_text(omit_final_dot=True)),
    "PTR": lambda record: record.target.to_text(omit_final_dot=True),
    "TXT": lambda record: record.strings,
}


class Questions:
    """The questions about one mail: all of them within one time, and none of them twice."""

    def __init__(self, resolver: Resolver, until: float) -> None:
        self._resolver, self._until = resolver, until
        self._known: dict[tuple[str, Kind], Sequence[Any]] = {}

    def ask(self, name: str, kind: Kind) -> Sequence[Any]:
        """See `Resolver.resolve`. Raises DnsTrouble when the time is over, too."""
        key = name.rstrip(".").lower(), kind
        if key not in self._known:
            left = self._until - time.monotonic()
            if left <= 0:
                raise DnsTrouble("the time is over")
            self._known[key] = self._resolver.resolve(key[0], kind, timeout_s=min(left, QUESTION_S))
        return self._known[key]

    def texts(self, name: str) -> list[bytes]:
        """The TXT records, each in one piece (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
        return [b"".join(pieces) for pieces in self.ask(name, "TXT")]
