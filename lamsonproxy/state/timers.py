"""Timers of conversations in the database: who is to be reminded, and when.

Law: a claim is a lease and nothing more. Whoever claims a timer runs its handler under the conversation's lock, and the
unit of work takes the row away or writes another one in its place; if it dies, the timer is due again when the lease is
over. So a timer runs once, however many processes look.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, or_, select, update

from lamsonproxy.mail.conversation import Timer
from lamsonproxy.state.database import Database
from lamsonproxy.state.rows import timer_of
from lamsonproxy.state.tables import timer as table

_log = logging.getLogger("lamsonproxy")


_DUE = (
    select(table)
    .where(
        table.c.due_at <= bindparam("now"),
        or_(table.c.lease_until.is_(None), table.c.lease_until <= bindparam("now")),
    )
    .order_by(table.c.due_at)
    .with_for_update(skip_locked=True)
)


def claim(connection: Connection, limit: int, now: datetime, lease_until: datetime) -> list[Timer]:
    """Lease timers that are due, the oldest first."""
    rows = connection.execute(_DUE.limit(limit), {"now": now}).all()
    if rows:
        ids = [row.conversation for row in rows]
        connection.execute(update(table).where(table.c.conversation.in_(ids)).values(lease_until=lease_until))
    return [timer for row in rows for timer in _readable(row)]


def _readable(row: Row[Any]) -> Iterator[Timer]:
    # One that cannot be read keeps no other waiting. It stays, and is told of again when its lease is over.
    try:
        yield timer_of(row)
    except ValueError:
        _log.error("the timer of conversation %s cannot be read", row.conversation)


class SqlTimers:
    """Fulfils `ports.Timers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Timer]:
        """See the port."""
        return await self._database.transaction(claim, limit, now, lease_until)
