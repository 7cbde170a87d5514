"""The handlers' session: SQLAlchemy's own, in a transaction that is not theirs.

Law: it works on the unit's connection, inside a savepoint, so that what a handler did can be undone without giving up
the locks. Only the unit ends it: commit, rollback and close are refused with a sentence, `begin_nested` is theirs.
The connection is asked for at each use: that is where the transaction begins late, and where a revoked session says so.

SQLAlchemy, "Joining a Session into an External Transaction".
"""

from typing import Any, NoReturn, Protocol

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from lamsonproxy.errors import AppError

REFUSED = (
    "mail.db.{act}() is not for handlers: their rows, the new state and the mail they send are one transaction, "
    "which is committed when downstream has the mail; what is to be undone alone goes into mail.db.begin_nested()"
)


class Owner(Protocol):
    """Whose transaction it is."""

    def check(self) -> None:
        """Raise where the session may not be used any more."""

    def connect(self) -> Connection:
        """The connection; the transaction begins here if it has not begun."""


class HandlerSession(Session):
    """A Session whose end is not in its user's hands."""

    def __init__(self, *, owner: Owner, **arguments: Any) -> None:
        # Objects stay readable after the unit has let go of them.
        super().__init__(join_transaction_mode="create_savepoint", expire_on_commit=False, **arguments)
        self.owner = owner

    def get_bind(self, mapper: Any = None, **arguments: Any) -> Connection:
        return self.owner.connect()

    def keep(self) -> None:
        """Flush, and make what was done part of the unit. The next use is a savepoint of its own."""
        super().commit()

    def undo(self) -> None:
        """Undo what was done since `keep`."""
        super().rollback()

    def begin(self, nested: bool = False) -> SessionTransaction:
        if not nested:
            _refuse("begin")
        return super().begin(nested=True)

    def commit(self) -> NoReturn:
        _refuse("commit")

    def rollback(self) -> NoReturn:
        _refuse("rollback")

    def close(self) -> NoReturn:
        _refuse("close")

    def reset(self) -> NoReturn:
        _refuse("reset")

    def invalidate(self) -> NoReturn:
        _refuse("invalidate")

    def prepare(self) -> NoReturn:
        _refuse("prepare")


def _refuse(act: str) -> NoReturn:
    raise AppError(REFUSED.format(act=act))


@event.listens_for(HandlerSession, "before_attach")
def _check(session: HandlerSession, instance: object) -> None:
    # `add` alone asks for no connection, and would be lost in silence when the session is over.
    session.owner.check()


def make_session(owner: Owner, *, is_async: bool) -> tuple[HandlerSession, Any]:
    """The session, and what handlers are given of it."""
    if not is_async:
        session = HandlerSession(owner=owner)
        return session, session
    shown = AsyncSession(sync_session_class=HandlerSession, owner=owner)
    sync = shown.sync_session
    assert isinstance(sync, HandlerSession)
    return sync, shown
