"""What no single key can say: contradictions between settings.

Law: a check names the sections that it reads, and is left out when one of them has a mistake of its own, so
that no sentence is about a value that nobody wrote.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import combinations

from lamsonproxy.config.places import HostPort, Place, UnixSocket
from lamsonproxy.config.reach import is_reached
from lamsonproxy.config.ready import mistakes_in
from lamsonproxy.config.settings import Settings

PROXY_LIMIT_S = 95
POSTFIX_LINE = 2048


def contradictions(settings: Settings, spoilt: Collection[str] = ()) -> Iterator[str]:
    """One sentence for each; checks that read a section in `spoilt` are left out."""
    for sections, check in _CHECKS:
        if not any(section in spoilt for section in sections):
            yield from check(settings)


def _has_a_door(settings: Settings) -> Iterator[str]:
    if not settings.door:
        yield "door is empty: without a door there is nothing to do."


def _names_differ(settings: Settings) -> Iterator[str]:
    for (a, first), (b, second) in combinations(enumerate(settings.door), 2):
        if first.name == second.name:
            yield f'door[{a}] and door[{b}] are both called "{first.name}"; give each its own name.'


def _addresses_differ(settings: Settings) -> Iterator[str]:
    places: dict[str, Place] = {f"door[{n}].listen": door.listen for n, door in enumerate(settings.door)}
    places["metrics.listen"] = settings.metrics.listen
    for (a, first), (b, second) in combinations(places.items(), 2):
        if is_reached(first, second) or is_reached(second, first):
            yield f"{a} and {b} are both {second}; each needs an address of its own."


def _relay_is_no_door(settings: Settings) -> Iterator[str]:
    # Design law 8: mail would go round for ever.
    target = HostPort(settings.relay.host, settings.relay.port)
    for number, door in enumerate(settings.door):
        if is_reached(door.listen, target):
            yield f"relay.port sends mail to {target}, our own door[{number}]: it would go round in a loop."


def _smtp_has_a_port(settings: Settings) -> Iterator[str]:
    for number, door in enumerate(settings.door):
        if door.kind == "filter" and isinstance(door.listen, UnixSocket):
            yield (
                f"door[{number}].listen is {door.listen}, which Postfix's smtp(8) client cannot reach:"
                ' use host:port, or kind = "lmtp".'
            )


def _proxy_is_in_time(settings: Settings) -> Iterator[str]:
    # smtpd_proxy_timeout is 100 s, and then Postfix's client hears of a "queue file write error".
    for number, door in enumerate(settings.door):
        if door.kind == "proxy":
            for key in ("deadline_s", "rcpt_timeout_s"):
                if getattr(door, key) >= PROXY_LIMIT_S:
                    yield (
                        f"door[{number}].{key} is {getattr(door, key):g}, but Postfix waits 100 s for a proxy"
                        f" (smtpd_proxy_timeout): it must be less than {PROXY_LIMIT_S}."
                    )


def _only_a_proxy_is_adjusted(settings: Settings) -> Iterator[str]:
    for number, door in enumerate(settings.door):
        if door.speed_adjust and door.kind != "proxy":
            yield f'door[{number}].speed_adjust is for kind = "proxy", and this door is "{door.kind}".'


def _proxy_reads_what_postfix_passes_on(settings: Settings) -> Iterator[str]:
    # smtpd(8) hands on its client's MAIL and RCPT as they came, up to line_length_limit.
    if settings.limits.command_bytes < POSTFIX_LINE and any(door.kind == "proxy" for door in settings.door):
        yield (
            f"limits.command_bytes is {settings.limits.command_bytes}, but at a proxy door Postfix hands on"
            f" commands of up to {POSTFIX_LINE} octets (line_length_limit)."
        )


def _budget_holds_a_message(settings: Settings) -> Iterator[str]:
    share = settings.limits.in_flight_bytes // settings.workers
    for number, door in enumerate(settings.door):
        if door.size_limit > share:
            yield (
                f"door[{number}].size_limit is {door.size_limit}, but limits.in_flight_bytes shared by"
                f" {settings.workers} workers leaves each {share}: such a message would be deferred for ever."
            )


def _routes_can_be_made(settings: Settings) -> Iterator[str]:
    for number, route in enumerate(settings.route):
        yield from mistakes_in(route, number)


def _greylisting_is_before_the_queue(settings: Settings) -> Iterator[str]:
    # Behind the queue it is Postfix's own client that would be asked to come again.
    if all(door.kind == "proxy" for door in settings.door):
        return
    for number, route in enumerate(settings.route):
        if route.handler == "greylist":
            yield (
                f"route[{number}].handler is greylist, which is for doors before the queue"
                ' (kind = "proxy"): behind it the sender has left, and Postfix itself would be asked to wait.'
            )


def _keys_are_whole(settings: Settings) -> Iterator[str]:
    for number, key in enumerate(settings.signing):
        for name in ("domain", "selector", "file"):
            if not getattr(key, name):
                yield f"signing[{number}].{name} is missing: a [[signing]] has domain, selector and file."


def _one_key_signs(settings: Settings) -> Iterator[str]:
    for (a, first), (b, second) in combinations(enumerate(settings.signing), 2):
        if first.domain and first.domain == second.domain:
            yield f"signing[{a}] and signing[{b}] are both for {first.domain}: one key signs a domain's mail."


_CHECKS: tuple[tuple[tuple[str, ...], Callable[[Settings], Iterator[str]]], ...] = (
    (("door",), _has_a_door),
    (("door",), _names_differ),
    (("door", "metrics"), _addresses_differ),
    (("door", "relay"), _relay_is_no_door),
    (("door",), _smtp_has_a_port),
    (("door",), _proxy_is_in_time),
    (("door",), _only_a_proxy_is_adjusted),
    (("door", "limits"), _proxy_reads_what_postfix_passes_on),
    (("door", "limits", "workers"), _budget_holds_a_message),
    (("route",), _routes_can_be_made),
    (("route", "door"), _greylisting_is_before_the_queue),
    (("signing",), _keys_are_whole),
    (("signing",), _one_key_signs),
)
