"""What people who know Lamson expect of routes and states: one test for each of docs/coming-from-lamson.md's items that
is decided before mail comes."""

import re
from typing import Any, cast

import pytest

import lamsonproxy
from lamsonproxy import App, AppError, Consume, Reject, route, route_like, stateless
from lamsonproxy.app.application import next_from, verdict_from
from lamsonproxy.app.marks import marks_of
from lamsonproxy.app.routing import Match, Routes
from lamsonproxy.mail.conversation import START, ConversationKey, Standing
from tests.unit.app.conftest import Write

CAPTURES = {"host": r"x\.org", "list": "[a-z]+"}


def load(write: Write, captures: dict[str, str] = CAPTURES, /, **modules: str) -> Routes:
    for name, source in modules.items():
        write(name, source)
    return App(*modules, captures=captures).load()


def met(routes: Routes, address: str) -> list[str]:
    return [match.route.name for match in routes.matches(address)]


def only(routes: Routes, address: str) -> Match:
    (match,) = routes.matches(address)
    return match


def test_2_1_1_captures_of_the_decorator_go_over_the_shared_ones_and_nothing_is_escaped(write: Write) -> None:
    routes = load(
        write, hands='@route("(list)@(host)(.?)", list="[0-9]+")\ndef START(mail, **captures): ...\n'
    )
    assert only(routes, "7@x.org").route.pattern.pattern == r"(?P<list>[0-9]+)@(?P<host>x\.org)(.?)"
    assert met(routes, "a@x.org") == []


def test_2_1_1_a_name_without_a_capture_is_an_error_and_no_group(write: Write) -> None:
    with pytest.raises(AppError, match=re.escape("undefined capture (lost)")):
        load(write, hands='@route("(lost)@(host)")\ndef START(mail, **captures): ...\n')


def test_2_1_1_shared_captures_are_taken_when_the_app_is_loaded(write: Write) -> None:
    write("hands", '@route("(list)@x")\ndef START(mail, list): ...\n')
    assert met(App("hands", captures={"list": "a"}).load(), "a@x") == ["hands.START"]
    assert met(App("hands", captures={"list": "b"}).load(), "a@x") == []


def test_2_1_2_the_whole_address_matches_without_a_line_break_and_in_any_case(write: Write) -> None:
    routes = load(write, hands='@route("a@x|b@y")\ndef START(mail): ...\n')
    assert [met(routes, address) != [] for address in ("a@x", "B@Y", "a@x\n", "a@xy", "aa@x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_2_1_3_captures_reach_the_handler_by_name(write: Write) -> None:
    routes = load(write, hands='@route("(list)@(host)")\ndef START(mail, host=None, list=None): ...\n')
    assert dict(only(routes, "cooks@x.org").captures) == {"list": "cooks", "host": "x.org"}


def test_2_1_4_captures_keep_the_recipients_own_spelling(write: Write) -> None:
    routes = load(write, hands='@route("(list)@(host)")\ndef START(mail, list, host): ...\n')
    assert only(routes, "Cooks@X.org").captures["list"] == "Cooks"


def test_2_1_5_the_order_is_that_of_modules_then_of_formats_then_of_handlers(write: Write) -> None:
    routes = load(
        write,
        one="""
            @route(".+@y")
            @route("x@y")
            def START(mail): ...

            @route("x@y")
            def POSTING(mail): ...
            """,
        two='@route("x@.+")\ndef START(mail): ...\n\n@route(".+@y")\ndef POSTING(mail): ...\n',
    )
    assert met(routes, "x@y") == [
        "one.START",  # x@y, the lower one of its two
        "one.POSTING",  # x@y, written first there
        "one.START",  # .+@y
        "two.POSTING",  # .+@y, written first in the other module
        "two.START",  # x@.+
    ]


def test_2_1_6_stateful_and_stateless_handlers_stand_in_one_order(write: Write) -> None:
    routes = load(
        write,
        hands="""
            @route("a")
            def START(mail): ...

            @route(".+")
            @stateless
            def stamp(mail): ...

            @route("a")
            @stateless
            def log(mail): ...
            """,
    )
    assert [(match.route.name, match.route.state) for match in routes.matches("a")] == [
        ("hands.START", "START"),
        ("hands.log", ""),
        ("hands.stamp", ""),
    ]


def test_2_1_9_route_like_copies_all_routes_also_of_another_module(write: Write) -> None:
    one = '@route("a")\n@route("(list)@x", list="b")\ndef START(mail, list=None): ...\n'
    routes = load(write, one=one, two="import one\n@route_like(one.START)\ndef START(mail, list=None): ...\n")
    assert met(routes, "a") == met(routes, "b@x") == ["one.START", "two.START"]


def test_2_1_9_route_like_needs_a_function_that_is_routed() -> None:
    def unrouted(mail: object) -> None: ...

    with pytest.raises(AppError, match="has no @route"):
        route_like(unrouted)


class Lists:
    def START(self, mail: object) -> None: ...


def test_2_1_10_a_method_cannot_be_routed() -> None:
    with pytest.raises(AppError, match=r"Lists\.START is a method"):
        route("a")(Lists.START)


def test_2_1_11_stateless_stands_above_or_below_route(write: Write) -> None:
    source = (
        '@route("a")\n@stateless\ndef below(mail): ...\n\n@stateless\n@route("a")\ndef above(mail): ...\n'
    )
    assert [r.machine for r in load(write, hands=source)] == ["", ""]


def test_2_1_11_what_a_stateless_handler_returns_is_a_verdict_and_moves_nobody(write: Write) -> None:
    routes = load(write, hands='@route("a")\ndef START(mail): ...\n')
    assert verdict_from(Reject()) == Reject()
    with pytest.raises(AppError, match="a @stateless handler moves no conversation"):
        verdict_from(only(routes, "a").handler)


def test_2_1_12_there_is_no_lock_over_all_handlers_to_be_left_out() -> None:
    assert not hasattr(lamsonproxy, "nolocking")


def test_2_1_13_the_key_is_the_module_and_what_state_key_says(write: Write) -> None:
    routes = load(
        write,
        by_module='@route("a")\ndef START(mail): ...\n',
        by_list='STATE_KEY = ("list",)\n@route("(list)@x")\ndef START(mail, list): ...\n',
        by_mail='def STATE_KEY(mail): return mail.upper()\n@route("b")\ndef START(mail): ...\n',
    )
    mail = cast(Any, "the mail")
    keys = [routes.machines.key_of(m, {"list": "Cooks"}, mail) for m in ("by_module", "by_list", "by_mail")]
    assert keys == ["", "cooks", "THE MAIL"]
    assert ConversationKey("one", "", "a@x") != ConversationKey("two", "", "a@x")


def test_2_1_14_loading_twice_gives_the_same_routes(write: Write) -> None:
    write("hands", '@route("a")\ndef START(mail): ...\n')
    app = App("hands")
    assert list(app.load()) == list(app.load())


def test_2_1_15_the_marks_of_a_function_can_be_read() -> None:
    @route("(list)@x", list="a")
    @stateless
    def stamp(mail: object, list: str) -> None: ...

    marks = marks_of(cast(Any, stamp))
    assert (marks.is_stateless, marks.routes[0].format, marks.routes[0].captures) == (
        True,
        "(list)@x",
        {"list": "a"},
    )


STEPS = """
    @route("a")
    def START(mail):
        return CONFIRMING(mail) if mail else elsewhere.START

    @route("a")
    def CONFIRMING(mail):
        return POSTING

    @route("a")
    def POSTING(mail): ...

    import elsewhere
    """


def test_2_2_1_a_state_is_the_name_of_a_function_and_start_by_default(write: Write) -> None:
    routes = load(write, lists=STEPS, elsewhere='@route("b")\ndef START(mail): ...\n')
    assert routes.machines.states("lists") == ("START", "CONFIRMING", "POSTING")
    assert Standing().state == START == "START"


def test_2_2_2_a_returned_function_moves_the_machine_of_its_own_module(write: Write) -> None:
    routes = load(write, lists=STEPS, elsewhere='@route("b")\ndef START(mail): ...\n')
    start = cast(Any, routes.machines.function("lists", "START"))
    assert next_from(start(None), routes.machines) == (("elsewhere", "START"), Consume())


def test_2_2_2_a_called_state_function_says_where_its_caller_goes(write: Write) -> None:
    routes = load(write, lists=STEPS, elsewhere='@route("b")\ndef START(mail): ...\n')
    start = cast(Any, routes.machines.function("lists", "START"))
    assert next_from(start("mail"), routes.machines) == (("lists", "POSTING"), Consume())


def test_2_2_2_none_stays_and_other_values_are_errors(write: Write) -> None:
    machines = load(write, lists=STEPS, elsewhere='@route("b")\ndef START(mail): ...\n').machines
    assert next_from(None, machines) == (None, Consume())
    with pytest.raises(AppError, match="a value of type bool"):
        next_from(False, machines)
