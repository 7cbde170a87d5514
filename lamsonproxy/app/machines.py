"""State machines: a module of state functions is a machine, the name of a function is a state.

    machine    a module, named in full: `app.handlers.lists`
    state      the name that a state function has in its module: `CONFIRMING`
    key        what tells one conversation of a correspondent from another, as the module's STATE_KEY says

Law: a table that is made at start and never changes. What stands in the database are these names; a function is
known by what it is, never by what it is called, so that a name imported or bound elsewhere changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lamsonproxy.errors import AppError

if TYPE_CHECKING:
    from lamsonproxy.app.mail import Mail

Handler = Callable[..., Any]
Captures = Mapping[str, str | None]
"""What the groups of a route took; None for a group that took no part."""

StateKey = tuple[str, ...] | Callable[["Mail"], str]
"""A module's STATE_KEY: names of captures, or a function of the mail."""


@dataclass(frozen=True, slots=True)
class After:
    """What is called for a conversation that has stood still for so long."""

    delta: timedelta
    to: str
    """The name of a function of the same machine."""


@dataclass(frozen=True, slots=True)
class State:
    """One state function."""

    name: str
    function: Handler
    after: After | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One module of state functions, in the order in which it defines them."""

    name: str
    states: Mapping[str, State]
    key: StateKey = ()
    """Empty: one conversation for each correspondent."""
    timed: Mapping[str, Handler] = field(default_factory=lambda: MappingProxyType({}))
    """Functions that timers call and that are no states: nobody stands in them."""


class Machines:
    """The machines of an application."""

    def __init__(self, machines: Iterable[Machine] = (), *, is_async: bool = False) -> None:
        self._machines = {machine.name: machine for machine in machines}
        self._names = {
            state.function: (machine.name, state.name)
            for machine in self._machines.values()
            for state in machine.states.values()
        }
        self._shorts = Counter(map(_last_part, self._machines))
        self.is_async = is_async
        """Whether the state functions are `async def`: all of them, or none."""

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of the machines, in the order of the App."""
        return tuple(self._machines)

    @property
    def have_timers(self) -> bool:
        """Whether any state has a timer."""
        return any(state.after for machine in self._machines.values() for state in machine.states.values())

    def states(self, machine: str) -> tuple[str, ...]:
        """The names of a machine's states, in the order of its source; empty when there is no such machine."""
        return tuple(self._machines[machine].states) if machine in self._machines else ()

    def state_of(self, function: Handler) -> tuple[str, str]:
        """The machine and the state that a function is. Raises AppError when no module of the App knows it so."""
        try:
            return self._names[function]
        except KeyError:
            raise AppError(_no_state(function)) from None

    def has_state(self, machine: str, state: str) -> bool:
        return self._state(machine, state) is not None

    def function(self, machine: str, name: str) -> Handler | None:
        """The function of a state or the one that a timer calls; None when the machine has none of this name."""
        state = self._state(machine, name)
        if state or machine not in self._machines:
            return state.function if state else None
        return self._machines[machine].timed.get(name)

    def after(self, machine: str, state: str) -> After | None:
        """The timer of a state; None when it has none."""
        found = self._state(machine, state)
        return found.after if found else None

    def key_parts(self, machine: str) -> StateKey:
        """The machine's STATE_KEY."""
        return self._machines[machine].key

    def key_of(self, machine: str, captures: Captures, mail: "Mail") -> str:
        """The key of the conversation that a mail belongs to. Raises AppError when STATE_KEY gives no text, and
        whatever else a function of the author's raises."""
        parts = self.key_parts(machine)
        if not callable(parts):
            # In small letters, because addresses match in any case.
            return _joined((captures.get(name) or "").lower() for name in parts)
        key = parts(mail)
        if not isinstance(key, str):
            raise AppError(f"{machine}.STATE_KEY returned a value of type {type(key).__name__}, not a str.")
        return key

    def short(self, machine: str) -> str:
        """The name for labels and the log: the last part of it, where no other machine has the same."""
        last = _last_part(machine)
        return last if self._shorts[last] == 1 else machine

    def _state(self, machine: str, state: str) -> State | None:
        return self._machines[machine].states.get(state) if machine in self._machines else None


def _joined(parts: Iterable[str]) -> str:
    """One text of several, as an operator can read it; no two lists give the same."""
    return "/".join(part.replace("\\", "\\\\").replace("/", "\\/") for part in parts)


def _last_part(module: str) -> str:
    return module.rpartition(".")[2]


def _no_state(function: Handler) -> str:
    name = f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', '?')}"
    return f"The handler returned {name}, which is no state function in a module of the App."


NO_MACHINES = Machines()
