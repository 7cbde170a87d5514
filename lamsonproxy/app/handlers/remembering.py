"""What ready handlers remember: keys, since when, and until when. One table for all of them.

Law: acts are functions of a `Session`, in the transaction that the engine made for the handler. Two that come at the
same moment with the same key are one: the second finds it. What is over is deleted by whoever writes, a little at a
time.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Column, Double, MetaData, Row, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

DELETED_AT_ONCE = 50

_T = TypeVar("_T")

TABLES = MetaData()

remembered = Table(
    "lamson_remembered",
    TABLES,
    Column("key", String(64), primary_key=True),
    Column("since", Double, nullable=False, comment="seconds of the epoch"),
    Column("until", Double, nullable=False, index=True, comment="then it is forgotten"),
)


def key_of(*words: str) -> str:
    """A key of the table: one for these words, and no others."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class Patience:
    """The times of a greylist, in seconds."""

    delay_s: float
    retry_s: float
    keep_s: float


def has_come_again(db: Session, key: str, now: datetime, patience: Patience) -> bool:
    """Whether somebody was asked to come again, and has; who comes for the first time is remembered."""
    at = now.timestamp()
    row = _row(db, key)
    if row is None or row.until <= at:
        remember(db, key, now, patience.retry_s)
        return False
    if at - row.since < patience.delay_s:
        return False
    # Not at each mail: a row that was written is locked until the answer is committed.
    if row.until < at + patience.keep_s * 0.9:
        db.execute(update(remembered).where(remembered.c.key == key).values(until=at + patience.keep_s))
    return True


def remember(db: Session, key: str, now: datetime, seconds: float) -> bool:
    """Know a key from now on, for so long; False when it is known already."""
    at = now.timestamp()
    row = _row(db, key)
    if row is not None and row.until > at:
        return False
    _delete_old(db, key, at)
    try:
        with db.begin_nested():
            db.execute(insert(remembered).values(key=key, since=at, until=at + seconds))
    except IntegrityError:
        return False
    return True


def _row(db: Session, key: str) -> Row[Any] | None:
    return db.execute(select(remembered).where(remembered.c.key == key)).one_or_none()


def _delete_old(db: Session, key: str, at: float) -> None:
    is_over = remembered.c.until <= at
    # What somebody else is deleting is left to him: nobody waits here.
    others = select(remembered.c.key).where(is_over).limit(DELETED_AT_ONCE).with_for_update(skip_locked=True)
    old = db.scalars(others).all()
    db.execute(delete(remembered).where(remembered.c.key.in_([key, *old]), is_over))


async def in_session(db: Any, act: Callable[..., _T], *args: Any) -> _T:
    """Do an act in the handler's session, of whichever kind the application has."""
    if isinstance(db, AsyncSession):
        return await db.run_sync(act, *args)
    working = asyncio.ensure_future(asyncio.to_thread(act, db, *args))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        # The session is the thread's until it is done: nobody may roll it back under its hands.
        await asyncio.wait((working,))
        raise
