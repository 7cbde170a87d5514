"""What is doubtful about an application."""

import pytest

from lamsonproxy import App, AppError
from lamsonproxy.app.lint import NOBODY, Finding, People, lint, warnings_of
from tests.unit.app.conftest import Write


def findings(write: Write, people: People = NOBODY, /, **modules: str) -> list[Finding]:
    for name, source in modules.items():
        write(name, source)
    return lint(App(*modules).load(), people)


def warnings(write: Write, people: People = NOBODY, /, **modules: str) -> list[str]:
    found = findings(write, people, **modules)
    assert not any(finding.is_error for finding in found)
    return [finding.text for finding in found]


LIST = """
    STATE_KEY = ("list_name",)
    captures = dict(list_name="[a-z]+", secret="[a-z0-9]{32}", host=r"lists\\.example\\.org")

    @route("(list_name)@(host)", **captures)
    def START(mail, list_name, host):
        return CONFIRMING

    @route_like(START)
    @route("(list_name)-confirm-(secret)@(host)", **captures)
    def CONFIRMING(mail, list_name, host, secret=None):
        if secret is None:
            return
        return POSTING if mail else Reject()

    @route_like(START)
    def POSTING(mail, list_name, host): ...
    """


def test_the_list_of_the_design_is_beyond_doubt(write: Write) -> None:
    assert findings(write, lists=LIST) == []


def test_an_application_without_machines_is_beyond_doubt(write: Write) -> None:
    assert findings(write, stamps='@route(".+@x")\n@route("a@.+")\n@stateless\ndef stamp(mail): ...\n') == []


@pytest.mark.fault("K5")
def test_what_cannot_go_well_is_an_error(write: Write) -> None:
    found = findings(
        write,
        lists="""
            @route("a")
            @leads_to("NOBODY")
            def START(mail):
                return helper

            def helper(mail): ...
            """,
        shops="""
            import lists

            @after(days=1, to="later")
            @route("s")
            def START(mail): ...

            def later(mail):
                return lists.START
            """,
        blogs='@route("b")\ndef POSTING(mail): ...\n',
        stamps="""
            @route("b")
            @stateless
            def stamp(mail):
                return other

            @route("b", phase="rcpt")
            def other(mail): ...
            """,
    )
    assert [finding.text for finding in found if finding.is_error] == [
        "lists.START returns lists.helper, which is no state function in a module of the App.",
        "lists.START declares lists.NOBODY, which is no state function in a module of the App.",
        "stamps.stamp returns other, and a handler without a state moves no conversation.",
        "blogs has state functions and no START, and no state of another module leads to it: nobody could ever begin.",
        "The timer of shops.START leads to lists.START: it may move its own machine only.",
    ]


@pytest.mark.fault("K5")
def test_an_error_keeps_the_service_from_starting_and_a_warning_does_not(write: Write) -> None:
    write("hands", '@route("a")\ndef START(mail): ...\n@route("a")\ndef LOST(mail): ...\n')
    assert warnings_of(App("hands").load()) == [
        "hands.LOST cannot be reached: no state that can be reached leads to it."
    ]
    write("broken", '@route("a")\ndef OPEN(mail): ...\n')
    with pytest.raises(AppError) as raised:
        warnings_of(App("hands", "broken").load())
    assert [problem.partition(" and ")[0] for problem in raised.value.problems] == [
        "broken has state functions"
    ]


def test_a_machine_without_start_is_right_where_another_one_leads_to_it(write: Write) -> None:
    lists = 'import bounces\n@route("a")\ndef START(mail):\n    return bounces.BOUNCING\n'
    assert findings(write, lists=lists, bounces='@route("b")\ndef BOUNCING(mail): ...\n') == []


def test_a_state_without_a_route_is_doubtful(write: Write) -> None:
    source = """
        @route("a")
        def START(mail):
            return WAITING

        @after(days=1, to="START")
        def WAITING(mail): ...
        """
    assert warnings(write, lists=source) == [
        "lists.WAITING has no route: all mail of those who stand there is out of state."
    ]


def test_a_state_that_nothing_leads_to_is_doubtful(write: Write) -> None:
    source = """
        @route("a")
        def START(mail): ...

        @route("a")
        def LOST(mail):
            return BEYOND

        @route("a")
        def BEYOND(mail):
            return LOST

        @route("a")
        def ERROR(mail): ...
        """
    assert warnings(write, lists=source) == [
        "lists.LOST cannot be reached: no state that can be reached leads to it.",
        "lists.BEYOND cannot be reached: no state that can be reached leads to it.",
    ]


def test_where_a_target_is_computed_nothing_is_claimed_but_that(write: Write) -> None:
    source = """
        @route("a")
        def START(mail):
            return globals()[mail.text]

        @route("a")
        def POSTING(mail): ...
        """
    assert warnings(write, lists=source) == [
        "lists.START: its code does not say where it leads; declare it with @leads_to."
    ]


def test_a_step_into_a_machine_whose_key_is_not_known_then_is_doubtful(write: Write) -> None:
    bounces = """
        import lists

        @route("bounces@x")
        def START(mail):
            return lists.POSTING
        """
    assert warnings(write, lists=LIST, bounces=bounces) == [
        "bounces.START leads to lists.POSTING, whose STATE_KEY needs 'list_name', and its route 'bounces@x' does not"
        " capture that."
    ]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (  # Lamson's own trap: a confirmation's address is a list's name too
            """
            STATE_KEY = ["list"]

            @route("(list)@x", list=".+")
            def START(mail, list):
                return CONFIRMING

            @route("(list)-confirm-(code)@x", list=".+", code="[0-9]+")
            def CONFIRMING(mail, list, code): ...
            """,
            "hands.START ('(list)@x') and hands.CONFIRMING ('(list)-confirm-(code)@x') both match 'a-confirm-0@x', and"
            " their keys differ: the first one decides.",
        ),
        (
            """
            @route("(list)@x", list=".+")
            @route("(list)-(word)@x", list=".+", word="[a-z]+")
            def START(mail, list, word=None): ...
            """,
            "hands.START ('(list)-(word)@x') and hands.START ('(list)@x') both match 'a-a@x', and their captures"
            " differ: the first one decides.",
        ),
    ],
)
def test_routes_whose_order_decides_are_doubtful(write: Write, source: str, why: str) -> None:
    assert warnings(write, hands=source) == [why]


def test_routes_of_two_machines_that_overlap_are_doubtful(write: Write) -> None:
    one = '@route(".+@x")\ndef START(mail): ...\n'
    other = '@route("a@.+")\n@route("b@.+")\ndef START(mail): ...\n'
    assert warnings(write, one=one, other=other) == [
        "one.START ('.+@x') and other.START ('b@.+') both match 'b@x', and a correspondent can be in both states: the"
        " first one decides.",
        "one.START ('.+@x') and other.START ('a@.+') both match 'a@x', and a correspondent can be in both states: the"
        " first one decides.",
    ]


@pytest.mark.parametrize(
    "source",
    [
        '@route("a@x")\ndef START(mail):\n    return NEXT\n\n@route(".+@x")\ndef NEXT(mail): ...\n',
        '@route("a@(h)", h="x")\n@route("(?:a|b)@(h)", h="x")\ndef START(mail, h): ...\n',
        '@route(".+@x")\ndef START(mail): ...\n\n@route("a@.+")\n@stateless\ndef stamp(mail): ...\n',
    ],
)
def test_routes_whose_order_changes_nothing_are_not(write: Write, source: str) -> None:
    assert warnings(write, hands=source) == []


def test_people_in_a_state_that_is_gone_are_told(write: Write) -> None:
    people = {("lists", "POSTING"): 7, ("lists", "READING"): 1, ("blogs", "START"): 1, ("blogs", "X"): 20}
    gone = (
        "which is no state of the App: `lamson states rename` takes them to the one that it has become, or bring the"
        " function back."
    )
    assert warnings(write, people, lists=LIST) == [
        f"20 conversations stand in blogs.X, {gone}",
        f"1 conversation stands in lists.READING, {gone}",
    ]
