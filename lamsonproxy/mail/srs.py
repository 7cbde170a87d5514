"""The Sender Rewriting Scheme: an envelope sender of our own domain from which the one that came can be read again.

Law: pure; the day is given, for nothing here has a clock. What was not signed with one of the secrets, or too long ago,
is refused, so nobody can make this host forward bounces to addresses of his choice. An address that was forwarded
before grows by one layer only, however many hosts it has passed.

"The Sender Rewriting Scheme" (Shevek, 2004) §3. Local parts come back in other capitals from some hosts, so signatures
are compared without them (§3.2).
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from lamsonproxy.mail.address import Address

MAX_AGE_DAYS = 21
"""How long a bounce can take: Postfix tries for five days, others for longer, and each host on the way may."""

_DAYS = 1024
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_HASH_LENGTH = 4
"""Characters, as the paper has it: one guess in two million is right, as capitals do not count. More would cost room:
a local part has 64 octets (RFC 5321 §4.5.3.1.1)."""

_WORD = r"[^=@\s]+"
_SRS0 = re.compile(
    rf"SRS0[=+-](?P<hash>{_WORD})=(?P<day>[A-Z2-7]{{2}})=(?P<host>{_WORD})=(?P<user>.+)", re.IGNORECASE
)
_SRS1 = re.compile(rf"SRS1[=+-](?P<hash>{_WORD})=(?P<host>{_WORD})=(?P<rest>[=+-].+)", re.IGNORECASE)
_FOREIGN_SRS0 = re.compile(r"SRS0(?P<rest>[=+-].+=.+=.+=.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewriting for one domain. The first secret signs, all are believed, so that a secret can be changed."""

    domain: str
    secrets: Sequence[bytes]
    max_age_days: int = MAX_AGE_DAYS

    def __post_init__(self) -> None:
        if not self.domain or not self.secrets or not all(self.secrets):
            raise ValueError("SRS needs a domain and a secret")

    def forward(self, sender: Address, day: int) -> Address:
        """The sender to forward with; `day` counts from any day, always the same one. The null sender, one of our own
        domain, and one without a domain stay as they are."""
        if not sender.domain or sender.ascii_domain == Address(f"x@{self.domain}").ascii_domain:
            return sender
        local, quotes = _unquoted(sender.local)
        if again := _SRS1.fullmatch(local):
            written = self._srs1(again["host"], again["rest"])
        elif once := _FOREIGN_SRS0.fullmatch(local):
            written = self._srs1(sender.domain, once["rest"])
        else:
            written = self._srs0(_stamp(day), sender.domain, local)
        return Address(f"{quotes}{written}{quotes}@{self.domain}")

    def reverse(self, recipient: Address, day: int) -> Address:
        """Where a bounce to such an address goes on. Raises ValueError when we did not write it, or too long ago."""
        local, quotes = _unquoted(recipient.local)
        if again := _SRS1.fullmatch(local):
            self._check(again["hash"], again["host"], again["rest"])
            return Address(f"{quotes}SRS0{again['rest']}{quotes}@{again['host']}")
        once = _SRS0.fullmatch(local)
        if once is None:
            raise ValueError("this is no address that SRS has rewritten")
        self._check(once["hash"], once["day"], once["host"], once["user"])
        if _age(once["day"], day) > self.max_age_days:
            raise ValueError("this address was rewritten too long ago")
        return Address(f"{quotes}{once['user']}{quotes}@{once['host']}")

    def _srs0(self, stamp: str, host: str, user: str) -> str:
        return f"SRS0={_sign(self.secrets[0], stamp, host, user)}={stamp}={host}={user}"

    def _srs1(self, host: str, rest: str) -> str:
        return f"SRS1={_sign(self.secrets[0], host, rest)}={host}={rest}"

    def _check(self, given: str, *signed: str) -> None:
        octets = given.lower().encode("utf-8", "surrogateescape")
        signatures = (_sign(secret, *signed).lower().encode("ascii") for secret in self.secrets)
        if not any(hmac.compare_digest(signature, octets) for signature in signatures):
            raise ValueError("this address was not rewritten here")


def _sign(secret: bytes, *words: str) -> str:
    text = "=".join(words).lower().encode("utf-8", "surrogateescape")
    digest = hmac.digest(secret, text, hashlib.sha256)
    return base64.b64encode(digest)[:_HASH_LENGTH].decode("ascii")


def _stamp(day: int) -> str:
    return _BASE32[day % _DAYS >> 5] + _BASE32[day & 31]


def _age(stamp: str, day: int) -> int:
    high, low = (_BASE32.index(letter) for letter in stamp.upper())
    return (day - (high << 5 | low)) % _DAYS


def _unquoted(local: str) -> tuple[str, str]:
    """The local part without its quotes, and the quotes to put around another one."""
    if len(local) > 2 and local[0] == local[-1] == '"':
        return local[1:-1], '"'
    return local, ""
