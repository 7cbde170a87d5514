"""Whether connecting to one place reaches what listens at another.

Law: names are looked up only where the ports are equal, for a look-up may wait for a name server. Who cannot be found
now is nobody: the relay looks again each time it connects, and knows our own greeting.
"""

import ipaddress
import socket
from contextlib import suppress

from lamsonproxy.config.places import HostPort, Place, UnixSocket

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_reached(listening: Place, other: Place) -> bool:
    """Whether who connects to the other place meets who listens at this one."""
    if isinstance(listening, UnixSocket) or isinstance(other, UnixSocket):
        return str(listening) == str(other)
    if listening.port != other.port or listening.port == 0:
        return False  # Of 0 the system makes another port each time.
    here = _addresses(listening)
    return any(there in here or _is_covered(there, here) for there in _addresses(other))


def _addresses(place: HostPort) -> frozenset[IpAddress]:
    with suppress(ValueError):
        return frozenset((ipaddress.ip_address(place.host),))
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        return frozenset(ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)
    return frozenset()


def _is_covered(there: IpAddress, here: frozenset[IpAddress]) -> bool:
    """Whether a wildcard takes what comes to this address; `::` takes IPv4 too (ipv6(7), IPV6_V6ONLY)."""
    wildcards = [address for address in here if address.is_unspecified]
    return any(w.version in (6, there.version) for w in wildcards) and _is_of_this_machine(there)


def _is_of_this_machine(address: IpAddress) -> bool:
    # Only an own address can be bound; the port is the system's choice, so nothing can be in its way.
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
