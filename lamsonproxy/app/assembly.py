"""From marked functions to machines, and what can be wrong with these.

Law: what is wrong is a sentence that names the function, told at start. A machine that loads has state functions of
one kind, timers that lead somewhere, and a STATE_KEY that some route of it fills.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType, MappingProxyType, ModuleType

from lamsonproxy.app.confirm import Confirmation
from lamsonproxy.app.machines import After, Handler, Machine, Machines, State, StateKey
from lamsonproxy.app.marks import AfterMark, Target
from lamsonproxy.app.modules import Marked, Source, is_own
from lamsonproxy.app.routing import Route

_KEY = "STATE_KEY"


def machines_of(sources: Iterable[Source]) -> Machines:
    """The machines of modules in which nothing is wrong."""
    found = [source for source in sources if source.states]
    is_async = any(map(inspect.iscoroutinefunction, (function for _, function in _called(found))))
    return Machines(map(_machine, found), is_async=is_async)


def mistakes_in_machines(sources: Iterable[Source], routes: Iterable[Route]) -> Iterator[str]:
    """What is wrong with the machines of some modules, one sentence each."""
    found = [source for source in sources if source.states]
    captures = _captures(routes)
    for source in found:
        yield from _mistakes_in_key(source, captures.get(source.name, frozenset()))
        yield from _mistakes_in_timers(source, captures.get(source.name, frozenset()))
    yield from _mixed_kinds(found)
    yield from _shared(found)


def is_asking(module: ModuleType) -> bool:
    """Whether the module asks for confirmations."""
    return any(isinstance(value, Confirmation) for value in vars(module).values())


def _machine(source: Source) -> Machine:
    states = {marked.name: _state(source.module, marked) for marked in source.states}
    timed = {name: function for name, function in _timed(source) if name not in states}
    return Machine(source.name, MappingProxyType(states), _key(source.module), MappingProxyType(timed))


def _state(module: ModuleType, marked: Marked) -> State:
    mark = marked.marks.after
    after = After(mark.delta, _name_in(module, mark.to)) if mark else None
    return State(marked.name, marked.function, after)


def _key(module: ModuleType) -> StateKey:
    key = getattr(module, _KEY, ())
    return key if callable(key) else tuple(key)


def _timed(source: Source) -> Iterator[tuple[str, FunctionType]]:
    """The functions that the module's timers call, by name; those that are not there left out."""
    for _, mark in _timers(source):
        name = _name_in(source.module, mark.to)
        if function := _function_of(source.module, name):
            yield name, function


def _timers(source: Source) -> Iterator[tuple[Marked, AfterMark]]:
    return ((marked, marked.marks.after) for marked in source.states if marked.marks.after)


def _name_in(module: ModuleType, target: Target) -> str:
    """The name that a module knows a function by; "" when it knows none."""
    if isinstance(target, str):
        return target
    names = [name for name, value in vars(module).items() if value is target]
    return target.__name__ if target.__name__ in names else next(iter(names), "")


def _function_of(module: ModuleType, name: str) -> FunctionType | None:
    """A module's own function; None when it has none of this name, or has it from elsewhere."""
    value = vars(module).get(name)
    return value if isinstance(value, FunctionType) and is_own(module, value) else None


def _captures(routes: Iterable[Route]) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for route in routes:
        found[route.machine] = found.get(route.machine, frozenset()) | route.pattern.groupindex.keys()
    return found


def _mistakes_in_key(source: Source, captures: frozenset[str]) -> Iterator[str]:
    key = getattr(source.module, _KEY, ())
    where = f"{source.name}.{_KEY}"
    if inspect.iscoroutinefunction(key):
        yield f"{where} is `async def`, and a key is told without waiting."
    elif isinstance(key, str) or not (callable(key) or isinstance(key, tuple | list)):
        yield f'{where} is a tuple of the names of captures, as in ("list_name",), or a function of the mail.'
    elif not callable(key):
        for name in key:
            if name not in captures:
                yield f"{where}: no route of a state function in this module captures {name!r}."


def _mistakes_in_timers(source: Source, captures: frozenset[str]) -> Iterator[str]:
    for marked, mark in _timers(source):
        function = _function_of(source.module, _name_in(source.module, mark.to))
        shown = mark.to if isinstance(mark.to, str) else mark.to.__name__
        if function is None:
            yield f"{marked}: @after(to={shown}): this module defines no such function."
            continue
        for name in sorted(_needs(function) - captures):
            yield f"{marked}: @after(to={shown}): {shown} needs {name!r}, and no state function's route captures that."


def _needs(function: Handler) -> frozenset[str]:
    """The arguments that must be given to a function beside the mail."""
    others = list(inspect.signature(function).parameters.values())[1:]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return frozenset(p.name for p in others if p.default is p.empty and p.kind not in kinds)


def _called(sources: Iterable[Source]) -> Iterator[tuple[str, FunctionType]]:
    """The functions that move conversations, each by its full name."""
    for source in sources:
        yield from ((str(marked), marked.function) for marked in source.states)
        yield from ((f"{source.name}.{name}", function) for name, function in _timed(source))


def _mixed_kinds(sources: list[Source]) -> Iterator[str]:
    kinds: dict[bool, str] = {}
    for name, function in _called(sources):
        kinds.setdefault(inspect.iscoroutinefunction(function), name)
    if len(kinds) == 2:
        yield (
            f"{kinds[False]} is `def` and {kinds[True]} is `async def`: the state functions of one App are all of"
            " one kind, because they share one kind of database session."
        )


def _shared(sources: list[Source]) -> Iterator[str]:
    names: dict[FunctionType, str] = {}
    for marked in (marked for source in sources for marked in source.states):
        other = names.setdefault(marked.function, str(marked))
        if other != str(marked):
            yield f"{other} and {marked} are one function, and a state has one name: give each its own."
