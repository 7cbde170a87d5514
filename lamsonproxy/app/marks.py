"""`@route`, `@route_like`, `@stateless`: what an author writes over a function.

Law: a mark changes nothing but the function that it stands on. Nothing is registered anywhere: `App` imports
the modules and compiles the marks that it finds there, so importing a module never changes where mail goes.

Stacked routes keep their source semantics: Python applies the one nearest to the function first, so that one
is older and comes first. `@stateless` may stand above or below them.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FunctionType, MethodType
from typing import Any, Literal, TypeVar, get_args

from lamsonproxy.errors import AppError

OnError = Literal["defer", "accept", "quarantine"]
"""What becomes of mail whose handler raises or overruns; None leaves it to the door."""

Phase = Literal["data", "rcpt"]

_ATTRIBUTE = "_lamson_marks"
_F = TypeVar("_F", bound=Callable[..., Any])

_clock = itertools.count()
"""Marks are numbered, because a module's names are in no useful order once one of them is bound again."""


@dataclass(frozen=True, slots=True)
class RouteMark:
    """One `@route` over one function. `age` orders the marks of a process by the moment they were made."""

    age: int
    format: str
    captures: Mapping[str, str]
    phase: Phase
    on_error: OnError | None


@dataclass(frozen=True, slots=True)
class Marks:
    """All that stands over one function, oldest route first."""

    routes: tuple[RouteMark, ...] = ()
    is_stateless: bool = False

    def __bool__(self) -> bool:
        return bool(self.routes) or self.is_stateless


def marks_of(function: FunctionType) -> Marks:
    """The marks of a function; empty when it has none."""
    marks = vars(function).get(_ATTRIBUTE)
    return marks if isinstance(marks, Marks) else Marks()


def route(
    format: str,  # Lamson's word
    /,
    *,
    phase: Phase = "data",
    on_error: OnError | None = None,
    **captures: str,
) -> Callable[[_F], _F]:
    """Let the function handle mail for addresses that match `format`: docs/routes.md."""
    _check_format(format)
    _check_word("phase", phase, get_args(Phase))
    if on_error is not None:
        _check_word("on_error", on_error, get_args(OnError))

    def mark(function: _F) -> _F:
        return _add_routes(function, "@route", RouteMark(next(_clock), format, captures, phase, on_error))

    return mark


def route_like(other: Callable[..., Any], /) -> Callable[[_F], _F]:
    """Give the function every route of another one, with its captures and its `on_error`."""
    routes = marks_of(_function(other, "@route_like")).routes
    if not routes:
        raise AppError(f"@route_like({_name(other)}): that function has no @route.")

    def mark(function: _F) -> _F:
        copies = (replace(r, age=next(_clock)) for r in routes)
        return _add_routes(function, "@route_like", *copies)

    return mark


def stateless(function: _F, /) -> _F:
    """Run the function for every mail that matches, whatever state the conversation is in."""
    marks = marks_of(_function(function, "@stateless"))
    setattr(function, _ATTRIBUTE, replace(marks, is_stateless=True))
    return function


def _add_routes(function: _F, decorator: str, *routes: RouteMark) -> _F:
    marks = marks_of(_function(function, decorator))
    # A new value, never a changed one: functools.wraps shares its attributes between wrapper and wrapped.
    setattr(function, _ATTRIBUTE, replace(marks, routes=marks.routes + routes))
    return function


def _function(candidate: object, decorator: str) -> FunctionType:
    if not isinstance(candidate, FunctionType):
        raise AppError(f"{decorator} marks functions, and {_name(candidate)} is none.")
    scope = candidate.__qualname__.rpartition(".")[0]
    if scope and not scope.endswith("<locals>"):
        raise AppError(f"{decorator} marks functions of a module, and {_name(candidate)} is a method.")
    return candidate


def _name(candidate: object) -> str:
    if isinstance(candidate, type | FunctionType | MethodType):
        return candidate.__qualname__
    return f"a value of type {type(candidate).__name__}"


def _check_format(format: object) -> None:
    if callable(format):
        raise AppError(f'@route over {_name(format)} needs an address format: @route("(user)@(host)").')
    if not isinstance(format, str):
        raise AppError(f"@route takes an address format, a str, not {_name(format)}.")


def _check_word(parameter: str, word: object, allowed: tuple[str, ...]) -> None:
    if word not in allowed:
        choices = ", ".join(map(repr, allowed))
        raise AppError(f"@route({parameter}={word!r}): it can be one of {choices}.")
