"""Where something listens: `host:port`, or `unix:/path`.

Law: a place is a value; nothing here looks a name up or touches the disk.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]]+)):([0-9]{1,5})")
_UNIX = re.compile(r"unix:(/[^\x00-\x1f\x7f]+)")
_UNIX_OCTETS = 107
"""Octets of a socket's path that the kernel takes (unix(7): 108 with the NUL)."""


class HostPort(NamedTuple):
    """A TCP port at a name or an address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixSocket:
    """A socket in the file system; its permissions say who may connect."""

    path: str
    mode: int = 0o660
    group: str = ""
    """"" leaves it with the group of the process that binds it."""

    def __str__(self) -> str:
        return f"unix:{self.path}"


Place = HostPort | UnixSocket


def host_port(value: object) -> HostPort:
    """Read `host:port`. Raises ValueError with a sentence's end."""
    if isinstance(value, HostPort):
        return value
    match = _HOST_PORT.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[3]) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:10025 or [::1]:10025")
    return HostPort(match[1] or match[2], int(match[3]))


def place(value: object) -> Place:
    """Read `host:port` or `unix:/path`. Raises ValueError with a sentence's end."""
    if isinstance(value, UnixSocket):
        return value
    if not isinstance(value, str) or not value.startswith("unix:"):
        return host_port(value)
    match = _UNIX.fullmatch(value)
    if match is None or len(match[1].encode()) > _UNIX_OCTETS:
        raise ValueError(f"must be unix: and an absolute path of at most {_UNIX_OCTETS} octets")
    return UnixSocket(match[1])
