"""From the names of modules to routes: every mistake in all of them, told at once.

Law: what can be known before mail comes is known at start. A handler that could not take what its route
captures, a route that could be too slow, a capture that nobody defined: each is a sentence here, not a 451 in
the night.
"""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from lamsonproxy.app.captures import mistakes_in
from lamsonproxy.app.marks import RouteMark
from lamsonproxy.app.modules import Marked, import_module, marked_in
from lamsonproxy.app.routing import Route, Routes, compile_format
from lamsonproxy.errors import AppError


def load_routes(modules: Iterable[str], captures: Mapping[str, str]) -> Routes:
    """Import the modules and compile what is marked in them. Raises AppError with every mistake."""
    problems = [f"The App: {problem}." for problem in mistakes_in(captures)]
    found: list[Marked] = []
    for name in dict.fromkeys(modules):
        try:
            found += marked_in(import_module(name))
        except AppError as error:
            problems += error.problems
    for marked in found:
        problems += (f"{marked} {mistake}." for mistake in _mistakes_of(marked))
    routes = list(_routes(found, captures, problems))
    if problems:
        raise AppError(*problems)
    return Routes(routes)


def _mistakes_of(marked: Marked) -> Iterator[str]:
    if not marked.marks.routes:
        yield "is @stateless but has no @route"
    if not marked.marks.is_stateless and any(mark.phase == "data" for mark in marked.marks.routes):
        yield "is a state function, and this release runs @stateless handlers only"
    if inspect.isgeneratorfunction(marked.function) or inspect.isasyncgenfunction(marked.function):
        yield "is a generator, and a handler returns once"


def _routes(found: list[Marked], captures: Mapping[str, str], problems: list[str]) -> Iterator[Route]:
    shorts = Counter(short for short, _ in {(m.short, m.function) for m in found})
    for marked, mark in _in_order(found):
        name = marked.short if shorts[marked.short] == 1 else str(marked)
        try:
            yield _route(marked, mark, captures, name)
        except AppError as error:
            problems += (f"{marked}: route {mark.format!r}: {problem}." for problem in error.problems)


def _in_order(found: list[Marked]) -> Iterator[tuple[Marked, RouteMark]]:
    """Modules in the order of the App; in a module, marks in the order in which they were made."""
    for module in dict.fromkeys(marked.module for marked in found):
        pairs = [(m, mark) for m in found if m.module == module for mark in m.marks.routes]
        yield from sorted(pairs, key=lambda pair: pair[1].age)


def _route(marked: Marked, mark: RouteMark, captures: Mapping[str, str], name: str) -> Route:
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
    return Route(mark.format, pattern, marked.function, name, mark.on_error, mark.phase)
