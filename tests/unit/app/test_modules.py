"""The author's modules: imported, with every failure as a sentence, and looked through for marks."""

import re

import pytest

from lamsonproxy import AppError
from lamsonproxy.app.modules import import_module, source_of
from tests.unit.app.conftest import Write


def names_in(module: str) -> list[str]:
    return [str(marked) for marked in source_of(import_module(module)).marked]


@pytest.mark.parametrize(
    ("source", "place", "failure"),
    [
        ("x = 1\ny = (\n", "hands.py:3", "SyntaxError: '(' was never closed"),
        ("x = 1\n  y = 2\n", "hands.py:3", "IndentationError: unexpected indent"),
        ("import nowhere.at.all\n", "hands.py:2", "ModuleNotFoundError: No module named 'nowhere'"),
        ("from re import nothing\n", "hands.py:2", "ImportError: cannot import name 'nothing' from 're'"),
        ("def f():\n    return lost\n\nf()\n", "hands.py:3", "NameError: name 'lost' is not defined"),
        ("import sys\nsys.exit()\n", "hands.py:3", "SystemExit"),
        ("import re\nre.compile('(')\n", "/re/", "re.error: missing )"),
        ("raise Exception\n", "hands.py:2", "Exception"),
    ],
)
def test_code_that_cannot_be_imported_is_told_with_file_and_line(
    write: Write, source: str, place: str, failure: str
) -> None:
    write("hands", source)
    with pytest.raises(AppError) as raised:
        import_module("hands")
    sentence = str(raised.value)
    assert place in sentence.partition(": ")[0]
    assert f"hands cannot be imported: {failure.removeprefix('re.')}" in sentence.replace(
        "PatternError", "error"
    )


@pytest.mark.parametrize("name", ["nowhere", "package.nowhere", "nowhere.hands"])
def test_a_module_that_is_not_there_is_told_without_a_place(write: Write, name: str) -> None:
    write("package.hands", "")
    with pytest.raises(AppError, match=f"^{re.escape(name)}: there is no such module.$"):
        import_module(name)


def test_a_misused_mark_is_told_with_the_line_that_it_stands_on(write: Write) -> None:
    path = write("hands", "x = 1\n@route\ndef f(mail): ...\n")
    with pytest.raises(AppError) as raised:
        import_module("hands")
    assert str(raised.value) == f'{path}:3: @route over f needs an address format: @route("(user)@(host)").'


def test_a_module_without_a_route_is_a_mistake(write: Write) -> None:
    write("hands", "def f(mail): ...\n")
    with pytest.raises(AppError, match=r"^hands: nothing in it is marked with @route\.$"):
        names_in("hands")


def test_a_function_is_found_in_the_module_that_defines_it_alone(write: Write) -> None:
    write("one", '@route("a")\n@stateless\ndef f(mail): ...\n')
    write("two", 'from one import f\n@route("b")\n@stateless\ndef g(mail): ...\n')
    assert names_in("one") == ["one.f"]
    assert names_in("two") == ["two.g"]


def test_a_function_of_two_names_is_found_once(write: Write) -> None:
    write("hands", '@route("a")\n@stateless\ndef f(mail): ...\nother = f\n')
    assert len(names_in("hands")) == 1


def test_what_a_factory_or_a_decorator_made_is_found_where_it_was_marked(write: Write) -> None:
    write(
        "tools",
        """
        import functools
        def stamper():
            def inner(mail): ...
            return inner
        def careless(function):
            def wrapper(mail): return function(mail)
            return wrapper
        def careful(function):
            @functools.wraps(function)
            def wrapper(mail): return function(mail)
            return wrapper
        """,
    )
    write(
        "hands",
        """
        from tools import *
        stamp = route("a")(stateless(stamper()))

        @route("b")
        @stateless
        @careless
        def wrapped(mail): ...

        @careful
        @route("c")
        @stateless
        def over(mail): ...
        """,
    )
    assert names_in("hands") == ["hands.stamp", "hands.wrapped", "hands.over"]
