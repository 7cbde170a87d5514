"""Which state leads to which: the graph of an application's machines.

    an edge       a function returns another one by name, calls one that does, or declares it with @leads_to
    a timed edge  the state's @after leads to a state, or calls a function that does; a loop where that moves nobody
    computed      a function whose targets its source does not tell, and that declares none
    a stray       what a function returns or declares and no module of the App knows as a state function

Law: read from the source (`returns`), so it says what may happen, not what will. Nothing of the author's runs.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import FunctionType
from typing import cast

from lamsonproxy.app.machines import Handler, Machines
from lamsonproxy.app.marks import Target, marks_of
from lamsonproxy.app.returns import returned_by
from lamsonproxy.errors import AppError
from lamsonproxy.mail.conversation import ERROR, START

Place = tuple[str, str]
"""A machine and its state."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One step that a conversation may take."""

    source: Place
    target: Place
    after: timedelta | None = None
    """How long the conversation has to stand still before; None for a step that a mail makes."""


@dataclass(frozen=True, slots=True)
class Stray:
    """A function that is returned or declared and that is no state of the App."""

    by: str
    """The function that does so, by its full name."""
    name: str
    is_declared: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """All steps, in the order of the source."""

    edges: tuple[Edge, ...]
    computed: tuple[Place, ...]
    strays: tuple[Stray, ...]

    def reached(self, places: Iterable[Place]) -> frozenset[Place]:
        """The places that conversations can come to which begin in some, those included."""
        seen = set(places)
        waiting = list(seen)
        while waiting:
            place = waiting.pop()
            new = {edge.target for edge in self.edges if edge.source == place} - seen
            seen |= new
            waiting += new
        return frozenset(seen)


def graph_of(machines: Machines) -> Graph:
    """The graph of the machines of an App."""
    reader = _Reader(machines)
    for place in places_of(machines):
        reader.read(place)
    unique = dict.fromkeys
    return Graph(tuple(unique(reader.edges)), tuple(unique(reader.computed)), tuple(unique(reader.strays)))


def places_of(machines: Machines) -> Iterator[Place]:
    """Every state of every machine, in the order of the App and of its source."""
    return ((machine, state) for machine in machines.machines for state in machines.states(machine))


def beginnings(machines: Machines) -> list[Place]:
    """Where conversations begin without being led there: at START, and, when their mail fails, at ERROR."""
    return [place for place in places_of(machines) if place[1] in (START, ERROR)]


class _Reader:
    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self.edges: list[Edge] = []
        self.computed: list[Place] = []
        self.strays: list[Stray] = []

    def read(self, place: Place) -> None:
        machine, state = place
        self._follow(place, state, None)
        after = self._machines.after(machine, state)
        if after and self._machines.has_state(machine, after.to):
            self.edges.append(Edge(place, (machine, after.to), after.delta))
        elif after and not self._follow(place, after.to, after.delta):
            self.edges.append(Edge(place, place, after.delta))

    def _follow(self, place: Place, name: str, after: timedelta | None) -> bool:
        """Read a function that moves conversations from a place; whether it may move any."""
        function = cast(FunctionType, self._machines.function(place[0], name))
        by = f"{place[0]}.{name}"
        returned = returned_by(function)
        declared = marks_of(function).leads_to
        targets = [self._target(by, found) for found in returned.functions]
        targets += [self._declared(by, target) for target in declared]
        self.edges += (Edge(place, target, after) for target in targets if target)
        is_open = returned.is_computed and not declared
        if is_open:
            self.computed.append(place)
        return bool(targets) or is_open

    def _target(self, by: str, function: Handler, *, is_declared: bool = False) -> Place | None:
        try:
            return self._machines.state_of(function)
        except AppError:
            name = f"{function.__module__}.{function.__qualname__}"
            self.strays.append(Stray(by, name, is_declared))
            return None

    def _declared(self, by: str, target: Target) -> Place | None:
        if not isinstance(target, str):
            return self._target(by, target, is_declared=True)
        module, _, state = target.rpartition(".")
        place = (module or by.rpartition(".")[0], state)
        if self._machines.has_state(*place):
            return place
        self.strays.append(Stray(by, ".".join(place), is_declared=True))
        return None
