"""`@route`, `@route_like`, `@stateless`, `@after`, `@requires`, `@leads_to`, `@uses_tables`: what an author writes over
a function.

Law: a mark changes nothing but the function that it stands on. Nothing is registered anywhere: `App` imports
the modules and compiles the marks that it finds there, so importing a module never changes where mail goes.

Stacked routes keep their source semantics: Python applies the one nearest to the function first, so that one
is older and comes first. The other marks may stand above or below them.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import FunctionType, MethodType
from typing import Any, Literal, TypeVar, get_args

from lamsonproxy.errors import AppError
from lamsonproxy.mail.verdict import Verdict

OnError = Literal["defer", "accept", "quarantine"]
"""What becomes of mail whose handler raises or overruns; None leaves it to the door."""

Phase = Literal["data", "rcpt"]

Evidence = Literal["dmarc", "spf", "dkim", "confirmed"]
"""What can tell that a sender is who it says: three results of authentication, and an answered confirmation."""

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


Target = str | Callable[..., Any]
"""A function, or its name where it is defined further down."""


@dataclass(frozen=True, slots=True)
class AfterMark:
    """One `@after`."""

    delta: timedelta
    to: Target


@dataclass(frozen=True, slots=True)
class Guard:
    """One word of `@requires`, and what is said where it fails; None: the route does not match then."""

    evidence: Evidence
    otherwise: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """All that stands over one function, oldest route first."""

    routes: tuple[RouteMark, ...] = ()
    is_stateless: bool = False
    after: AfterMark | None = None
    guards: tuple[Guard, ...] = ()
    """All of them are required."""
    leads_to: tuple[Target, ...] = ()
    tables: tuple[object, ...] = ()
    """What it needs in the database, as `App(tables=...)` takes it."""

    def __bool__(self) -> bool:
        return self != _NONE

    @property
    def is_state(self) -> bool:
        """Whether it stands over a state function: handlers that are asked at RCPT only have no state."""
        return bool(self) and not self.is_stateless and not self.is_for_rcpt_only

    @property
    def is_for_rcpt_only(self) -> bool:
        return bool(self.routes) and all(mark.phase == "rcpt" for mark in self.routes)


_NONE = Marks()


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
    return _set(function, replace(_marks(function, "@stateless"), is_stateless=True))


def after(
    *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, to: Target
) -> Callable[[_F], _F]:
    """When nothing has happened for so long to a conversation in this state, call `to(mail)`, a function of the same
    module."""
    mark = AfterMark(_duration(days, hours, minutes, seconds), _target(to, "@after(to=...)"))

    def set_timer(function: _F) -> _F:
        marks = _marks(function, "@after")
        if marks.after:
            raise AppError(f"@after stands twice over {_name(function)}, and a state has one timer.")
        return _set(function, replace(marks, after=mark))

    return set_timer


def requires(*evidence: Evidence, otherwise: Verdict | None = None) -> Callable[[_F], _F]:
    """Let the function's routes match only mail whose sender has proved to be who it says, or answer any other with
    `otherwise`: docs/identity.md."""
    if not evidence:
        raise AppError(f"@requires needs a word: {_choices(get_args(Evidence))}.")
    for word in evidence:
        if word not in get_args(Evidence):
            raise AppError(f"@requires({word!r}): it can be one of {_choices(get_args(Evidence))}.")
    if otherwise is not None and not isinstance(otherwise, Verdict):
        raise AppError(f"@requires(otherwise=...) takes a verdict, not {_name(otherwise)}.")
    guards = tuple(Guard(word, otherwise) for word in evidence)

    def guard(function: _F) -> _F:
        marks = _marks(function, "@requires")
        # Python applies the lower decorator first, and readers begin at the top.
        return _set(function, replace(marks, guards=guards + marks.guards))

    return guard


def leads_to(*targets: Target) -> Callable[[_F], _F]:
    """Declare to which states the function may move a conversation, where its code does not say so by name."""
    if not targets:
        raise AppError("@leads_to needs a state function, or the name of one.")
    checked = tuple(_target(target, "@leads_to") for target in targets)

    def declare(function: _F) -> _F:
        marks = _marks(function, "@leads_to")
        return _set(function, replace(marks, leads_to=checked + marks.leads_to))

    return declare


def uses_tables(*tables: object) -> Callable[[_F], _F]:
    """Declare the tables (SQLAlchemy's MetaData) that a handler brings with it: they are made at start, as those of
    `App(tables=...)` are, and a database must be there."""

    def declare(function: _F) -> _F:
        marks = _marks(function, "@uses_tables")
        return _set(function, replace(marks, tables=marks.tables + tables))

    return declare


def _add_routes(function: _F, decorator: str, *routes: RouteMark) -> _F:
    marks = _marks(function, decorator)
    return _set(function, replace(marks, routes=marks.routes + routes))


def _marks(function: object, decorator: str) -> Marks:
    return marks_of(_function(function, decorator))


def _set(function: _F, marks: Marks) -> _F:
    # A new value, never a changed one: functools.wraps shares its attributes between wrapper and wrapped.
    setattr(function, _ATTRIBUTE, marks)
    return function


def _duration(days: float, hours: float, minutes: float, seconds: float) -> timedelta:
    try:
        delta = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except (TypeError, ValueError, OverflowError) as error:
        raise AppError(f"@after takes numbers of days, hours, minutes, seconds: {error}.") from error
    if delta <= timedelta(0):
        raise AppError("@after needs a time: @after(days=3, to=EXPIRED).")
    return delta


def _target(target: object, where: str) -> Target:
    if isinstance(target, str):
        return target
    return _function(target, where)


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
        raise AppError(f"@route({parameter}={word!r}): it can be one of {_choices(allowed)}.")


def _choices(allowed: tuple[str, ...]) -> str:
    return ", ".join(map(repr, allowed))
