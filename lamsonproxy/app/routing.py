"""Routes: which handlers an address goes to, and in which order.

Law: matching is a question and changes nothing; handling is the engine's act. The order is Lamson's: distinct
expressions in the order in which they were first written, and for one expression its handlers in the order in
which they were written. An address matches as a whole (`fullmatch`), whatever its case, and captures keep its
own case.

Addresses are remote input: what is compiled has been judged (`backtrack`), what is too long matches nothing,
and what is remembered is bounded.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from types import MappingProxyType

from lamsonproxy.app.backtrack import complaint
from lamsonproxy.app.captures import expand
from lamsonproxy.app.machines import NO_MACHINES, Captures, Handler, Machines
from lamsonproxy.app.marks import Guard, OnError, Phase
from lamsonproxy.errors import AppError

ADDRESS_LIMIT = 1024
"""Characters; RFC 5321 §4.5.3.1.3 allows 254, VERP has been seen with 900; its square is milliseconds."""

REMEMBERED = 1024
"""Addresses whose matches are kept, some megabytes at most: a site's own recipients come again and again."""


@dataclass(frozen=True, slots=True)
class Route:
    """One format over one handler."""

    format: str
    """As it was written, captures and all."""
    pattern: re.Pattern[str]
    handler: Handler
    name: str
    """`module.function`, as in `lists.POSTING`: a log field and a metric label, one of a closed set."""
    on_error: OnError | None = None
    phase: Phase = "data"
    """When it is asked: with the message, or at RCPT, before there is one."""
    machine: str = ""
    """The module of a state function, in full; "" for a stateless handler."""
    state: str = ""
    """The state function's own name."""
    needs_unit: bool = False
    """Whether the handler's module asks for confirmations, so that the correspondent's questions must be read."""
    guards: tuple[Guard, ...] = ()
    """What the mail must have to be matched; all of them."""


@dataclass(frozen=True, slots=True)
class Match:
    """A route that an address matches, and what its captures took."""

    route: Route
    captures: Captures

    @property
    def handler(self) -> Handler:
        return self.route.handler


class Routes:
    """The routes of an application, in the order in which they are tried."""

    def __init__(self, routes: Iterable[Route], machines: Machines = NO_MACHINES) -> None:
        self.machines = machines
        self._routes = tuple(_in_order(routes))
        self._by_pattern = [(p, tuple(same)) for p, same in groupby(self._routes, lambda r: r.pattern)]
        # One memory for each object: a cache on the method would keep every Routes alive that ever was.
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._find)

        self.have_on_error = any(route.on_error for route in self._routes)
        """Whether a route says itself what becomes of mail whose handler failed."""

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def __repr__(self) -> str:
        return f"<{len(self)} routes, {self._remembered.cache_info().currsize} addresses remembered>"

    def matches(self, address: str, phase: Phase = "data") -> Iterator[Match]:
        """The routes of a phase that an address matches, in order."""
        found = self._remembered(address) if len(address) <= ADDRESS_LIMIT else ()
        return (match for match in found if match.route.phase == phase)

    def _find(self, address: str) -> tuple[Match, ...]:
        return tuple(
            Match(route, MappingProxyType(match.groupdict()))
            for pattern, routes in self._by_pattern
            if (match := pattern.fullmatch(address))
            for route in routes
        )


def compile_format(format: str, captures: Mapping[str, str]) -> re.Pattern[str]:
    """The expression of a format, judged. Raises AppError; its sentences do not name the route."""
    expression = expand(format, captures)
    try:
        pattern = re.compile(expression, re.IGNORECASE)
        too_slow = complaint(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise AppError(f"it is no regular expression: {error}") from error
    if too_slow:
        raise AppError(too_slow)
    if "mail" in pattern.groupindex:
        raise AppError("it captures into 'mail', a name taken by the mail itself")
    return pattern


def _in_order(routes: Iterable[Route]) -> Iterator[Route]:
    """Routes of one expression together, each expression where it first stood."""
    by_pattern: dict[re.Pattern[str], list[Route]] = {}
    for route in routes:
        by_pattern.setdefault(route.pattern, []).append(route)
    for same in by_pattern.values():
        yield from same
