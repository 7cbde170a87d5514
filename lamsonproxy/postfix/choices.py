"""What an operator chooses: the door, where things listen, whose mail is handed over, where DKIM signing happens.

Law: values only, and sentences about those that do not fit together.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from lamsonproxy.postfix.place import Place

DoorKind = Literal["lmtp", "filter", "proxy", "transport"]
Dkim = Literal["before", "after", "none"]
DOORS: tuple[DoorKind, ...] = get_args(DoorKind)
DKIM: tuple[Dkim, ...] = get_args(Dkim)

LOOPBACK = "127.0.0.0/8"
DOOR_PLACE = Place("127.0.0.1", 10025)
REENTRY_PLACE = Place("127.0.0.1", 10026)
_DOMAIN = re.compile(r"\.?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Choices:
    """One set-up."""

    door: DoorKind = "filter"
    listen: Place = DOOR_PLACE
    reentry: Place = REENTRY_PLACE
    domains: tuple[str, ...] = ()
    dkim: Dkim = "none"
    services: tuple[str, ...] = field(default=("smtp",))
    peers: tuple[str, ...] = ()
    """Networks from which the service comes to the re-entry, beside the loopback."""
    speed_adjust: bool = False
    trial: bool = True
    """With `soft_bounce` on our own transport."""

    @property
    def client(self) -> str:
        """The client that hands over: lmtp(8) or smtp(8); its parameters begin with its name."""
        return "lmtp" if self.door in ("lmtp", "transport") else "smtp"

    @property
    def networks(self) -> str:
        return ",".join((LOOPBACK, *self._ipv6_loopback, *self.peers))

    @property
    def _ipv6_loopback(self) -> tuple[str, ...]:
        return ("[::1]/128",) if ":" in self.reentry.host else ()


def contradictions(choices: Choices) -> Iterator[str]:
    """One sentence for each."""
    if choices.door == "transport" and not choices.domains:
        yield "--door transport hands whole domains to the application: name them with --domains."
    if choices.door != "transport" and choices.domains:
        yield "--domains is for --door transport; the other doors get all mail of --services."
    yield from (
        f"--domains: {name!r} is no domain name." for name in choices.domains if not _DOMAIN.fullmatch(name)
    )
    if choices.door == "filter" and choices.listen.path:
        yield "--door filter uses the smtp(8) client, which cannot use a unix socket: --listen needs host:port."
    if choices.reentry.path:
        yield "--reentry is an smtpd(8) of Postfix, which the service reaches by TCP: it needs host:port."
    elif choices.reentry.same_as(choices.listen):
        yield f"--listen and --reentry are both {choices.reentry}: mail would go round in a loop."
    if choices.door == "proxy" and "pickup" in choices.services:
        yield "--door proxy stands before the queue: pickup has no SMTP client that could be answered. Leave it out."
    if choices.door == "proxy" and choices.dkim == "before":
        yield "--door proxy: milters see no content before the queue, so nothing is signed there (--dkim after)."
    if choices.door not in ("proxy", "filter", "lmtp", "transport"):
        yield f"--door {choices.door}: there are lmtp, filter, proxy and transport."
