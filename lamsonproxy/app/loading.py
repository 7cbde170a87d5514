"""From the names of modules to routes and machines: every mistake in all of them, told at once.

Law: what can be known before mail comes is known at start. A handler that could not take what its route
captures, a route that could be too slow, a capture that nobody defined, a timer that leads nowhere: each is a
sentence here, not a 451 in the night.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from lamsonproxy.app.assembly import is_asking, machines_of, mistakes_in_machines
from lamsonproxy.app.captures import mistakes_in
from lamsonproxy.app.marks import RouteMark
from lamsonproxy.app.modules import Marked, Source, import_module, source_of
from lamsonproxy.app.routing import Route, Routes, compile_format
from lamsonproxy.errors import AppError


def load_routes(modules: Iterable[str], captures: Mapping[str, str]) -> Routes:
    """Import the modules and compile what is marked in them. Raises AppError with every mistake."""
    problems = [f"The App: {problem}." for problem in mistakes_in(captures)]
    sources: list[Source] = []
    for name in dict.fromkeys(modules):
        try:
            sources.append(source_of(import_module(name)))
        except AppError as error:
            problems += error.problems
    for marked in (marked for source in sources for marked in source.marked):
        problems += (f"{marked} {mistake}." for mistake in _mistakes_of(marked))
    routes = list(_routes(sources, captures, problems))
    problems += mistakes_in_machines(sources, routes)
    if problems:
        raise AppError(*problems)
    return Routes(routes, machines_of(sources))


def _mistakes_of(marked: Marked) -> Iterator[str]:
    marks = marked.marks
    if marks.is_stateless and not marks.routes:
        yield "is @stateless but has no @route"
    if (marks.is_stateless or marks.is_for_rcpt_only) and (marks.after or marks.leads_to):
        yield "has no state, so @after and @leads_to are not for it"
    if marks.is_for_rcpt_only and marks.guards:
        yield "is asked at RCPT, where there is no message yet in which @requires could read"
    if marks.is_state and any(mark.phase == "rcpt" for mark in marks.routes):
        yield "is a state function, and at RCPT there is no message that could move it"
    if inspect.isgeneratorfunction(marked.function) or inspect.isasyncgenfunction(marked.function):
        yield "is a generator, and a handler returns once"


def _routes(sources: list[Source], captures: Mapping[str, str], problems: list[str]) -> Iterator[Route]:
    names = _names(sources)
    for source in sources:
        asks = is_asking(source.module)
        for marked, mark in _in_order(source):
            try:
                yield _route(marked, mark, _pattern(marked, mark, captures), names[str(marked)], asks)
            except AppError as error:
                problems += (f"{marked}: route {mark.format!r}: {problem}." for problem in error.problems)


def _names(sources: list[Source]) -> Mapping[str, str]:
    """What each handler is called in the log: short, where no other handler is called so."""
    found = {str(marked): marked.short for source in sources for marked in source.marked}
    shorts = Counter(found.values())
    return {full: short if shorts[short] == 1 else full for full, short in found.items()}


def _in_order(source: Source) -> list[tuple[Marked, RouteMark]]:
    """In a module, marks come in the order in which they were made."""
    pairs = [(marked, mark) for marked in source.marked for mark in marked.marks.routes]
    return sorted(pairs, key=lambda pair: pair[1].age)


def _pattern(marked: Marked, mark: RouteMark, captures: Mapping[str, str]) -> re.Pattern[str]:
    if mark.phase == "rcpt" and mark.on_error == "quarantine":
        raise AppError("on_error='quarantine' keeps a message, and at RCPT there is none yet")
    mistakes = list(mistakes_in(mark.captures))
    if mistakes:
        raise AppError(*mistakes)
    pattern = compile_format(mark.format, {**captures, **mark.captures})
    try:
        inspect.signature(marked.function).bind("mail", **pattern.groupindex)
    except TypeError as error:
        raise AppError(f"the handler cannot take the mail and the captures: {error}") from error
    return pattern


def _route(marked: Marked, mark: RouteMark, pattern: re.Pattern[str], name: str, is_asking: bool) -> Route:
    is_state = marked.marks.is_state
    return Route(
        mark.format,
        pattern,
        marked.function,
        name,
        mark.on_error,
        mark.phase,
        machine=marked.module if is_state else "",
        state=marked.name if is_state else "",
        needs_unit=is_asking,
        guards=marked.marks.guards,
    )
