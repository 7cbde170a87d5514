"""`lamson routes [ADDRESS]`: the routes in order, or those that an address matches, with what its captures
take."""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lamsonproxy.app.marks import Phase
from lamsonproxy.app.routing import Route
from lamsonproxy.cli.place import settled_at
from lamsonproxy.config import Settings
from lamsonproxy.config.routes import app_of, routes_of

PHASES: tuple[Phase, ...] = ("rcpt", "data")
"""In the order in which a mail goes through them."""

WIDE = 200
"""Columns where the output is no terminal: nothing is folded that somebody may want to grep."""


def show(config: Path | None, address: str, *, as_json: bool) -> None:
    """Print them. Raises ConfigError and AppError."""
    settings = settled_at(config)()
    routes = found(settings, address)
    if as_json:
        print(json.dumps(routes, indent=2))
    elif routes:
        _console().print(_table(routes))
    else:
        print(_nothing(settings, address))


def found(settings: Settings, address: str) -> list[dict[str, Any]]:
    """The routes, or those that the address matches; each as a table of words."""
    routes = routes_of(settings, app_of(settings))
    if not address:
        return [_described(n, route) for n, route in enumerate(routes, 1)]
    order = {id(route): n for n, route in enumerate(routes, 1)}
    return [
        _described(order[id(match.route)], match.route) | {"captures": dict(match.captures)}
        for phase in PHASES
        for match in routes.matches(address, phase)
    ]


def _described(number: int, route: Route) -> dict[str, Any]:
    return {
        "order": number,
        "route": route.format,
        "handler": route.name,
        "pattern": route.pattern.pattern,
        "phase": route.phase,
        "on_error": route.on_error,
    }


def _table(routes: list[dict[str, Any]]) -> Table:
    table = Table(
        "", "route", "handler", "captures" if "captures" in routes[0] else "pattern", "phase", "on_error"
    )
    for row in routes:
        captures = row.get("captures")
        last = row["pattern"] if captures is None else " ".join(f"{k}={v}" for k, v in captures.items())
        # Text, because a route's brackets are no markup.
        table.add_row(
            *map(
                Text,
                (str(row["order"]), row["route"], row["handler"], last, row["phase"], row["on_error"] or ""),
            )
        )
    return table


def _nothing(settings: Settings, address: str) -> str:
    if not (settings.app or settings.route):
        return "No application is named (app), so there are no routes: every mail passes unchanged."
    if not address:
        return f"{settings.app} has no routes."
    policies = ", ".join(f"{door.name}: {door.unmatched}" for door in settings.door)
    return f"No route matches {address}; the doors' unmatched decides ({policies})."


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=WIDE)
