"""The machines of an application as a drawing: Mermaid, for pages, and DOT, for Graphviz.

Law: what is drawn is the graph (`edges`) and nothing else. A step whose target is computed is a dashed line to a
question mark; a step that time makes says how long it waits.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from lamsonproxy.app.edges import Edge, Graph, Place, graph_of, places_of
from lamsonproxy.app.machines import Machines
from lamsonproxy.mail.conversation import START

Counts = Mapping[Place, int]
NO_COUNTS: Counts = {}

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def mermaid(machines: Machines, counts: Counts = NO_COUNTS) -> str:
    """A Mermaid flowchart."""
    graph = graph_of(machines)
    # Numbers, because Mermaid takes some words, `end` among them, for its own.
    names = {place: f"s{n}" for n, place in enumerate(places_of(machines), 1)}
    lines = ["flowchart LR"]
    for n, machine in enumerate(machines.machines, 1):
        lines.append(f'    subgraph m{n}["{machine}"]')
        for state in machines.states(machine):
            text = "<br/>".join(_words(machine, state, counts))
            left, right = ("([", "])") if state == START else ("[", "]")
            lines.append(f'        {names[machine, state]}{left}"{text}"{right}')
        lines.append("    end")
    for edge in graph.edges:
        label = f"|{_label(edge)}|" if edge.after else ""
        lines.append(f"    {names[edge.source]} -->{label} {names[edge.target]}")
    lines += (f'    {names[place]} -.-> {names[place]}x["?"]' for place in graph.computed)
    return "\n".join(lines)


def dot(machines: Machines, counts: Counts = NO_COUNTS) -> str:
    """A DOT digraph."""
    return "\n".join(["digraph lamson {", *_dot(machines, graph_of(machines), counts), "}"])


def _dot(machines: Machines, graph: Graph, counts: Counts) -> Iterator[str]:
    yield "    rankdir=LR;"
    yield "    node [shape=box, style=rounded];"
    for n, machine in enumerate(machines.machines, 1):
        yield f"    subgraph cluster_{n} {{"
        yield f'        label="{machine}";'
        for state in machines.states(machine):
            text = r"\n".join(_words(machine, state, counts))
            shape = ", shape=oval" if state == START else ""
            yield f'        "{machine}.{state}" [label="{text}"{shape}];'
        yield "    }"
    for edge in graph.edges:
        label = f' [label="{_label(edge)}"]' if edge.after else ""
        yield f'    "{".".join(edge.source)}" -> "{".".join(edge.target)}"{label};'
    for place in graph.computed:
        name = ".".join(place)
        yield f'    "{name} ?" [label="?", shape=plaintext];'
        yield f'    "{name}" -> "{name} ?" [style=dashed];'


def _words(machine: str, state: str, counts: Counts) -> list[str]:
    """A state's name, and how many stand there; START is not stored, so nobody can count it."""
    count = counts.get((machine, state), 0)
    return [state, *([str(count)] if counts and state != START else [])]


def _label(edge: Edge) -> str:
    return f"after {told(edge.after)}" if edge.after else ""


def told(delta: timedelta) -> str:
    """`3 days`, `1 day 12 hours`; of less than a second nothing is told."""
    left, words = int(delta.total_seconds()), []
    for seconds, unit in _UNITS:
        number, left = divmod(left, seconds)
        if number:
            words.append(f"{number} {unit}{'' if number == 1 else 's'}")
    return " ".join(words) or "less than a second"
