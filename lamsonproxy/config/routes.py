"""What the settings route: their `[[route]]` tables first, and behind them the application that they name.

Law: all mistakes in both are told together. What needs a database needs one that is there from the start: a handler
that brings tables with it, or a key for what an outbox sends.
"""

from collections.abc import Iterator
from types import FunctionType

from lamsonproxy.app.application import App, find_app
from lamsonproxy.app.marks import marks_of
from lamsonproxy.app.ready import routes_wished
from lamsonproxy.app.routing import Route, Routes
from lamsonproxy.config.ready import wishes_of
from lamsonproxy.config.settings import Settings
from lamsonproxy.errors import AppError


def app_of(settings: Settings) -> App | None:
    """The application; None when none is named. Raises AppError."""
    return find_app(settings.app) if settings.app else None


def routes_of(settings: Settings, app: App | None) -> Routes:
    """The routes of the tables, and behind them those of the application. Raises AppError with every mistake."""
    problems = list[str]()
    wished, routes = list[Route](), Routes(())
    try:
        wished = routes_wished(wishes_of(settings))
    except AppError as error:
        problems += error.problems
    try:
        routes = app.load() if app else routes
    except AppError as error:
        problems += error.problems
    routes = Routes([*wished, *routes], routes.machines)
    problems += _mistakes(settings, routes)
    if problems:
        raise AppError(*problems)
    return routes


def tables_of(app: App | None, routes: Routes) -> tuple[object, ...]:
    """The tables of the application, and those that handlers bring with them."""
    brought = (table for route in routes for table in _brought_by(route))
    return tuple(dict.fromkeys((*(app.tables if app else ()), *brought)))


def _mistakes(settings: Settings, routes: Routes) -> Iterator[str]:
    # With state functions there is one in any case.
    if settings.database or routes.machines.machines:
        return
    for name in dict.fromkeys(route.name for route in routes if _brought_by(route)):
        yield f"{name} needs a database, {_NONE_IS_NAMED}"
    if settings.signing:
        yield f"[[signing]] signs what is sent from a database's outbox, {_NONE_IS_NAMED}"


def _brought_by(route: Route) -> tuple[object, ...]:
    return marks_of(route.handler).tables if isinstance(route.handler, FunctionType) else ()


_NONE_IS_NAMED = 'and none is named: database = "sqlite:///var/lamson.db".'
