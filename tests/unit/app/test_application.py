"""Applications: loaded, or refused with every mistake in a sentence."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from lamsonproxy import (
    Accept,
    App,
    AppError,
    Consume,
    Defer,
    Discard,
    Quarantine,
    Reject,
    stateless,
)
from lamsonproxy.app.application import find_app, rcpt_verdict_from, verdict_from
from tests.unit.app.conftest import Write


def problems_of(app: App) -> list[str]:
    with pytest.raises(AppError) as raised:
        app.load()
    return list(raised.value.problems)


def test_an_app_without_modules_has_no_routes() -> None:
    assert len(App().load()) == 0


def test_an_app_imports_nothing_before_it_is_loaded() -> None:
    assert repr(App("nowhere.at.all")) == "App('nowhere.at.all')"


def test_modules_are_tried_in_the_order_of_the_app_and_routes_in_that_of_their_marks(write: Write) -> None:
    write(
        "one",
        """
        @route(".+@y")
        @route("x@y")
        @stateless
        def first(mail): ...

        @stateless
        @route("x@y")
        def second(mail): ...
        """,
    )
    write(
        "two",
        """
        import one

        @stateless
        @route("x@.+")
        def third(mail): ...

        @stateless
        @route_like(one.second)
        def fourth(mail): ...
        """,
    )

    def tried(*modules: str) -> list[str]:
        return [match.route.name for match in App(*modules).load().matches("x@y")]

    assert tried("one", "two") == ["one.first", "one.second", "two.fourth", "one.first", "two.third"]
    assert tried("two", "one") == ["two.third", "two.fourth", "one.first", "one.second", "one.first"]
    assert tried("two") == ["two.third", "two.fourth"]


def test_a_module_that_is_named_twice_is_loaded_once(write: Write) -> None:
    write("hands", '@route("a")\n@stateless\ndef f(mail): ...\n')
    assert len(App("hands", "hands").load()) == 1


def test_a_function_that_is_bound_again_keeps_the_place_of_its_mark(write: Write) -> None:
    write(
        "hands",
        """
        def late(mail): ...

        @route(".*")
        @stateless
        def early(mail): ...

        late = route(".+")(stateless(late))
        """,
    )
    assert [route.name for route in App("hands").load()] == ["hands.early", "hands.late"]


def test_handlers_of_one_short_name_are_told_apart_by_their_packages(write: Write) -> None:
    for package in ("red", "blue"):
        write(f"{package}.hands", '@route("a")\n@route("b")\n@stateless\ndef f(mail): ...\n')
    write("green.lists", '@route("a")\n@stateless\ndef f(mail): ...\n')
    names = {route.name for route in App("red.hands", "blue.hands", "green.lists").load()}
    assert names == {"red.hands.f", "blue.hands.f", "lists.f"}


def test_captures_of_the_decorator_go_over_those_of_the_app(write: Write) -> None:
    write(
        "hands",
        """
        @route("(id)@(host)", id="[0-9]+")
        @stateless
        def f(mail, id, host): ...
        """,
    )
    routes = App("hands", captures={"id": "[a-z]+", "host": "x"}).load()
    assert [dict(match.captures) for match in routes.matches("7@x")] == [{"id": "7", "host": "x"}]
    assert not list(routes.matches("a@x"))


def test_async_handlers_and_their_on_error_are_kept(write: Write) -> None:
    write("hands", '@route("a", on_error="accept")\n@stateless\nasync def f(mail): ...\n')
    (route,) = App("hands").load()
    assert route.on_error == "accept"
    assert (route.format, route.handler.__name__) == ("a", "f")


@pytest.mark.fault("K4")
@pytest.mark.fault("K5")
def test_every_mistake_of_every_module_is_told_at_once(write: Write) -> None:
    broken = write("broken", "x = (\n")
    write(
        "hands",
        """
        @route("(lost)@(found)")
        @stateless
        def capture(mail): ...

        @route(r"(\\w+\\.?)+@x")
        @stateless
        def slow(mail): ...

        @route("(a")
        @stateless
        def unfinished(mail): ...

        @route("(id)@x", id="*")
        @stateless
        def repeat(mail, id): ...

        @route("a@x", phase="rcpt", on_error="quarantine")
        def early(mail): ...

        @route("a@x")
        def STATE(mail): ...

        @stateless
        def unrouted(mail): ...

        @route("a@x")
        @stateless
        def generator(mail):
            yield

        @route("a@x")
        @stateless
        async def stream(mail):
            yield
        """,
    )
    sentences = problems_of(App("broken", "hands", "nowhere", captures={"x-y": "."}))
    assert sentences == [
        "The App: capture 'x-y': its name is no Python identifier, so no handler could take it.",
        f"{broken}:2: broken cannot be imported: SyntaxError: '(' was never closed",
        "nowhere: there is no such module.",
        "hands.unrouted is @stateless but has no @route.",
        "hands.generator is a generator, and a handler returns once.",
        "hands.stream is a generator, and a handler returns once.",
        "hands.capture: route '(lost)@(found)': undefined capture (lost): define it, or write (?:lost) if only"
        " those letters are meant.",
        "hands.capture: route '(lost)@(found)': undefined capture (found): define it, or write (?:found) if only"
        " those letters are meant.",
        r"hands.slow: route '(\\w+\\.?)+@x': it can back-track catastrophically: a repeat inside a repeat, or"
        " alternatives that overlap, can read a run of 'a' in exponentially many ways; let each turn of the loop"
        " end with a character that nothing else in it takes.",
        "hands.unfinished: route '(a': it is no regular expression: missing ), unterminated subpattern at"
        " position 0.",
        "hands.repeat: route '(id)@x': capture 'id': '*' is no regular expression: nothing to repeat at position 0.",
        "hands.early: route 'a@x': on_error='quarantine' keeps a message, and at RCPT there is none yet.",
    ]


@pytest.mark.parametrize(
    ("signature", "mistake"),
    [
        ("mail", "got an unexpected keyword argument"),
        ("mail, user", "got an unexpected keyword argument 'host'"),
        ("mail, user, host, size", "missing a required argument: 'size'"),
        ("mail, *, user, host, size", "missing a required"),
        ("user, host", "multiple values for argument 'user'"),
        ("*, user, host", "too many positional arguments"),
        ("", "too many positional arguments"),
        ("mail, user, host, /", "user"),
    ],
)
def test_a_handler_that_cannot_take_its_captures_is_a_mistake(
    write: Write, signature: str, mistake: str
) -> None:
    write("hands", f'@route("(user)@(host)")\n@stateless\ndef f({signature}): ...\n')
    (sentence,) = problems_of(App("hands", captures={"user": ".+", "host": "x"}))
    assert sentence.startswith(
        "hands.f: route '(user)@(host)': the handler cannot take the mail and the captures: "
    )
    assert mistake in sentence


@pytest.mark.parametrize(
    "signature",
    [
        "mail, user, host",
        "mail, host, user",
        "message, user=None, host=None, size=0",
        "mail, *, user, host",
        "mail, **captures",
        "mail, /, user, **captures",
        "*mail, user, host",
    ],
)
def test_a_handler_takes_the_mail_in_its_first_place_and_captures_by_name(
    write: Write, signature: str
) -> None:
    write("hands", f'@route("(user)@(host)")\n@stateless\ndef f({signature}): ...\n')
    assert len(App("hands", captures={"user": ".+", "host": "x"}).load()) == 1


def test_an_app_takes_names_and_not_modules() -> None:
    with pytest.raises(
        AppError, match=re.escape('the names of modules: App("app.handlers.lists"), not <module')
    ):
        App(cast(Any, re))


def test_an_app_is_found_from_the_current_directory_on(write: Write) -> None:
    write("app.main", 'app = App("app.hands")\n')
    write("app.hands", '@route("a")\n@stateless\ndef f(mail): ...\n')
    assert [route.name for route in find_app("app.main:app").load()] == ["hands.f"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("app.main", "'app.main' names no application: write module:name, as in \"app.main:app\"."),
        ("app.main:", "'app.main:' names no application"),
        (":app", "':app' names no application"),
        ("app/main.py:app", "'app/main.py:app' names no application"),
        ("app..main:app", "'app..main:app' names no application"),
        ("app.main:a.b", "'app.main:a.b' names no application"),
        ("app.main:lost", "app.main:lost: lost is not there (HERE)."),
        ("app.main:number", "app.main:number: number is of type int, not an App (HERE)."),
        ("app.nowhere:app", "app.nowhere: there is no such module."),
    ],
)
def test_a_name_that_leads_to_no_app_is_told_in_a_sentence(write: Write, name: str, sentence: str) -> None:
    path = write("app.main", "number = 1\n")
    with pytest.raises(AppError) as raised:
        find_app(name)
    assert str(raised.value).startswith(sentence.replace("HERE", str(path)))


@pytest.mark.parametrize(
    "verdict",
    [
        None,
        Accept(),
        Consume(),
        Reject(),
        Reject("5.7.1", "No", whole=True),
        Defer(),
        Discard(),
        Quarantine("x"),
    ],
)
def test_verdicts_and_none_are_taken_as_they_are(verdict: object) -> None:
    assert verdict_from(verdict) is verdict


async def _later() -> None: ...


@stateless
def _state(mail: object) -> None: ...


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        ("999 x", "The handler returned a value of type str, which is no verdict."),
        ("250 Ok\r\n250 Ok", "The handler returned a value of type str, which is no verdict."),
        (b"550 no", "The handler returned a value of type bytes, which is no verdict."),
        (True, "The handler returned a value of type bool, which is no verdict."),
        (0, "The handler returned a value of type int, which is no verdict."),
        ((550, "no"), "The handler returned a value of type tuple, which is no verdict."),
        ([Accept()], "The handler returned a value of type list, which is no verdict."),
        (Path("x"), "The handler returned a value of type PosixPath, which is no verdict."),
        (Reject, "The handler returned the class Reject; a verdict has brackets: Accept()."),
        (str, "The handler returned the class str; a verdict has brackets: Accept()."),
        (_state, "The handler returned a function, but a @stateless handler moves no conversation."),
    ],
)
def test_anything_else_that_a_handler_returns_is_an_error_that_tells_no_value(
    returned: object, sentence: str
) -> None:
    with pytest.raises(AppError) as raised:
        verdict_from(returned)
    assert str(raised.value) == sentence


@pytest.mark.fault("H6")
def test_a_coroutine_that_nobody_awaited_is_an_error_and_is_closed() -> None:
    with pytest.raises(
        AppError, match=r"^The handler returned a coroutine: write `async def`, or await it\.$"
    ):
        verdict_from(_later())


def test_routes_at_rcpt_stand_apart_and_need_no_stateless(write: Write) -> None:
    write(
        "hands",
        """
        @route(".+@x", phase="rcpt")
        def guard(mail): ...

        @route(".+@x")
        @stateless
        def stamp(mail): ...

        @route("a@x", phase="rcpt", on_error="accept")
        @stateless
        def second(mail): ...
        """,
    )
    routes = App("hands").load()
    assert [match.route.name for match in routes.matches("a@x", "rcpt")] == ["hands.guard", "hands.second"]
    assert [match.route.name for match in routes.matches("a@x")] == ["hands.stamp"]


@pytest.mark.parametrize("verdict", [None, Accept(), Reject("5.7.1", "no"), Defer("4.2.0", "later")])
def test_at_rcpt_a_handler_may_take_refuse_defer_or_say_nothing(verdict: object) -> None:
    assert rcpt_verdict_from(verdict) == verdict


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    ("returned", "mistake"),
    [
        (Consume(), "Consume, and at RCPT there is no message"),
        (Discard(), "Discard, and at RCPT there is no message"),
        (Quarantine(), "Quarantine, and at RCPT there is no message"),
        (Reject(whole=True), "at RCPT it is about one recipient"),
        ("550 no", "a value of type str"),
    ],
)
def test_at_rcpt_whatever_needs_a_message_is_an_error(returned: object, mistake: str) -> None:
    with pytest.raises(AppError, match=re.escape(mistake)):
        rcpt_verdict_from(returned)
