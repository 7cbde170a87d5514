"""The tables of docs/postfix.md: each line with its reason, from the fragments.

Law: the filter door is told in full, each other door by the lines in which it differs; nothing is written by hand.
"""

import re
from collections.abc import Iterator

from lamsonproxy.postfix.choices import DOORS, DoorKind
from lamsonproxy.postfix.doors import fragments
from lamsonproxy.postfix.emit import example

Row = tuple[str, str, str]
"""A line, why it is there, and who says so."""

IN_FULL: DoorKind = "filter"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with its tables as they must be now."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{table(_door(match[2]))}\n{match[3]}", page)


def table(door: DoorKind) -> str:
    """All lines of the door; those of another than the first only where they differ from it."""
    rows = list(_rows(door))
    if door != IN_FULL:
        told = set(_rows(IN_FULL))
        rows = [row for row in rows if row not in told]
    lines = (f"| `{line}` | {why} | {source} |" for line, why, source in rows)
    return "".join(f"{line}\n" for line in ("| line | why | source |", "|---|---|---|", *lines))


def _rows(door: DoorKind) -> Iterator[Row]:
    found = fragments(example(door))
    for entry in found.entries:
        yield " ".join(entry.columns.split()), entry.why, entry.source
        yield from ((f"-o {option}", option.why, option.source) for option in entry.options)
    for parameter in (*found.parameters, *found.routing):
        yield f"{parameter.name} = {parameter.value}", parameter.why, parameter.source
    for option in found.front:
        yield f"smtp inet … -o {option}", option.why, option.source


def _door(name: str) -> DoorKind:
    return next(door for door in DOORS if door == name)
