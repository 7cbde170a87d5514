"""What doctor looks at: Postfix's configuration and the service's settings side by side, and the way mail takes.

Law: values, and questions about them; nothing is asked here that needs a running process. The way is found in the
configuration, not in our ledger: a set-up made by hand is examined like one that apply made.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lamsonproxy.postfix.changes import command_of
from lamsonproxy.postfix.fragments import TRANSPORT
from lamsonproxy.postfix.ledger import Ledger
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.postconf import Postfix

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z0-9_]+)\}|\(([A-Za-z0-9_]+)\)|([A-Za-z0-9_]+))")
_TIME = re.compile(r"([0-9]+)([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TRANSPORT_MAP = re.compile(r"[{,]\s*\{?\s*([^\s{}=,]+)\s*=\s*([a-z0-9_-]+):([^\s{}]+)\s*\}")


@dataclass(frozen=True, slots=True)
class ServiceDoor:
    """A door of lamson.toml, as far as Postfix is concerned."""

    name: str
    kind: str
    listen: Place
    deadline_s: float
    size_limit: int
    idle_timeout_s: float
    unmatched: str
    trusts_loopback: bool
    rcpt_timeout_s: float = 60
    domains: tuple[str, ...] = ()
    speed_adjust: bool = False


@dataclass(frozen=True, slots=True)
class ServiceSide:
    """lamson.toml, as far as Postfix is concerned."""

    doors: tuple[ServiceDoor, ...]
    relay: Place
    hostname: str
    workers: int
    sessions: int
    connections: int
    relay_idle_s: float
    in_flight_bytes: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a door of ours: what says so, what it says, and through which transport."""

    by: str
    """A service (`smtp/inet`), `main.cf`, or `transport_maps`."""
    kind: str
    """content_filter, smtpd_proxy_filter or transport_maps."""
    transport: str
    nexthop: str
    domain: str = ""

    @property
    def place(self) -> Place | None:
        """Where it leads; None when the next hop is no address."""
        try:
            return Place.parse(self.nexthop)
        except ValueError:
            return None


@dataclass(frozen=True)
class Facts:
    """Everything, read once."""

    service: ServiceSide
    version: tuple[int, ...]
    main: Mapping[str, str]
    defaults: Mapping[str, str]
    """Every parameter with its value in force."""
    entries: Mapping[str, str]
    options: Mapping[str, str]
    ledger: Ledger | None = None

    @classmethod
    def read(cls, postfix: Postfix, service: ServiceSide, ledger: Ledger | None) -> "Facts":
        return cls(
            service,
            postfix.version(),
            postfix.explicit(),
            postfix.effective(),
            postfix.entries(),
            postfix.options(),
            ledger,
        )

    def value(self, parameter: str, key: str = "") -> str:
        """The value in force for a service, or for main.cf, expanded."""
        said = self.options.get(f"{key}/{parameter}") if key else None
        return self.expanded(self.defaults.get(parameter, "") if said is None else said)

    def knows(self, parameter: str) -> bool:
        """Whether this version of Postfix has it."""
        return parameter in self.defaults

    def expanded(self, text: str) -> str:
        """With `$name` replaced, as far as main.cf tells."""
        for _ in range(5):
            replaced = _REFERENCE.sub(lambda m: self.defaults.get(m[1] or m[2] or m[3], ""), text)
            if replaced == text:
                break
            text = replaced
        return text.strip()

    def words(self, parameter: str, key: str = "") -> list[str]:
        return self.value(parameter, key).replace(",", " ").split()

    def number(self, parameter: str, key: str = "") -> int:
        value = self.value(parameter, key)
        return int(value) if value.isdecimal() else 0

    def seconds(self, parameter: str, key: str = "") -> float:
        match = _TIME.fullmatch(self.value(parameter, key))
        return int(match[1]) * _SECONDS[match[2]] if match else 0

    def maxproc(self, key: str) -> int:
        """Processes of a service; 0 is no limit."""
        column = self.entries[key].split()[6]
        return int(column) if column.isdecimal() else self.number("default_process_limit")

    def command(self, key: str) -> str:
        return command_of(self.entries[key]) if key in self.entries else ""

    def is_chrooted(self, key: str) -> bool:
        return self.entries[key].split()[4] == "y"

    def smtpds(self) -> list[str]:
        """Every smtpd but the re-entry."""
        return [key for key in self.entries if self.command(key) == "smtpd" and key != self.reentry]

    @property
    def reentry(self) -> str:
        """The smtpd at `relay.host` and `relay.port`; "" when there is none."""
        candidates = [key for key in self.entries if key.endswith("/inet") and self.command(key) == "smtpd"]
        return next(
            (key for key in candidates if _listens_at(key.removesuffix("/inet"), self.service.relay)), ""
        )

    def ways(self) -> list[Way]:
        """The ways to our doors, and those that lead nowhere because of a mistake in our own transport."""
        return [way for way in self._all_ways() if self.door_of(way) or self._is_meant_for_us(way)]

    def door_of(self, way: Way) -> ServiceDoor | None:
        """The door that it leads to."""
        place = way.place
        return next((door for door in self.service.doors if place and door.listen.same_as(place)), None)

    def filtered(self) -> list[str]:
        """The services in front of which or behind which a door of ours stands."""
        ways = self.ways()
        everywhere = [way.kind for way in ways if way.by == "main.cf"]
        return [
            key
            for key in self.entries
            if any(way.by == key for way in ways)
            or (
                any(f"{key}/{kind}" not in self.options for kind in everywhere)
                and self.command(key) in ("smtpd", "pickup")
                and key != self.reentry
            )
        ]

    def named_transports(self) -> list[str]:
        """The entries that the ways to our doors go through, there or not."""
        return list(dict.fromkeys(f"{way.transport}/unix" for way in self.ways() if way.transport))

    def transports(self) -> list[str]:
        """Those of them that are there."""
        return [key for key in self.named_transports() if key in self.entries]

    def doors_behind(self, transport: str) -> list[ServiceDoor]:
        doors = (self.door_of(way) for way in self.ways() if f"{way.transport}/unix" == transport)
        return [door for door in doors if door is not None]

    def proxying(self) -> list[str]:
        """The services before whose queue a door of ours stands."""
        ways = [way for way in self.ways() if way.kind == "smtpd_proxy_filter"]
        return self.smtpds() if any(way.by == "main.cf" for way in ways) else [way.by for way in ways]

    def overrides_with(self, key: str, word: str) -> str:
        """receive_override_options of a service, and one more."""
        return ",".join([*self.words("receive_override_options", key), word])

    def overrides_without(self, key: str, word: str) -> str:
        return ",".join(each for each in self.words("receive_override_options", key) if each != word)

    def _is_meant_for_us(self, way: Way) -> bool:
        ours = (
            {change.key.partition("/")[0] for change in self.ledger.changes if change.target == "entry"}
            if self.ledger
            else ()
        )
        return way.transport in ours or way.transport == TRANSPORT

    def _all_ways(self) -> Iterator[Way]:
        places = {"main.cf": self.main, **{key: self._options_of(key) for key in self.entries}}
        for by, said in places.items():
            if said.get("content_filter"):
                transport, _, nexthop = self.expanded(said["content_filter"]).partition(":")
                yield Way(by, "content_filter", transport, nexthop)
            if said.get("smtpd_proxy_filter"):
                yield Way(by, "smtpd_proxy_filter", "", self.expanded(said["smtpd_proxy_filter"]))
        for domain, transport, nexthop in _TRANSPORT_MAP.findall(self.main.get("transport_maps", "")):
            yield Way("transport_maps", "transport_maps", transport, nexthop, domain)

    def _options_of(self, key: str) -> dict[str, str]:
        return {
            name.removeprefix(f"{key}/"): value
            for name, value in self.options.items()
            if name.startswith(f"{key}/")
        }


def _listens_at(name: str, relay: Place) -> bool:
    """Whether a service of this name is what the relay reaches."""
    host, _, port = name.rpartition(":")
    if port != str(relay.port):
        return False
    host = host.strip("[]")
    return not host or Place(host, relay.port).same_as(relay) or Place(host, relay.port).is_everywhere
