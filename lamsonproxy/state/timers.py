"""Timers of conversations in the database: who is to be reminded, and when.

Law: a claim is a lease and nothing more. Whoever claims a timer runs its handler under the conversation's lock, and the
unit of work takes the row away or writes another one in its place; if it dies, the timer is due again when the lease is
over. So a timer runs once, however many processes look.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, or_, select, update

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Timer
from lamsonproxy.state.short import Transactions
from lamsonproxy.state.tables import timer as table

_log = logging.getLogger("lamsonproxy")


def encoded(timer: Timer) -> str:
    """One line of ASCII that `decoded` reads back without loss; what stands in the column `timer`."""
    conversation = timer.conversation
    return json.dumps(
        {
            "conversation": [conversation.machine, conversation.key, conversation.correspondent],
            "state": timer.state,
            "to": timer.to,
            "due_at": timer.due_at.astimezone(UTC).isoformat(),
            "recipient": timer.recipient.raw,
            "captures": dict(timer.captures),
        }
    )


def decoded(text: str) -> Timer:
    """Raises ValueError when the text is no timer of ours."""
    try:
        fields = json.loads(text)
        machine, key, correspondent = fields["conversation"]
        return Timer(
            ConversationKey(machine, key, correspondent),
            state=fields["state"],
            to=fields["to"],
            due_at=datetime.fromisoformat(fields["due_at"]),
            recipient=Address(fields["recipient"]),
            captures=dict(fields["captures"]),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("not a timer") from error


_DUE = (
    select(table.c.conversation, table.c.timer)
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
    return [timer for row in rows for timer in _readable(row.conversation, row.timer)]


def _readable(conversation: str, text: str) -> Iterator[Timer]:
    # One that cannot be read keeps no other waiting. It stays, and is told of again when its lease is over.
    try:
        yield decoded(text)
    except ValueError:
        _log.error("the timer of conversation %s cannot be read", conversation)


class SqlTimers:
    """Fulfils `ports.Timers`."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Timer]:
        """See the port."""
        return await self._database.transaction(claim, limit, now, lease_until)
