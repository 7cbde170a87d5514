"""Routes to ready handlers that an operator asks for by name: the `[[route]]` tables of lamson.toml.

Law: what is wrong is a sentence that begins with the table's place, `route[0]`, and all of them are told at once. The
name of a route in the log is its place and its handler, `route[0].footer`, so there are as many as there are tables.
"""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from lamsonproxy.app import handlers
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.marks import OnError, Phase
from lamsonproxy.app.routing import Route, compile_format
from lamsonproxy.errors import AppError

READY: Mapping[str, Callable[..., Handler]] = MappingProxyType(
    {name: getattr(handlers, name) for name in handlers.__all__}
)
"""What makes the handlers, by their names."""

AT_RCPT = frozenset(("greylist",))
"""Those that are asked before there is a message."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One route to a ready handler."""

    match: str
    handler: str
    on_error: OnError | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def options_of(handler: str) -> Mapping[str, inspect.Parameter]:
    """The options of a ready handler: each with its type, and its default if it has one."""
    return inspect.signature(READY[handler]).parameters


def routes_wished(wishes: Iterable[Wish]) -> list[Route]:
    """The routes, in this order. Raises AppError with every mistake in them."""
    routes, problems = list[Route](), list[str]()
    for number, wish in enumerate(wishes):
        routes += _made(f"route[{number}]", wish, problems)
    if problems:
        raise AppError(*problems)
    return routes


def _made(place: str, wish: Wish, problems: list[str]) -> Iterator[Route]:
    phase: Phase = "rcpt" if wish.handler in AT_RCPT else "data"
    try:
        pattern = compile_format(wish.match, {})
    except AppError as error:
        problems += (f"{place}.match is {json.dumps(wish.match)}: {problem}." for problem in error.problems)
        return
    try:
        handler = READY[wish.handler](**wish.options)
    except AppError as error:
        problems += (f"{place}: {problem}" for problem in error.problems)
        return
    name = f"{place}.{wish.handler}"
    yield Route(wish.match, pattern, handler, name, wish.on_error, phase)
