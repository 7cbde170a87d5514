"""What an operator asks of conversations, and does to them: `lamson states`.

Law: functions of a Connection whose transaction is the caller's. Whatever moves a conversation locks its row, as a mail
does, and adds a step to the history; the history itself is never rewritten, so it keeps the names of its time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from lamsonproxy.mail.conversation import START, Asked, ConversationKey
from lamsonproxy.state.reading import lock
from lamsonproxy.state.tables import WORDS, conversation, shown, timer, transition

OPERATOR = "operator"
"""The route in the history of a step that no mail made."""

STEPS = 100
"""Steps of a history that are shown: the last ones."""

Place = tuple[str, str]
"""A machine and its state."""


@dataclass(frozen=True, slots=True)
class Stood:
    """A conversation, as its row tells it."""

    id: str
    machine: str
    key: str
    correspondent: str
    state: str
    is_confirmed: bool
    moved_at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a conversation, as the history tells it."""

    at: datetime
    machine: str
    key: str
    old: str
    new: str
    route: str
    trace: str


def people(connection: Connection) -> Mapping[Place, int]:
    """How many conversations stand in each state; START is not stored."""
    rows = connection.execute(_PEOPLE)
    return {(row.machine, row.state): row.people for row in rows if row.state != START}


def conversations_of(connection: Connection, correspondent: str) -> Sequence[Stood]:
    """Those in which a correspondent is not at START."""
    rows = connection.execute(_OF_CORRESPONDENT, {"who": shown(correspondent), "start": START})
    return [Stood(**row) for row in rows.mappings()]


def history_of(connection: Connection, correspondent: str, limit: int = STEPS) -> Sequence[Step]:
    """The correspondent's last steps, oldest first."""
    rows = connection.execute(_HISTORY.limit(limit), {"who": shown(correspondent)})
    return [Step(**row) for row in rows.mappings()][::-1]


def begin(connection: Connection, key: ConversationKey, state: str, now: datetime) -> bool:
    """Put somebody into a state who is at START; False when meanwhile a mail has brought that conversation elsewhere.

    Raises ConflictError."""
    standing = lock(connection, (key,), Asked(trace="", now=now))[key]
    return standing.state == START and move(connection, key.id, START, state, now)


def move(connection: Connection, id: str, old: str, new: str, now: datetime) -> bool:
    """Move one conversation, by the id of its row; False when it is not in the old state any more. Its timer was for
    that state, and is over."""
    row = connection.execute(_LOCKED, {"id": id}).mappings().one_or_none()
    stood = Stood(**row) if row else None
    if stood is None or stood.state != old:
        return False
    connection.execute(insert(transition), step_row(stood, new, now))
    connection.execute(delete(timer).where(timer.c.conversation == id))
    if new == START:
        connection.execute(delete(conversation).where(conversation.c.id == id))
    else:
        connection.execute(_MOVED, {"row": id, "new": shown(new, WORDS), "now": now})
    return True


def step_row(stood: Stood, new: str, now: datetime) -> Mapping[str, object]:
    """The step of the history that an operator makes."""
    who = {
        name: value for name, value in asdict(stood).items() if name in ("machine", "key", "correspondent")
    }
    return {
        **who,
        "conversation": stood.id,
        "old": stood.state,
        "new": shown(new, WORDS),
        "route": OPERATOR,
        "trace": "",
        "at": now,
    }


_STOOD = select(*(conversation.c[name] for name in Stood.__slots__))
_PEOPLE = select(conversation.c.machine, conversation.c.state, func.count().label("people")).group_by(
    conversation.c.machine, conversation.c.state
)
_OF_CORRESPONDENT = _STOOD.where(
    conversation.c.correspondent == bindparam("who"), conversation.c.state != bindparam("start")
).order_by(conversation.c.machine, conversation.c.key)
_LOCKED = _STOOD.where(conversation.c.id == bindparam("id")).with_for_update()
_HISTORY = (
    select(*(transition.c[name] for name in Step.__slots__))
    .where(transition.c.correspondent == bindparam("who"))
    .order_by(transition.c.id.desc())
)
_MOVED = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(state=bindparam("new"), moved_at=bindparam("now"))
)
