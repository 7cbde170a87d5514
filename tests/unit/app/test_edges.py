"""Which state leads to which, as the source tells."""

from datetime import timedelta

import pytest

from lamsonproxy import App
from lamsonproxy.app.edges import Edge, Graph, Stray, graph_of
from tests.unit.app.conftest import Write


def graph(write: Write, **modules: str) -> Graph:
    for name, source in modules.items():
        write(name, source)
    return graph_of(App(*modules).load().machines)


def steps(found: Graph) -> list[str]:
    return [
        f"{'.'.join(edge.source)} {'.'.join(edge.target)}{f' {edge.after}' if edge.after else ''}"
        for edge in found.edges
    ]


def test_a_returned_function_is_a_step_also_into_another_machine(write: Write) -> None:
    found = graph(
        write,
        lists="""
            import bounces

            @route("a")
            def START(mail):
                return POSTING if mail else bounces.BOUNCING

            @route("b")
            def POSTING(mail):
                return START(mail)
            """,
        bounces='@route("c")\ndef BOUNCING(mail): ...\n@route("d")\ndef START(mail): ...\n',
    )
    assert steps(found) == [
        "lists.START lists.POSTING",
        "lists.START bounces.BOUNCING",
        "lists.POSTING lists.POSTING",
        "lists.POSTING bounces.BOUNCING",
    ]
    assert (found.computed, found.strays) == ((), ())


def test_a_timer_leads_to_its_state_or_where_its_function_leads_or_round(write: Write) -> None:
    found = graph(
        write,
        lists="""
            @after(days=3, to="EXPIRED")
            @route("a")
            def START(mail):
                return POSTING

            @after(hours=1, to="remind")
            @route("b")
            def POSTING(mail): ...

            def EXPIRED(mail):
                return POSTING

            def remind(mail): ...

            @after(minutes=1, to=START)
            @route("c")
            def GONE(mail): ...
            """,
    )
    assert found.edges == (
        Edge(("lists", "START"), ("lists", "POSTING")),
        Edge(("lists", "START"), ("lists", "POSTING"), timedelta(days=3)),
        Edge(("lists", "POSTING"), ("lists", "POSTING"), timedelta(hours=1)),
        Edge(("lists", "GONE"), ("lists", "START"), timedelta(minutes=1)),
    )


@pytest.mark.parametrize("declared", ["START, 'POSTING'", "'hands.START', 'POSTING'"])
def test_declared_steps_stand_for_what_is_computed(write: Write, declared: str) -> None:
    source = """
        @route("a")
        def START(mail):
            return globals()[mail.text]

        @route("b")
        @leads_to(DECLARED)
        def POSTING(mail):
            return globals()[mail.text]
        """
    found = graph(write, hands=source.replace("DECLARED", declared))
    assert steps(found) == ["hands.POSTING hands.START", "hands.POSTING hands.POSTING"]
    assert found.computed == (("hands", "START"),)


def test_a_function_that_is_no_state_is_a_stray(write: Write) -> None:
    found = graph(
        write,
        hands="""
            def HELPER(mail): ...

            @route("a")
            @leads_to("NOBODY", "nowhere.START", HELPER)
            def START(mail):
                return HELPER
            """,
    )
    assert found.strays == (
        Stray("hands.START", "hands.HELPER", is_declared=False),
        Stray("hands.START", "hands.NOBODY", is_declared=True),
        Stray("hands.START", "nowhere.START", is_declared=True),
        Stray("hands.START", "hands.HELPER", is_declared=True),
    )
    assert found.edges == ()
