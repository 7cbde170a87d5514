"""`@route`, `@route_like`, `@stateless`: marks, and nothing else."""

import functools
from collections.abc import Callable
from typing import Any, cast

import pytest

from lamsonproxy import AppError, route, route_like, stateless
from lamsonproxy.app.marks import Marks, marks_of


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


class Lists:
    def method(self, mail: object) -> None: ...


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
