"""The outbox as an operator sees and mends it: sync functions of a Connection.

Law: nobody pulls a row away from somebody who is sending it. What is leased is shown and left alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, true, update

from lamsonproxy.mail.address import NULL_SENDER
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.esmtp import NO_PARAMS
from lamsonproxy.state.outbox import forget
from lamsonproxy.state.tables import content, outbox


@dataclass(frozen=True, slots=True)
class Letter:
    """One row."""

    id: int
    kind: str
    envelope: Envelope
    """Without sender and recipients where the row's cannot be read."""
    size: int
    conversation: str
    trace: str
    written_at: datetime
    due_at: datetime
    """When it is tried, or, of a dead one, when it died."""
    attempts: int
    is_dead: bool
    lease_until: datetime | None
    """Until when somebody has it for sending; None for nobody."""
    reply: str
    """What downstream said last."""


_LETTER = select(outbox, func.length(content.c.octets).label("size")).join(
    content, content.c.id == outbox.c.content
)


def letters(connection: Connection, limit: int, *, only_dead: bool = False) -> list[Letter]:
    """The oldest rows."""
    rows = _only_dead(_LETTER, only_dead).order_by(outbox.c.id).limit(limit)
    return [_letter(row) for row in connection.execute(rows)]


def count(connection: Connection, *, only_dead: bool = False) -> int:
    """How many rows there are."""
    rows = _only_dead(select(func.count(outbox.c.id)), only_dead)
    return int(connection.execute(rows).scalar_one())


def letter(connection: Connection, number: int) -> tuple[Letter, bytes] | None:
    """One row and its octets; None when it is not there."""
    row = connection.execute(_LETTER.add_columns(content.c.octets).where(outbox.c.id == number)).one_or_none()
    return None if row is None else (_letter(row), row.octets)


def dead_numbers(connection: Connection) -> Sequence[int]:
    """The numbers of all that are dead."""
    rows = select(outbox.c.id).where(outbox.c.is_dead == true()).order_by(outbox.c.id)
    return connection.execute(rows).scalars().all()


def retry(connection: Connection, number: int, now: datetime) -> bool:
    """Make a row due at once, dead or not, as if it had just been written; False when it is gone or being sent."""
    again = {
        "is_dead": False,
        "due_at": now,
        "attempts": 0,
        "written_at": now,
        "lease": "",
        "lease_until": None,
    }
    changed = connection.execute(update(outbox).where(*_free(number, now)).values(again))
    return changed.rowcount == 1


def drop(connection: Connection, number: int, now: datetime) -> bool:
    """Forget a row; False when it is gone or being sent."""
    return forget(connection, *_free(number, now)) == 1


def _free(number: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return outbox.c.id == number, or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now)


def _only_dead(rows: Select[Any], only_dead: bool) -> Select[Any]:
    return rows.where(outbox.c.is_dead == true()) if only_dead else rows


def _letter(row: Row[Any]) -> Letter:
    try:
        envelope = Envelope.from_json(row.envelope)
    except ValueError:
        envelope = Envelope(NULL_SENDER, (), NO_PARAMS)
    return Letter(
        row.id,
        row.kind,
        envelope,
        row.size,
        row.conversation,
        row.trace,
        row.written_at,
        row.due_at,
        row.attempts,
        row.is_dead,
        row.lease_until,
        row.reply,
    )
