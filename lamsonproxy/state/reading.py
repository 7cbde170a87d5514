"""How a unit of work begins: the rows of its conversations locked, then read what it must know.

Law: what is read after the locks is read by statements of their own, because in READ COMMITTED a statement sees the
moment at which it began, which for one that waited is the moment before the other's commit. Conversations are locked
in the order of their ids; who has no row gets one, so that two first contacts at the same instant meet in it.

PostgreSQL 13.2.1 (Read Committed), 13.3.2 (row locks).
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Select,
    Table,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from lamsonproxy.errors import ConflictError
from lamsonproxy.mail.conversation import Asked, ConversationKey, Found, Question, Standing, digest_of
from lamsonproxy.state.lists import among, listed
from lamsonproxy.state.rows import Row, conversation_row, question_of, reply_of, standing_of, timer_of
from lamsonproxy.state.tables import automatic, confirmation, conversation, failure, settled, timer

WINDOW = timedelta(hours=1)
"""For which automatic mails are counted."""

ROUNDS = 20
"""A row that has gone again each time that we came for it this often: let the whole unit be done again."""


def begin(connection: Connection, asked: Asked) -> tuple[Found, bool]:
    """Lock, then read; and whether the conversations have timers. Raises ConflictError."""
    standings = lock(connection, asked.conversations, asked)
    ids = [key.id for key in asked.conversations]
    rows = connection.execute(
        _stood(len(ids), len(asked.settled)),
        {
            **listed("id", ids),
            **listed("key", asked.settled),
            "person": digest_of(asked.correspondent),
            "since": asked.now - WINDOW,
            "now": asked.now,
        },
    ).all()
    first = rows[0]
    found = Found(
        standings=standings,
        settled={row.key: reply_of(row) for row in rows if row.key is not None},
        replies=first.replies,
        questions=_questions(connection, asked) if asked.correspondent and first.questions else (),
        timers=_timers(connection, ids) if asked.with_timers and first.timers else (),
    )
    return found, bool(first.timers)


def lock(
    connection: Connection, keys: Collection[ConversationKey], asked: Asked
) -> Mapping[ConversationKey, Standing]:
    """Where these conversations stand, and from now on nobody else moves them."""
    if not keys:
        return {}
    by_id = {key.id: key for key in keys}
    for _ in range(ROUNDS):
        rows = connection.execute(_locked(len(by_id)), listed("id", sorted(by_id))).all()
        standings = {by_id[row.id]: standing_of(row) for row in rows}
        missing = [by_id[id] for id in sorted(by_id) if by_id[id] not in standings]
        fresh = [conversation_row(key, asked.now) for key in missing]
        # What we inserted is locked by us. Where somebody was faster, wait for his row.
        if not fresh or insert_new(connection, conversation, fresh) == len(fresh):
            return {**standings, **{key: Standing() for key in missing}}
    raise ConflictError("the database: the conversation came and went too often")


def insert_new(connection: Connection, table: Table, rows: list[Row]) -> int:
    """Insert those rows that are not there yet; how many were not. Waits for whoever is about to insert one of them,
    until it is known how that ends."""
    statement = _inserting(connection.dialect.name, table)
    return connection.execute(statement, rows if len(rows) > 1 else rows[0]).rowcount


@cache
def _inserting(dialect: str, table: Table) -> Insert:
    statement: Insert
    if dialect == "postgresql":
        statement = postgresql.insert(table).on_conflict_do_nothing().inline()
    elif dialect == "sqlite":
        statement = sqlite.insert(table).on_conflict_do_nothing().inline()
    else:
        statement = insert(table).prefix_with("IGNORE").inline()
    return statement.execution_options(preserve_rowcount=True)


def failures(connection: Connection, keys: list[str]) -> Mapping[str, int]:
    """How often the mails with these settled keys have failed, where they did."""
    return {row["key"]: row["count"] for row in connection.execute(_FAILURES, {"keys": keys}).mappings()}


def _questions(connection: Connection, asked: Asked) -> tuple[Question, ...]:
    values = {
        "person": digest_of(asked.correspondent),
        "now": asked.now,
        "secrets": sorted(asked.secrets),
    }
    return tuple(question_of(row, asked.correspondent) for row in connection.execute(_QUESTIONS, values))


def _timers(connection: Connection, ids: list[str]) -> tuple[Any, ...]:
    return tuple(timer_of(row) for row in connection.execute(_TIMERS, {"ids": ids}))


_MINE = (confirmation.c.correspondent == bindparam("person")) & (confirmation.c.expires_at > bindparam("now"))
_ONE = select(literal_column("1").label("one")).subquery("always")


@lru_cache
def _locked(ids: int) -> Select[Any]:
    return (
        select(conversation.c.id, conversation.c.state, conversation.c.is_confirmed)
        .where(among(conversation.c.id, "id", ids))
        .order_by(conversation.c.id)
        .with_for_update()
    )


@lru_cache
def _stood(ids: int, keys: int) -> Select[Any]:
    """One row where nothing is settled, and one for each answer where something is: a single round trip."""
    return select(
        select(func.count())
        .select_from(automatic)
        .where(automatic.c.recipient == bindparam("person"), automatic.c.at > bindparam("since"))
        .scalar_subquery()
        .label("replies"),
        select(func.count()).select_from(confirmation).where(_MINE).scalar_subquery().label("questions"),
        select(func.count())
        .select_from(timer)
        .where(among(timer.c.conversation, "id", ids))
        .scalar_subquery()
        .label("timers"),
        settled.c.key,
        settled.c.code,
        settled.c.status,
        settled.c.text,
    ).select_from(_ONE.outerjoin(settled, among(settled.c.key, "key", keys)))


_QUESTIONS = select(
    confirmation.c.name,
    confirmation.c.target,
    confirmation.c.digest,
    confirmation.c.asked_at,
    confirmation.c.expires_at,
    confirmation.c.envelope,
    case(
        (confirmation.c.digest.in_(bindparam("secrets", expanding=True)), confirmation.c.octets),
        else_=null(),
    ).label("octets"),
).where(_MINE)
_FAILURES = select(failure.c.key, failure.c.count).where(
    failure.c.key.in_(bindparam("keys", expanding=True)), failure.c.count > 0
)
_TIMERS = select(timer.c.due_at, timer.c.timer).where(
    timer.c.conversation.in_(bindparam("ids", expanding=True))
)
