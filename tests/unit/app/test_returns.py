"""What a handler's source says that it returns."""

import importlib
from textwrap import dedent
from types import FunctionType

import pytest

from lamsonproxy.app.returns import Returned, returned_by
from tests.unit.app.conftest import Write

_NAMES = """
import elsewhere
from elsewhere import BOUNCING as AWAY

CLOSED = Reject("5.7.1", "Closed")
NOTHING = None

def A(mail): ...
def B(mail): ...
def C(mail): ...

def either(mail):
    if mail:
        return A
    return B

def around(mail):
    return around(mail) or C

"""


def returned(write: Write, body: str, head: str = "def F(mail, word=None):") -> str:
    """The names of what is returned, and a question mark where it is computed."""
    write("elsewhere", "def BOUNCING(mail): ...\n")
    write("hands", _NAMES + head + "".join(f"\n    {line}" for line in body.splitlines()) + "\n")
    function = vars(importlib.import_module("hands"))["F"]
    assert isinstance(function, FunctionType)
    found = returned_by(function)
    return " ".join([*(f.__name__ for f in found.functions), *(["?"] * found.is_computed)])


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("pass", ""),
        ("return", ""),
        ("return None", ""),
        ("return NOTHING", ""),
        ("return Accept()", ""),
        ('return Reject("5.7.1", "No")', ""),
        ("return CLOSED", ""),
        ("return A", "A"),
        ("if word: return B\nreturn A", "B A"),
        ("for x in word:\n    with x:\n        return A\nreturn A", "A"),
        ("try: return A\nexcept ValueError: return B\nfinally: pass", "A B"),
        ("match word:\n    case 1: return A\n    case _: return B", "A B"),
        ("return A if word else B", "A B"),
        ("return A if word else Reject()", "A"),
        ("return word == 1 and A", "A"),
        ("return word is None and A or B", "A B"),
        ("return {1: A, 2: B}[word]", "A B"),
        ("return (A, B)[word]", "A B"),
        ("return (found := A)", "A"),
        ("return elsewhere.BOUNCING", "BOUNCING"),
        ("return AWAY", "BOUNCING"),
        ("import elsewhere as e\nreturn e.BOUNCING", "BOUNCING"),
        ("from elsewhere import BOUNCING\nreturn BOUNCING", "BOUNCING"),
        ("import nowhere\nreturn nowhere.BOUNCING", "?"),
        ("return either(mail)", "A B"),
        ("return either(mail) if word else C", "A B C"),
        ("return around(mail)", "C"),
        ("step = A\nif word:\n    step = B\nreturn step", "A B"),
        ("step: object = A\nreturn step", "A"),
        ("step = None\nstep = step or A\nreturn step", "A"),
        ("step = either(mail)\nreturn step", "A B"),
        ("step = A\ndef later(): return step\nreturn step", "A"),
        ("def inner(mail):\n    return A\nreturn B", "B"),
        ("return lambda mail: A", "?"),
        ("def inner(mail): ...\nreturn inner", "?"),
        ("return word", "?"),
        ("word = A\nreturn word", "A ?"),
        ("for step in (A, B): pass\nreturn step", "?"),
        ("a, step = A, B\nreturn step", "?"),
        ("match mail:\n    case step: return step", "?"),
        ("try: pass\nexcept OSError as step: return step", "?"),
        ("return steps[word]", "?"),
        ("return globals()[word]", "?"),
        ("return mail.next", "?"),
        ("return nowhere", "?"),
        ("return elsewhere.NOWHERE", "?"),
        ("return len(word)", "?"),
        ("return A, B", "?"),
    ],
)
def test_what_a_handler_returns_is_read_from_its_source(write: Write, body: str, names: str) -> None:
    assert returned(write, body) == names


def test_async_functions_are_read_like_others(write: Write) -> None:
    assert returned(write, "return await either(mail)", "async def F(mail):") == "A B"


WRAPPERS = """
    import functools

    def wrapped(function):
        @functools.wraps(function)
        def wrapper(mail, *args):
            return function(mail, *args)
        return wrapper

    def unless_spam(next_state):
        def decorate(function):
            @functools.wraps(function)
            def wrapper(mail):
                if mail.is_spam:
                    return next_state
                return function(mail)
            return wrapper
        return decorate

    def counted(function):
        @functools.wraps(function)
        def wrapper(mail):
            outcome = count(function(mail))
            return outcome
        return wrapper
    """


@pytest.mark.parametrize(
    ("decorators", "names"),
    [
        ("@wrapped", "A"),
        ("@wrapped\n@wrapped", "A"),
        ("@unless_spam(B)", "B A"),
        ("@counted", "A ?"),
        ("@lib.wrapped", "A"),
        ("@lib.unless_spam(B)\n@wrapped", "B A"),
        ("@lib.counted", "A"),
        ("@functools.wraps(functools.partial(A))", "A"),
    ],
)
def test_a_wrapper_and_what_it_wraps_are_read(write: Write, decorators: str, names: str) -> None:
    write("lib", WRAPPERS)
    rest = f"import lib\n\ndef A(mail): ...\ndef B(mail): ...\n\n{decorators}\ndef F(mail):\n    return A\n"
    write("wraps", f"{dedent(WRAPPERS)}\n{rest}")
    found = returned_by(importlib.import_module("wraps").F)
    assert " ".join([*(f.__name__ for f in found.functions), *(["?"] * found.is_computed)]) == names


def test_a_long_expression_is_read(write: Write) -> None:
    assert returned(write, f"x = {' + '.join(['1'] * 700)}\nreturn A") == "A"


def test_what_an_enclosing_function_has_bound_is_known(write: Write) -> None:
    write(
        "hands",
        "def make(step):\n    def made(mail):\n        return step\n    return made\n\nF = make(make)\n",
    )
    hands = importlib.import_module("hands")
    assert returned_by(hands.F) == Returned((hands.make,))


def test_a_function_without_source_is_computed() -> None:
    made: dict[str, FunctionType] = {}
    exec("def F(mail): return F", made)
    assert returned_by(made["F"]) == Returned(is_computed=True)
