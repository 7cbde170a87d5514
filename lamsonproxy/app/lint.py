"""What is doubtful about an application: found by reading it, told in sentences.

    errors     what cannot go well: a function returned that no App knows, a machine that nobody can enter
    warnings   what may be meant: states that nothing leads to, routes whose order decides, people left behind

Law: a finding is true. What cannot be known (a target that is computed, an overlap that no example shows) is not
claimed. Errors keep the service from starting; warnings are told and change nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice, product
from types import FunctionType

from lamsonproxy.app.edges import Graph, Place, beginnings, graph_of, places_of
from lamsonproxy.app.machines import Captures, Machines
from lamsonproxy.app.overlap import Overlaps
from lamsonproxy.app.returns import returned_by
from lamsonproxy.app.routing import Route, Routes
from lamsonproxy.errors import AppError
from lamsonproxy.mail.conversation import START

People = Mapping[Place, int]
"""How many conversations stand where; START is not stored, so it is not counted."""

NOBODY: People = {}


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about an application."""

    text: str
    is_error: bool = False


def lint(routes: Routes, people: People = NOBODY) -> list[Finding]:
    """All findings, errors first."""
    machines = routes.machines
    graph = graph_of(machines)
    errors = [
        *_strays(graph),
        *_stateless_moves(routes),
        *_closed_machines(machines, graph),
        *_straying_timers(graph),
    ]
    warnings = [
        *_without_route(routes),
        *_computed(graph),
        *_unreachable(machines, graph),
        *_lost_keys(routes, graph),
        *_overlaps(routes),
        *_left_behind(machines, people),
    ]
    return [Finding(text, True) for text in errors] + [Finding(text) for text in warnings]


def warnings_of(routes: Routes, people: People = NOBODY) -> list[str]:
    """The warnings, for a start. Raises AppError with every error."""
    findings = lint(routes, people)
    if errors := [finding.text for finding in findings if finding.is_error]:
        raise AppError(*errors)
    return [finding.text for finding in findings]


def _strays(graph: Graph) -> Iterator[str]:
    for stray in graph.strays:
        verb = "declares" if stray.is_declared else "returns"
        yield f"{stray.by} {verb} {stray.name}, which is no state function in a module of the App."


def _stateless_moves(routes: Routes) -> Iterator[str]:
    handlers = {route.handler: route.name for route in routes if not route.machine}
    for handler, name in handlers.items():
        functions = returned_by(handler).functions if isinstance(handler, FunctionType) else ()
        if functions:
            yield f"{name} returns {functions[0].__name__}, and a handler without a state moves no conversation."


def _closed_machines(machines: Machines, graph: Graph) -> Iterator[str]:
    """Machines that nobody can enter. A computed target elsewhere might lead there, so then nothing is said."""
    for machine in machines.machines:
        has_way_in = any(edge.source[0] != machine == edge.target[0] for edge in graph.edges)
        may_have = any(place[0] != machine for place in graph.computed)
        if not machines.has_state(machine, START) and not has_way_in and not may_have:
            yield (
                f"{machine} has state functions and no START, and no state of another module leads to it: nobody"
                " could ever begin."
            )


def _straying_timers(graph: Graph) -> Iterator[str]:
    for edge in graph.edges:
        if edge.after and edge.source[0] != edge.target[0]:
            yield f"The timer of {_name(edge.source)} leads to {_name(edge.target)}: it may move its own machine only."


def _without_route(routes: Routes) -> Iterator[str]:
    routed = {(route.machine, route.state) for route in routes}
    for place in places_of(routes.machines):
        if place not in routed:
            yield f"{_name(place)} has no route: all mail of those who stand there is out of state."


def _computed(graph: Graph) -> Iterator[str]:
    for place in graph.computed:
        yield f"{_name(place)}: its code does not say where it leads; declare it with @leads_to."


def _unreachable(machines: Machines, graph: Graph) -> Iterator[str]:
    reached = graph.reached(beginnings(machines))
    if any(place in reached for place in graph.computed):
        return
    for place in places_of(machines):
        if place not in reached:
            yield f"{_name(place)} cannot be reached: no state that can be reached leads to it."


def _lost_keys(routes: Routes, graph: Graph) -> Iterator[str]:
    """Steps into another machine whose key the mail's route does not fill."""
    for edge in graph.edges:
        parts = routes.machines.key_parts(edge.target[0])
        if edge.source[0] == edge.target[0] or callable(parts):
            continue
        for route in routes:
            missing = [name for name in parts if name not in route.pattern.groupindex]
            if (route.machine, route.state) == edge.source and missing:
                yield (
                    f"{_name(edge.source)} leads to {_name(edge.target)}, whose STATE_KEY needs {missing[0]!r}, and its"
                    f" route {route.format!r} does not capture that."
                )


def _overlaps(routes: Routes) -> Iterator[str]:
    """Expressions of state functions that share an address, where it matters which one comes first."""
    by_pattern: dict[re.Pattern[str], list[Route]] = {}
    for route in routes:
        if route.machine:
            by_pattern.setdefault(route.pattern, []).append(route)
    overlaps = Overlaps(by_pattern)
    for one, other in combinations(by_pattern, 2):
        shared = overlaps.shared_by(one, other)
        yield from islice(_decided(routes.machines, by_pattern[one], by_pattern[other], shared), 1)


def _decided(
    machines: Machines, first: list[Route], second: list[Route], shared: Iterator[str]
) -> Iterator[str]:
    """What the order decides between the routes of two expressions."""
    for address in shared:
        for one, other in product(first, second):
            if why := _why_order_decides(machines, one, other, address):
                yield (
                    f"{one.name} ({one.format!r}) and {other.name} ({other.format!r}) both match {address!r}, and"
                    f" {why}: the first one decides."
                )


def _why_order_decides(machines: Machines, one: Route, other: Route, address: str) -> str:
    if one.machine != other.machine:
        return "a correspondent can be in both states"
    captures, others = _taken(one, address), _taken(other, address)
    if one.state == other.state:
        return "their captures differ" if captures != others else ""
    return "their keys differ" if _key(machines, one, captures) != _key(machines, other, others) else ""


def _taken(route: Route, address: str) -> Captures:
    match = route.pattern.fullmatch(address)
    return match.groupdict() if match else {}


def _key(machines: Machines, route: Route, captures: Captures) -> tuple[str, ...]:
    """The key as far as captures tell it."""
    parts = machines.key_parts(route.machine)
    return () if callable(parts) else tuple((captures.get(name) or "").lower() for name in parts)


def _left_behind(machines: Machines, people: People) -> Iterator[str]:
    for place, count in sorted(people.items()):
        if count and not machines.has_state(*place) and place[1] != START:
            who = "1 conversation stands" if count == 1 else f"{count} conversations stand"
            yield (
                f"{who} in {_name(place)}, which is no state of the App: `lamson states rename` takes them to the one"
                " that it has become, or bring the function back."
            )


def _name(place: Place) -> str:
    return ".".join(place)
