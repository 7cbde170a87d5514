"""`lamson states`: the machines, who stands where, and moving them.

Law: what is asked reads; `move` and `rename` are one transaction each, take the locks that a mail would take, and leave
a step in the history whose route is `operator`. Names are those of the application as its files are now, so that no
step leads to a state that the next start does not know.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from lamsonproxy.app.application import find_app
from lamsonproxy.app.diagram import dot, mermaid
from lamsonproxy.app.edges import places_of
from lamsonproxy.app.lint import Finding, lint
from lamsonproxy.app.machines import Machines
from lamsonproxy.app.routing import Routes
from lamsonproxy.cli.database import NoDatabase, opened
from lamsonproxy.cli.place import settled_at
from lamsonproxy.clock import SystemClock
from lamsonproxy.config import Settings
from lamsonproxy.errors import LamsonError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import START, ConversationKey
from lamsonproxy.mail.correspondent import known_as
from lamsonproxy.state import admin
from lamsonproxy.state.admin import Place, Step, Stood
from lamsonproxy.state.renaming import rename as bring

WIDE = 200
"""Columns where the output is no terminal: nothing is folded that somebody may want to grep."""

Format = Literal["mermaid", "dot"]
People = Mapping[Place, int]


class NoState(LamsonError):
    """There is no such state, or more than one; the sentence names the nearest."""


class NotMoved(LamsonError):
    """Nothing was changed, and why."""


def show_list(config: Path | None, *, as_json: bool) -> None:
    """Print every state and how many stand there; counts are left out where there is no database."""
    settings, routes = _loaded(config)
    people = _people(settings)
    rows = list(_listed(routes.machines, people))
    if as_json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        print("The application has no state functions.")
    else:
        _print(("machine", "state", "conversations", ""), ((*_cells(row), _remark(row)) for row in rows))


def show_correspondent(config: Path | None, sender: str, *, as_json: bool) -> None:
    """Print where a correspondent stands, and the last steps."""
    settings, _ = _loaded(config)
    who = known_as(Address(sender))
    with opened(settings) as connection:
        stood, steps = admin.conversations_of(connection, who), admin.history_of(connection, who)
    if as_json:
        found = {"correspondent": who, "conversations": _plain(stood), "history": _plain(steps)}
        print(json.dumps(found, indent=2))
        return
    if not stood:
        print(f"{who} is at START everywhere.")
    for one in stood:
        confirmed = ", confirmed" if one.is_confirmed else ""
        print(
            f"{who} is in {one.machine}.{one.state}{_keyed(one.key)} since {_moment(one.moved_at)}{confirmed}."
        )
    if steps:
        _print(("at", "machine", "key", "from", "to", "route", "trace"), map(_step, steps))


def move(config: Path | None, sender: str, state: str, key: str | None) -> None:
    """Move one conversation. Raises NoState and NotMoved."""
    settings, routes = _loaded(config)
    machine, new = place_named(state, places_of(routes.machines))
    who = known_as(Address(sender))
    with opened(settings) as connection:
        stood = [s for s in admin.conversations_of(connection, who) if s.machine == machine]
        one = _chosen(stood, who, machine, key, has_keys=routes.machines.key_parts(machine) != ())
        _move(connection, one, new)
    print(f"{who} was in {one.machine}.{one.state}{_keyed(one.key)} and is in {machine}.{new} now.")


def rename(config: Path | None, old: str, new: str) -> None:
    """Bring all who stand in a state into another one. Raises NoState and NotMoved."""
    settings, routes = _loaded(config)
    target = place_named(new, places_of(routes.machines))
    with opened(settings) as connection:
        source = place_named(old, admin.people(connection), what="Nobody stands in")
        if source == target or target[1] == START:
            raise NotMoved(f"{_full(target)} is no new name: nothing was changed.")
        renamed = bring(connection, source, target, SystemClock().now())
    print(f"{_conversations(renamed.moved)} went from {_full(source)} to {_full(target)}.")
    if renamed.left:
        raise NotMoved(
            f"{_conversations(renamed.left)} stayed in {_full(source)}: under {target[0]} somebody stands in their"
            " place already, or their key is too odd to be stored in full. `lamson states move` takes them one by one."
        )


def show_diagram(config: Path | None, format: Format, *, with_counts: bool) -> None:
    """Print the machines as a drawing."""
    settings, routes = _loaded(config)
    people: People = {}
    if with_counts:
        with opened(settings) as connection:
            people = admin.people(connection)
    print((dot if format == "dot" else mermaid)(routes.machines, people))


def show_lint(config: Path | None, *, as_json: bool) -> bool:
    """Print what is doubtful; whether nothing of it is an error."""
    settings, routes = _loaded(config)
    findings = lint(routes, _people(settings) or {})
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for line in map(_sentence, findings):
            print(line)
        if not findings:
            print("Nothing is doubtful.")
    return not any(finding.is_error for finding in findings)


def place_named(name: str, places: Iterable[Place], what: str = "There is no state") -> Place:
    """The state that is called so, by its whole name or by the last part of its module's. Raises NoState."""
    known = list(places)
    exact = [place for place in known if name == _full(place)]
    found = exact or [place for place in known if name == _short(place)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        raise NoState(f"{name} may be {' or '.join(map(_full, found))}: write it in full.")
    names = {written: _full(place) for place in known for written in (_full(place), _short(place))}
    near = dict.fromkeys(names[written] for written in get_close_matches(name, names))
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    raise NoState(f"{what} {name}{hint}")


def _loaded(config: Path | None) -> tuple[Settings, Routes]:
    settings = settled_at(config)()
    if not settings.app:
        raise NoState("No application is named (app), so there are no states.")
    return settings, find_app(settings.app).load()


def _people(settings: Settings) -> People | None:
    """How many stand where; None, and a word on standard error, where nobody can say."""
    try:
        with opened(settings) as connection:
            return admin.people(connection)
    except NoDatabase as error:
        print(error, file=sys.stderr)
        return None


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The conversation that is to be moved; "" is the id of one that has no row yet."""

    id: str
    machine: str
    key: str
    correspondent: str
    state: str


def _chosen(stood: Sequence[Stood], who: str, machine: str, key: str | None, *, has_keys: bool) -> _Chosen:
    found = [one for one in stood if key is None or one.key == key]
    if len(found) == 1:
        one = found[0]
        return _Chosen(one.id, one.machine, one.key, one.correspondent, one.state)
    if found:
        keys = ", ".join(repr(one.key) for one in found)
        raise NotMoved(f"{who} has {len(found)} conversations with {machine}: name one by --key, of {keys}.")
    if key is None and has_keys:
        raise NotMoved(
            f"{who} is at START in {machine}, which tells conversations by STATE_KEY: name one by --key."
        )
    return _Chosen("", machine, key or "", who, START)


def _move(connection: Connection, one: _Chosen, new: str) -> None:
    now = SystemClock().now()
    if one.state == new:
        raise NotMoved(f"{one.correspondent} is in {one.machine}.{new} already.")
    if one.id:
        has_moved = admin.move(connection, one.id, one.state, new, now)
    else:
        key = ConversationKey(one.machine, one.key, one.correspondent)
        has_moved = admin.begin(connection, key, new, now)
    if not has_moved:
        raise NotMoved(f"A mail has moved {one.correspondent} meanwhile: nothing was changed.")


def _listed(machines: Machines, people: People | None) -> Iterable[dict[str, Any]]:
    known = list(places_of(machines))
    gone = sorted(place for place in people or {} if place not in known)
    for machine, state in (*known, *gone):
        count = None if people is None or state == START else people.get((machine, state), 0)
        is_known = (machine, state) in known
        yield {"machine": machine, "state": state, "conversations": count, "is_known": is_known}


def _cells(row: Mapping[str, Any]) -> tuple[str, str, str]:
    count = row["conversations"]
    return row["machine"], row["state"], "-" if count is None else str(count)


def _remark(row: Mapping[str, Any]) -> str:
    return "" if row["is_known"] else "is no state of the application"


def _print(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        # Text, because what a stranger wrote is no markup.
        table.add_row(*map(Text, row))
    (Console() if sys.stdout.isatty() else Console(width=WIDE)).print(table)


def _step(step: Step) -> tuple[str, ...]:
    return _moment(step.at), step.machine, step.key, step.old, step.new, step.route, step.trace


def _plain(rows: Sequence[Stood] | Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(row).items()} for row in rows
    ]


def _sentence(finding: Finding) -> str:
    return f"{'error' if finding.is_error else 'warning'}: {finding.text}"


def _keyed(key: str) -> str:
    return f" ({key})" if key else ""


def _moment(at: datetime) -> str:
    return at.astimezone().isoformat(" ", "seconds")[:19]


def _conversations(number: int) -> str:
    return f"{number} conversation{'' if number == 1 else 's'}"


def _full(place: Place) -> str:
    return ".".join(place)


def _short(place: Place) -> str:
    return f"{place[0].rpartition('.')[2]}.{place[1]}"
