"""Where a socket listens, as Postfix writes it.

Law: values only.
"""

import ipaddress
import re
from dataclasses import dataclass

_INET = re.compile(r"(?:inet:)?(?:\[([^\]\s]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})")
_UNIX = re.compile(r"unix:(/\S+)")


@dataclass(frozen=True, slots=True)
class Place:
    """`host:port`, or `unix:/path` when `path` is set."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read `host:port`, `[host]:port`, `inet:host:port` or `unix:/path`.

        Raises ValueError with a sentence's end.
        """
        if match := _UNIX.fullmatch(text):
            return cls(path=match[1])
        match = _INET.fullmatch(text)
        if match is None or int(match[3]) > 65535:
            raise ValueError("must be host:port, such as 127.0.0.1:10025, or unix:/path")
        return cls(match[1] or match[2], int(match[3]))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def smtp_nexthop(self) -> str:
        """For smtp(8): the brackets keep it from asking DNS for an MX."""
        return f"[{self.host}]:{self.port}"

    @property
    def lmtp_nexthop(self) -> str:
        """For lmtp(8)."""
        return f"unix:{self.path}" if self.path else f"inet:{self}"

    @property
    def is_a_name(self) -> bool:
        return not self.path and self._address is None

    @property
    def is_loopback(self) -> bool:
        return (
            bool(self.path)
            or self.host == "localhost"
            or (self._address is not None and self._address.is_loopback)
        )

    @property
    def is_everywhere(self) -> bool:
        return self._address is not None and self._address.is_unspecified

    def same_as(self, other: "Place") -> bool:
        """Whether both are one place, however it is written."""
        return (_plain(self.host), self.port, self.path) == (_plain(other.host), other.port, other.path)

    @property
    def _address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def _plain(host: str) -> str:
    return "127.0.0.1" if host.lower() == "localhost" else host.lower()
