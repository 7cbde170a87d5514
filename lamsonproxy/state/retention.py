"""What is old goes: a little at a time, so that nobody waits for it.

    table           kept                                     column
    -------------   --------------------------------------   -------------------------
    transition      `history`                                at
    settled         `settled`                                at
    outbox          `dead_letters`, the dead ones alone      due_at, when they died
    confirmation    until they expire                        expires_at
    failure         `settled`                                at
    automatic       an hour: the limit looks no further      at

Law: one transaction deletes at most `BATCH` rows, and skips those that somebody has locked; so any number of processes
may sweep at the same time. Mail that waits to be sent is never old.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, select, true

from lamsonproxy.state.database import Database
from lamsonproxy.state.outbox import forget
from lamsonproxy.state.tables import (
    automatic,
    confirmation,
    conversation,
    failure,
    outbox,
    settled,
    transition,
)

BATCH = 1000
"""Rows in one transaction."""

AUTOMATIC_AGE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Ages:
    """How long things are kept."""

    history: timedelta = timedelta(days=90)
    """The steps of conversations."""
    settled: timedelta = timedelta(days=5)
    """Our answers, for retries of the same mail: as long as Postfix tries (`maximal_queue_lifetime`)."""
    dead_letters: timedelta = timedelta(days=30)
    """Mail that was refused for good."""


@dataclass(frozen=True, slots=True)
class _Old:
    table: Table
    is_old: ColumnElement[bool]
    since: ColumnElement[datetime]


def _olds(ages: Ages, now: datetime) -> list[_Old]:
    def old(table: Table, column: str, age: timedelta, *only: ColumnElement[bool]) -> _Old:
        since = table.c[column]
        return _Old(table, and_(since <= now - age, *only), since)

    return [
        old(transition, "at", ages.history),
        old(settled, "at", ages.settled),
        old(outbox, "due_at", ages.dead_letters, outbox.c.is_dead == true()),
        old(confirmation, "expires_at", timedelta(0)),
        old(failure, "at", ages.settled),
        old(automatic, "at", AUTOMATIC_AGE),
    ]


def _delete_some(connection: Connection, old: _Old) -> int:
    key = next(iter(old.table.primary_key))
    # First looked up, then deleted: MariaDB has no LIMIT in a subquery.
    some = select(key).where(old.is_old).order_by(old.since).limit(BATCH).with_for_update(skip_locked=True)
    keys = connection.execute(some).scalars().all()
    if keys and old.table is outbox:
        forget(connection, key.in_(keys))
    elif keys:
        connection.execute(delete(old.table).where(key.in_(keys)))
    return len(keys)


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """How many conversations stand in each state of each machine."""
    machine, state = conversation.c.machine, conversation.c.state
    rows = connection.execute(select(machine, state, func.count()).group_by(machine, state))
    return {(row[0], row[1]): row[2] for row in rows}


class SqlRetention:
    """Fulfils `ports.Retention`."""

    def __init__(self, database: Database, ages: Ages) -> None:
        self._database = database
        self._ages = ages

    async def forget_old(self, now: datetime) -> int:
        """See the port."""
        return sum([await self._forget(old) for old in _olds(self._ages, now)])

    async def _forget(self, old: _Old) -> int:
        gone, last = 0, BATCH
        while last == BATCH:
            last = await self._database.transaction(_delete_some, old)
            gone += last
        return gone

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """See the port."""
        return await self._database.transaction(counts)
