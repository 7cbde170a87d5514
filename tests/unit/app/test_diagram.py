"""Machines, drawn."""

from datetime import timedelta
from textwrap import dedent

import pytest

from lamsonproxy import App
from lamsonproxy.app.diagram import dot, mermaid, told
from lamsonproxy.app.machines import Machines
from tests.unit.app.conftest import Write

SOURCE = """
    @route("a")
    def START(mail):
        return POSTING

    @after(days=3, to="EXPIRED")
    @route("b")
    def POSTING(mail):
        return globals()[mail.text]

    def EXPIRED(mail):
        return START
    """


@pytest.fixture
def machines(write: Write) -> Machines:
    write("app.lists", SOURCE)
    return App("app.lists").load().machines


def test_a_mermaid_drawing_shows_states_and_steps(machines: Machines) -> None:
    assert mermaid(machines) == dedent("""\
        flowchart LR
            subgraph m1["app.lists"]
                s1(["START"])
                s2["POSTING"]
            end
            s1 --> s2
            s2 -->|after 3 days| s1
            s2 -.-> s2x["?"]""")


def test_a_dot_drawing_shows_states_and_steps_and_people(machines: Machines) -> None:
    assert dot(machines, {("app.lists", "POSTING"): 12}) == dedent("""\
        digraph lamson {
            rankdir=LR;
            node [shape=box, style=rounded];
            subgraph cluster_1 {
                label="app.lists";
                "app.lists.START" [label="START", shape=oval];
                "app.lists.POSTING" [label="POSTING\\n12"];
            }
            "app.lists.START" -> "app.lists.POSTING";
            "app.lists.POSTING" -> "app.lists.START" [label="after 3 days"];
            "app.lists.POSTING ?" [label="?", shape=plaintext];
            "app.lists.POSTING" -> "app.lists.POSTING ?" [style=dashed];
        }""")


def test_people_stand_below_the_name_of_their_state(machines: Machines) -> None:
    assert '        s2["POSTING<br/>12"]' in mermaid(machines, {("app.lists", "POSTING"): 12}).splitlines()


@pytest.mark.parametrize(
    ("delta", "words"),
    [
        (timedelta(days=1, hours=12), "1 day 12 hours"),
        (timedelta(minutes=90, seconds=1), "1 hour 30 minutes 1 second"),
        (timedelta(milliseconds=5), "less than a second"),
    ],
)
def test_a_time_is_told_in_words(delta: timedelta, words: str) -> None:
    assert told(delta) == words
