"""`@route` and the other decorators: marks, and nothing else."""

import functools
from collections.abc import Callable
from datetime import timedelta
from types import FunctionType
from typing import Any, cast

import pytest

from lamsonproxy import AppError, Reject, route, route_like, stateless
from lamsonproxy.app.marks import AfterMark, Guard, Marks, after, leads_to, marks_of, requires


def formats(function: Callable[..., Any]) -> list[str]:
    return [mark.format for mark in marks_of(cast(Any, function)).routes]


def handler(mail: object) -> None:
    """A handler without marks."""


def test_a_marked_function_is_still_the_function() -> None:
    def stamp(mail: str) -> str:
        return mail + "!"

    assert route("a@b")(stateless(stamp)) is stamp
    assert stamp("still callable") == "still callable!"


def test_a_function_without_marks_has_none() -> None:
    assert marks_of(cast(Any, handler)) == Marks()
    assert not marks_of(cast(Any, handler))


def test_the_lower_one_of_stacked_routes_comes_first() -> None:
    @route("third")
    @route("second")
    @route("first")
    def stamp(mail: object) -> None: ...

    assert formats(stamp) == ["first", "second", "third"]


def test_stateless_may_stand_above_between_and_below_routes() -> None:
    @stateless
    @route("a")
    def above(mail: object) -> None: ...

    @route("b")
    @stateless
    @route("a")
    def between(mail: object) -> None: ...

    @route("a")
    @stateless
    def below(mail: object) -> None: ...

    for stamp in (above, between, below):
        assert marks_of(cast(Any, stamp)).is_stateless
    assert formats(between) == ["a", "b"]


def test_a_mark_keeps_what_the_decorator_was_given() -> None:
    @route("(list)@(host)", on_error="quarantine", list="[a-z]+", format=".+")
    def stamp(mail: object, list: str, host: str) -> None: ...

    (mark,) = marks_of(cast(Any, stamp)).routes
    assert mark.on_error == "quarantine"
    assert mark.phase == "data"
    assert mark.captures == {"list": "[a-z]+", "format": ".+"}


def test_route_like_copies_every_route_but_not_the_statelessness() -> None:
    @route("(b)@x", b="[b]", on_error="accept")
    @route("(a)@x", a="[a]")
    @stateless
    def first(mail: object) -> None: ...

    @route("c@x")
    @route_like(first)
    def second(mail: object) -> None: ...

    assert formats(second) == ["(a)@x", "(b)@x", "c@x"]
    copied = marks_of(cast(Any, second)).routes[1]
    assert (copied.captures, copied.on_error) == ({"b": "[b]"}, "accept")
    assert not marks_of(cast(Any, second)).is_stateless


def test_marks_made_later_are_younger_also_when_copied() -> None:
    @route("a")
    def first(mail: object) -> None: ...

    @route("b")
    def second(mail: object) -> None: ...

    @route_like(first)
    def third(mail: object) -> None: ...

    ages = [marks_of(cast(Any, f)).routes[0].age for f in (first, second, third)]
    assert ages == sorted(ages)


def test_a_mark_over_a_wrapper_leaves_the_wrapped_function_as_it_was() -> None:
    @route("inner")
    def inner(mail: object) -> None: ...

    @functools.wraps(inner)
    def outer(mail: object) -> None: ...

    route("outer")(outer)

    assert formats(inner) == ["inner"]
    assert formats(outer) == ["inner", "outer"]


def test_marks_of_state_functions_may_stand_above_and_below_routes() -> None:
    @requires("dmarc", otherwise=Reject())
    @route("b")
    @after(days=1, hours=12, to="EXPIRED")
    @requires("confirmed", "spf")
    @leads_to("POSTING", handler)
    @leads_to("START")
    def stamp(mail: object) -> None: ...

    marks = marks_of(cast(Any, stamp))
    assert marks.after == AfterMark(timedelta(hours=36), "EXPIRED")
    assert marks.guards == (Guard("dmarc", Reject()), Guard("confirmed"), Guard("spf"))
    assert marks.leads_to == ("POSTING", handler, "START")
    assert marks.is_state


def test_what_is_routed_at_rcpt_only_has_no_state() -> None:
    @route("a", phase="rcpt")
    def guard(mail: object) -> None: ...

    assert not marks_of(cast(Any, guard)).is_state
    assert not marks_of(cast(Any, stateless(route("a")(guard)))).is_state
    assert not Marks().is_state


class Lists:
    def method(self, mail: object) -> None: ...


def _unmarked() -> FunctionType:
    """A function of the same name, so that no case marks a function of another one."""
    return FunctionType(handler.__code__, {})


MISUSES: dict[str, Callable[[], object]] = {
    '@route over handler needs an address format: @route("(user)@(host)").': lambda: route(
        cast(Any, handler)
    ),
    "@route takes an address format, a str, not a value of type bytes.": lambda: route(cast(Any, b"a@b")),
    "@route marks functions, and Lists is none.": lambda: route("a@b")(Lists),
    "@route marks functions, and a value of type Lists is none.": lambda: route("a@b")(cast(Any, Lists())),
    "@route marks functions, and a value of type partial is none.": lambda: route("a@b")(
        functools.partial(handler)
    ),
    "@route marks functions, and a value of type staticmethod is none.": lambda: route("a@b")(
        cast(Any, staticmethod(lambda: 0))
    ),
    "@route marks functions of a module, and Lists.method is a method.": lambda: route("a@b")(Lists.method),
    "@route marks functions, and Lists.method is none.": lambda: route("a@b")(Lists().method),
    "@stateless marks functions, and Lists is none.": lambda: stateless(Lists),
    "@stateless marks functions of a module, and Lists.method is a method.": lambda: stateless(Lists.method),
    "@route_like(handler): that function has no @route.": lambda: route_like(handler),
    "@route_like marks functions, and a value of type str is none.": lambda: route_like(cast(Any, "handler")),
    "@after needs a time: @after(days=3, to=EXPIRED).": lambda: after(days=1, hours=-24, to="EXPIRED"),
    "@after takes numbers of days, hours, minutes, seconds: unsupported type for timedelta days component: str.": (
        lambda: after(days=cast(Any, "3"), to="EXPIRED")
    ),
    "@after takes numbers of days, hours, minutes, seconds: days=1000000000; must have magnitude <= 999999999.": (
        lambda: after(days=1_000_000_000, to="EXPIRED")
    ),
    "@after(to=...) marks functions, and a value of type int is none.": lambda: after(
        days=1, to=cast(Any, 7)
    ),
    "@after stands twice over handler, and a state has one timer.": lambda: after(days=1, to="A")(
        after(days=2, to="B")(_unmarked())
    ),
    "@after marks functions, and Lists is none.": lambda: after(days=1, to="A")(Lists),
    "@requires needs a word: 'dmarc', 'spf', 'dkim', 'confirmed'.": lambda: requires(),
    "@requires('dane'): it can be one of 'dmarc', 'spf', 'dkim', 'confirmed'.": lambda: requires(
        cast(Any, "dane")
    ),
    "@requires(otherwise=...) takes a verdict, not Reject.": lambda: requires(
        "spf", otherwise=cast(Any, Reject)
    ),
    "@leads_to needs a state function, or the name of one.": lambda: leads_to(),
    "@leads_to marks functions, and a value of type int is none.": lambda: leads_to(cast(Any, 7)),
    "@route(phase='mail'): it can be one of 'data', 'rcpt'.": lambda: route("a", phase=cast(Any, "mail")),
    "@route(on_error='reject'): it can be one of 'defer', 'accept', 'quarantine'.": lambda: route(
        "a", on_error=cast(Any, "reject")
    ),
}


@pytest.mark.parametrize("sentence", MISUSES)
def test_misuse_is_told_in_a_sentence(sentence: str) -> None:
    with pytest.raises(AppError) as raised:
        MISUSES[sentence]()
    assert str(raised.value) == sentence
