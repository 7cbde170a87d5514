"""Taking people along when a state function gets another name, or its module does.

Law: one transaction over the rows of conversations, their timers and the order of their mail. Each conversation gets a
step in its history, from the old name to the new one. A conversation whose row cannot be made anew is left where it is
and counted: under the new module somebody stands in its place, or its key was too odd to be stored in full.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, insert, select, update

from lamsonproxy.mail.conversation import ConversationKey
from lamsonproxy.state.admin import Place, Stood, step_row
from lamsonproxy.state.tables import conversation, outbox, timer, transition

BATCH = 500
"""Rows of one statement; SQLite takes 999 parameters where it is old."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """What became of those who stood in a state."""

    moved: int
    left: int


def rename(connection: Connection, old: Place, new: Place, now: datetime) -> Renamed:
    """Bring all who stand in one state into another."""
    names = {"machine": old[0], "state": old[1]}
    rows = connection.execute(_STANDING, names).mappings().all()
    moved = 0
    for start in range(0, len(rows), BATCH):
        batch = [Stood(**row) for row in rows[start : start + BATCH]]
        moved += _bring(connection, batch, new, now)
    if old[0] == new[0]:
        _rename_calls(connection, old, new)
    return Renamed(moved, len(rows) - moved)


def _bring(connection: Connection, batch: Sequence[Stood], new: Place, now: datetime) -> int:
    """Rows are made anew where the machine's name is another: it is a part of their id."""
    ids = dict(_new_ids(connection, batch, new[0]))
    coming = [stood for stood in batch if stood.id in ids]
    if not coming:
        return 0
    steps = [step_row(replace(stood, id=ids[stood.id], machine=new[0]), new[1], now) for stood in coming]
    connection.execute(insert(transition), steps)
    rows = [{"row": stood.id, "new_id": ids[stood.id], "m": new[0], "s": new[1]} for stood in coming]
    connection.execute(_BROUGHT, rows)
    if any(row["row"] != row["new_id"] for row in rows):
        connection.execute(_FOLLOWED, rows)
    timers = connection.execute(_TIMERS, {"ids": list(ids)}).all()
    if timers:
        values = [
            {"row": row.conversation, "new_id": ids[row.conversation], "text": _moved(row.timer, new)}
            for row in timers
        ]
        connection.execute(_TIMED, values)
    return len(coming)


def _new_ids(connection: Connection, batch: Sequence[Stood], machine: str) -> Iterator[tuple[str, str]]:
    """The old id and the new one, for each that can have one."""
    found = {}
    for stood in batch:
        if stood.machine == machine:
            yield stood.id, stood.id
        elif ConversationKey(stood.machine, stood.key, stood.correspondent).id == stood.id:
            found[ConversationKey(machine, stood.key, stood.correspondent).id] = stood.id
    taken = set(connection.scalars(_TAKEN, {"ids": list(found)})) if found else set()
    yield from ((id, new) for new, id in found.items() if new not in taken)


def _moved(text: str, new: Place) -> str:
    """A conversation's timer, for the same conversation under another name."""
    fields: dict[str, Any] = json.loads(text)
    fields["conversation"][0] = new[0]
    return json.dumps(fields | {"state": new[1]})


def _rename_calls(connection: Connection, old: Place, new: Place) -> None:
    """Timers that call the renamed function, whichever state they are for."""
    quoted = json.dumps(old[1])
    for row in connection.execute(_ALL_TIMERS.where(timer.c.timer.contains(quoted, autoescape=True))).all():
        fields: dict[str, Any] = json.loads(row.timer)
        if fields["conversation"][0] == old[0] and fields["to"] == old[1]:
            text = json.dumps(fields | {"to": new[1]})
            connection.execute(_TIMED, {"row": row.conversation, "new_id": row.conversation, "text": text})


_IDS: BindParameter[str] = bindparam("ids", expanding=True)
# In the order of their ids, as mails lock them.
_STANDING = (
    select(*(conversation.c[name] for name in Stood.__slots__))
    .where(conversation.c.machine == bindparam("machine"), conversation.c.state == bindparam("state"))
    .order_by(conversation.c.id)
    .with_for_update()
)
_TAKEN = select(conversation.c.id).where(conversation.c.id.in_(_IDS)).order_by(conversation.c.id)
_BROUGHT = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(id=bindparam("new_id"), machine=bindparam("m"), state=bindparam("s"))
)
_FOLLOWED = (
    update(outbox).where(outbox.c.conversation == bindparam("row")).values(conversation=bindparam("new_id"))
)
_ALL_TIMERS = select(timer.c.conversation, timer.c.timer)
_TIMERS = _ALL_TIMERS.where(timer.c.conversation.in_(_IDS))
_TIMED = (
    update(timer)
    .where(timer.c.conversation == bindparam("row"))
    .values(conversation=bindparam("new_id"), timer=bindparam("text"))
)
