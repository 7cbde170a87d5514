"""Machines: which functions are states, and of which conversation."""

from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy import App, AppError, Consume, Defer
from lamsonproxy.app.application import next_from
from lamsonproxy.app.machines import NO_MACHINES, After, Machine, Machines
from tests.unit.app.conftest import Write

NO_MAIL = cast(Any, None)

LISTS = """
    STATE_KEY = ("list",)

    @route("(list)@x", list="[a-z]+")
    def START(mail, list):
        return CONFIRMING

    @after(days=3, to="EXPIRED")
    @route_like(START)
    def CONFIRMING(mail, list): ...

    def EXPIRED(mail):
        return START
    """


def machines(write: Write, **modules: str) -> Machines:
    for name, source in modules.items():
        write(name, source)
    return App(*modules).load().machines


def problems_of(write: Write, **modules: str) -> list[str]:
    with pytest.raises(AppError) as raised:
        machines(write, **modules)
    return list(raised.value.problems)


def test_a_state_is_known_by_its_module_and_its_name(write: Write) -> None:
    found = machines(write, lists=LISTS)
    start = cast(Any, found.function("lists", "START"))
    assert found.state_of(start) == ("lists", "START")
    assert found.machines == ("lists",)
    assert found.states("lists") == ("START", "CONFIRMING")
    assert found.has_state("lists", "CONFIRMING")
    assert not found.has_state("lists", "POSTING")
    assert not found.has_state("nowhere", "START")
    assert not found.is_async


def test_what_a_timer_calls_is_a_function_of_the_machine_and_not_a_state(write: Write) -> None:
    found = machines(write, lists=LISTS)
    assert found.after("lists", "CONFIRMING") == After(timedelta(days=3), "EXPIRED")
    assert found.after("lists", "START") is None
    assert found.function("lists", "EXPIRED") is not None
    assert not found.has_state("lists", "EXPIRED")
    assert found.function("lists", "NOBODY") is None
    assert found.function("nowhere", "EXPIRED") is None


def test_the_routes_of_a_state_function_tell_its_machine_and_state(write: Write) -> None:
    write("app.lists", LISTS)
    write("app.stamps", '@route(".+")\n@stateless\ndef stamp(mail): ...\n')
    found = [(route.name, route.machine, route.state) for route in App("app.lists", "app.stamps").load()]
    assert found == [
        ("lists.START", "app.lists", "START"),
        ("lists.CONFIRMING", "app.lists", "CONFIRMING"),
        ("stamps.stamp", "", ""),
    ]


def test_handlers_of_a_module_that_asks_for_confirmations_need_a_unit(write: Write) -> None:
    write(
        "asking",
        """
        joining = Confirmation("join")

        @route("a")
        @stateless
        def a(mail): ...
        """,
    )
    write("stamps", '@route("b")\n@stateless\ndef b(mail): ...\n')
    assert [(r.name, r.needs_unit) for r in App("asking", "stamps").load()] == [
        ("asking.a", True),
        ("stamps.b", False),
    ]


def test_machines_have_their_last_names_where_nobody_else_has_them() -> None:
    found = Machines([Machine("app.lists", {}), Machine("red.bounces", {}), Machine("blue.bounces", {})])
    assert [found.short(machine) for machine in found.machines] == ["lists", "red.bounces", "blue.bounces"]


def test_a_function_keeps_its_own_name_whatever_else_it_is_bound_to(write: Write) -> None:
    found = machines(write, hands='ALIAS = None\n@route("a")\ndef START(mail): ...\nALIAS = START\n')
    assert found.states("hands") == ("START",)


def test_what_a_factory_makes_is_called_as_the_module_calls_it(write: Write) -> None:
    source = """
        def make(format):
            @route(format)
            def made(mail): ...
            return made

        START = make("a")
        POSTING = make("b")
        """
    assert machines(write, hands=source).states("hands") == ("START", "POSTING")


@pytest.mark.parametrize(
    ("parts", "captures", "key"),
    [
        ((), {"list": "cooks"}, ""),
        (("list",), {"list": "Cooks"}, "cooks"),
        (("list", "host"), {"list": "cooks", "host": "X.org"}, "cooks/x.org"),
        (("list", "host"), {"list": None}, "/"),
        (("list", "host"), {"list": "a/b", "host": "c"}, r"a\/b/c"),
        (("list", "host"), {"list": "a", "host": "b/c"}, r"a/b\/c"),
    ],
)
def test_a_key_is_made_of_captures_in_small_letters(
    parts: tuple[str, ...], captures: dict[str, str | None], key: str
) -> None:
    assert Machines([Machine("lists", {}, parts)]).key_of("lists", captures, NO_MAIL) == key


_WORD = st.text(st.sampled_from("ab/\\"), max_size=4)


@given(st.tuples(_WORD, _WORD), st.tuples(_WORD, _WORD))
def test_no_two_lists_of_captures_have_one_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    found = Machines([Machine("m", {}, ("p", "q"))])
    keys = [found.key_of("m", dict(zip("pq", words, strict=True)), NO_MAIL) for words in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_a_key_can_be_a_function_of_the_mail(write: Write) -> None:
    found = machines(write, hands='def STATE_KEY(mail): return mail * 2\n@route("a")\ndef START(mail): ...\n')
    assert found.key_of("hands", {}, cast(Any, "ab")) == "abab"
    with pytest.raises(AppError, match=r"^hands\.STATE_KEY returned a value of type int, not a str\.$"):
        found.key_of("hands", {}, cast(Any, 21))


def test_what_a_state_function_returns_is_where_the_conversation_goes_or_a_verdict(write: Write) -> None:
    found = machines(write, lists=LISTS)
    assert next_from(None, found) == (None, Consume())
    assert next_from(Defer(), found) == (None, Defer())
    assert next_from(found.function("lists", "CONFIRMING"), found) == (("lists", "CONFIRMING"), Consume())


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (
            test_machines_have_their_last_names_where_nobody_else_has_them,
            "The handler returned tests.unit.app.test_machines.test_machines_have_their_last_names_where_nobody_else"
            "_has_them, which is no state function in a module of the App.",
        ),
        ("POSTING", "The handler returned a value of type str, which is no verdict."),
        (Consume, "The handler returned the class Consume; a verdict has brackets: Accept()."),
    ],
)
def test_anything_else_that_a_state_function_returns_is_an_error(returned: object, sentence: str) -> None:
    with pytest.raises(AppError) as raised:
        next_from(returned, NO_MACHINES)
    assert str(raised.value) == sentence


@pytest.mark.fault("K5")
def test_what_is_wrong_with_machines_is_told_at_start(write: Write) -> None:
    sentences = problems_of(
        write,
        lists="""
            STATE_KEY = ("list_name",)

            @after(days=1, to="NOBODY")
            @route("a")
            def START(mail): ...

            @after(hours=1, to=START)
            @route("b")
            async def WAITING(mail): ...

            @after(hours=1, to="POSTING")
            @route("(c)", c=".+")
            async def POSTING(mail, c, d=0): ...

            @after(hours=1, to="remind")
            @route_like(POSTING)
            async def READING(mail, c): ...

            async def remind(mail, c, e, *, f): ...

            from functools import wraps

            @after(hours=1, to=wraps)
            @route("d")
            async def FAR(mail): ...
            """,
        blogs='STATE_KEY = "post"\n@route("a")\ndef START(mail): ...\n',
        shops='async def STATE_KEY(mail): ...\n@route("a")\ndef START(mail): ...\nalso = START\n',
    )
    assert sentences == [
        "lists.STATE_KEY: no route of a state function in this module captures 'list_name'.",
        "lists.START: @after(to=NOBODY): this module defines no such function.",
        "lists.READING: @after(to=remind): remind needs 'e', and no state function's route captures that.",
        "lists.READING: @after(to=remind): remind needs 'f', and no state function's route captures that.",
        "lists.FAR: @after(to=wraps): this module defines no such function.",
        'blogs.STATE_KEY is a tuple of the names of captures, as in ("list_name",), or a function of the mail.',
        "shops.STATE_KEY is `async def`, and a key is told without waiting.",
        "lists.START is `def` and lists.WAITING is `async def`: the state functions of one App are all of one kind,"
        " because they share one kind of database session.",
    ]
