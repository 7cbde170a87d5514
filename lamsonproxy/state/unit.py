"""One unit of work in a SQL database: one transaction.

Law: design laws 3 to 5. A unit takes its turn in this process first, then a connection, then the rows; it gives them
back in the other order, whatever happened, and nothing that the database is doing is ever abandoned half-way: a
rollback waits for it, in the background where need be. What a library raises leaves as StoreError or ConflictError.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import AlreadySettled, AppError, StoreError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Work
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Clock
from lamsonproxy.state import reading, writing
from lamsonproxy.state.committing import committing, is_as_it_was
from lamsonproxy.state.database import Database, Tenure
from lamsonproxy.state.failing import Trouble, foreign, store_error, trouble_of
from lamsonproxy.state.session import HandlerSession, make_session

ROLLBACK_S = 5.0
"""How long an answer waits for a rollback, so that a retry does not meet our own locks."""

_T = TypeVar("_T")


class SqlUnit:
    """Fulfils `ports.Unit`."""

    def __init__(self, database: Database, clock: Clock, asked: Asked) -> None:
        self._database = database
        self._clock = clock
        self._asked = asked
        self._turn: AsyncExitStack | None = None
        self._tenure = Tenure(database.settings.lock_wait_s)
        self._connection: Connection | None = None
        self._running: asyncio.Future[Any] | None = None
        self._session: tuple[HandlerSession, Any] | None = None
        self._was_settled = False
        self._has_timers = False
        self._settled: frozenset[str] = frozenset()
        self._later: list[Outgoing] = []
        self._amended: dict[str, Reply] = {}
        self._found: Found | None = None
        self._is_written = False
        self._revoking = threading.Lock()
        """Between whoever ends the unit and a thread that a handler has left behind and that begins it."""

    @property
    def is_open(self) -> bool:
        return self._turn is not None

    @property
    def found(self) -> Found | None:
        return self._found

    @property
    def has_conflict(self) -> bool:
        return self._tenure.has_conflict

    @property
    def db(self) -> Any:
        self._refuse_when_over()
        if self._database.is_async:
            # At once: what an AsyncSession gives in a thread is a coroutine that nobody awaits.
            self._database.check_thread()
        if self._session is None:
            self._session = make_session(self, is_async=self._database.is_async)
        return self._session[1]

    async def begin(self, *, until: float) -> Found:
        if self._found is None:
            await self._begin(min(self._database.settings.lock_wait_s, until - self._clock.monotonic()))
        assert self._found is not None, "a unit that has begun has found something"
        return self._found

    async def mark(self) -> None:
        if self._session is not None and self._connection is not None:
            await self._run(self._keep)

    async def restore(self) -> None:
        if self._session is not None and self._connection is not None:
            await self._run(self._undo)

    async def write(self, work: Work) -> None:
        if self._found is None:
            await self._begin(self._database.settings.lock_wait_s)
            self._was_settled = bool(self._stood.settled)
        self._refuse_when_settled()
        self._settled = frozenset(work.settled)
        # The session may wait for a lock when it is flushed.
        await self._run(self._write, work, wait_s=self._database.settings.lock_wait_s)

    async def settle(self, work: Work) -> None:
        if self._found is None:
            await self.write(work)
            await self.commit()
            return
        self._refuse_when_settled()
        self._settled = frozenset(work.settled)
        await self._run(self._write_and_commit, work, wait_s=self._database.settings.lock_wait_s)
        await self._leave()

    async def add(self, outgoing: Outgoing) -> None:
        self._later.append(outgoing)

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        self._amended.update(settled)

    async def commit(self) -> None:
        self._tenure.is_revoked = True
        if self._connection is not None:
            await self._run(self._commit)
        await self._leave()

    async def rollback(self, *, after: "asyncio.Future[Any] | None" = None) -> None:
        ending = self._end_soon(after)
        if after is None:
            # Not for ever: the answer waits for this, and what hangs is rolled back when it comes to an end.
            await asyncio.wait((ending,), timeout=ROLLBACK_S)

    # --- beginning

    async def _begin(self, wait_s: float) -> None:
        until = self._clock.monotonic() + wait_s
        try:
            await self._take_turn(wait_s)
            self._tenure.wait_s = until - self._clock.monotonic()
            await self._run(self._open, wait_s=self._tenure.wait_s)
        except BaseException:
            # Cancelled perhaps, while the database goes on: what was taken goes back when it has come to an end.
            self._end_soon(None)
            raise

    async def _take_turn(self, wait_s: float) -> None:
        ids = (key.id for key in self._asked.conversations)
        turn = await self._database.turns.take(ids, wait_s=wait_s)
        if self._tenure.is_revoked:
            # The mail was answered while a thread that its handler left behind waited: nobody would give it back.
            await turn.aclose()
            self._refuse_when_over()
        self._turn = turn

    def _open(self) -> None:
        crash_at("before-lock")
        with foreign("the database"):
            connection = self._database.connect(self._tenure)
            try:
                self._found, self._has_timers = reading.begin(connection, self._asked)
            except BaseException:
                _close(connection, self._tenure)
                raise
        with self._revoking:
            is_late = self._tenure.is_revoked
            self._connection = None if is_late else connection
        if is_late:
            _close(connection, self._tenure)
            self._refuse_when_over()
        crash_at("after-lock")

    def check(self) -> None:
        """For the session, at each use. Raises AppError, AlreadySettled."""
        self._refuse_when_over()
        self._refuse_when_settled()

    def connect(self) -> Connection:
        """For the session: the connection. A handler's first statement begins the transaction here."""
        self._refuse_when_over()
        self._database.check_thread()
        if self._connection is None:
            waiting = self._take_turn(self._database.settings.lock_wait_s)
            self._database.wait(waiting)
            self._open()
            self._was_settled = bool(self._stood.settled)
        self._refuse_when_settled()
        assert self._connection is not None, "it was opened"
        return self._connection

    @property
    def _stood(self) -> Found:
        return self._found or Found()

    def _refuse_when_over(self) -> None:
        if self._tenure.is_revoked or self._is_written:
            raise AppError("mail.db is over: the mail that it belonged to has been answered")

    def _refuse_when_settled(self) -> None:
        # Each time: a handler may have swallowed the first.
        if self._was_settled:
            raise AlreadySettled("the mail was settled by an earlier attempt")

    # --- writing

    def _keep(self) -> None:
        assert self._session is not None
        with foreign("what a handler did in the database"):
            self._session[0].keep()

    def _undo(self) -> None:
        assert self._session is not None
        with foreign("undoing what a handler did in the database"):
            self._session[0].undo()

    def _write(self, work: Work) -> None:
        connection = self._flushed()
        crash_at("before-write")
        with foreign("the database"):
            self._put(connection, work, writing.check(connection, work))
        crash_at("after-write")

    def _write_and_commit(self, work: Work) -> None:
        connection = self._flushed()
        crash_at("before-write")
        with foreign("the database"):
            contents = writing.check(connection, work)
        try:
            with committing(connection):
                self._put(connection, work, contents)
                crash_at("after-write")
                # From here on only we use it.
                self._tenure.may_end = self._tenure.is_revoked = True
                crash_at("before-commit")
        except SQLAlchemyError as error:
            self._look_up(error)
        self._close(connection)

    def _flushed(self) -> Connection:
        """The connection, with all that the handlers did."""
        connection = self._connection
        if connection is None or not connection.in_transaction():
            raise StoreError("the database: a handler has ended the transaction")
        if not is_as_it_was(connection):
            # Law 3: nothing that is sent from here on would have been tried before the relay.
            raise StoreError("the database: a handler has changed the connection, and not changed it back")
        if self._session is not None:
            self._keep()
            # What failed from here on, PostgreSQL would make a rollback of the commit, and say nothing (COMMIT).
            self._is_written = True
            self._check_constraints(connection)
        return connection

    def _put(self, connection: Connection, work: Work, contents: writing.Contents) -> None:
        standings = self._stood.standings
        writing.put(connection, self._asked, standings, work, contents, has_timers=self._has_timers)

    def _check_constraints(self, connection: Connection) -> None:
        """What is deferred to the commit could fail after the relay (design law 3). Ours are none of them."""
        if connection.dialect.name == "postgresql":
            with foreign("the constraints of what a handler did"):
                connection.execute(_CHECKED)

    # --- ending

    def _commit(self) -> None:
        connection = self._connection
        assert connection is not None
        self._tenure.may_end = True
        with foreign("the database"):
            contents = writing.keep(connection, self._later)
        try:
            with committing(connection):
                writing.post(connection, self._asked, self._later, contents)
                writing.amend(connection, self._amended)
                crash_at("before-commit")
        except SQLAlchemyError as error:
            self._look_up(error)
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        crash_at("after-commit")
        self._connection = None
        _close(connection, self._tenure)

    def _look_up(self, error: SQLAlchemyError) -> None:
        """Return when the commit has happened although its answer was lost."""
        failure = store_error("the commit", error)
        if trouble_of(error) is not Trouble.LOST:
            raise failure from error
        with foreign("the commit's outcome is unknown"), self._database.engine.connect() as connection:
            if not writing.was_committed(connection, self._asked, self._settled):
                raise StoreError(str(failure)) from error

    def _end_soon(self, after: "asyncio.Future[Any] | None") -> "asyncio.Task[None]":
        with self._revoking:
            self._tenure.is_revoked = True
        return self._database.later(self._end(after))

    async def _end(self, after: "asyncio.Future[Any] | None") -> None:
        if after is not None and not after.done():
            await (self._database.held(after) if self.is_open else asyncio.wait((after,)))
        if self._running is not None and not self._running.done():
            await asyncio.wait((self._running,))
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._give_back(connection)
        await self._leave()

    async def _give_back(self, connection: Connection) -> None:
        try:
            await asyncio.wait((self._database.start(_close, connection, self._tenure),))
        except StoreError:
            # No thread for it: rather hold up the loop for a moment than other mail with our locks for ever.
            _close(connection, self._tenure)

    async def _leave(self) -> None:
        self._tenure.is_revoked = True
        turn, self._turn = self._turn, None
        if turn is not None:
            await turn.aclose()

    async def _run(self, act: Callable[..., _T], *args: Any, wait_s: float = 0.0) -> _T:
        self._running = self._database.start(act, *args)
        return await self._database.answer(self._running, wait_s=wait_s)


def _close(connection: Connection, tenure: Tenure) -> None:
    """Give the connection back, whatever state it is in. Never raises."""
    tenure.may_end = True
    try:
        transaction = connection.get_transaction()
        has_failed = transaction is not None and not transaction.is_active
        if not connection.invalidated and (has_failed or not is_as_it_was(connection)):
            # Something tried to end it, and failed: what the database thinks of it, nobody knows. Or the next one would
            # find it as a handler has left it.
            connection.invalidate()
        connection.close()
    except Exception as error:
        # It could not even roll back; the server does when the connection is closed, and whoever comes next will be
        # told what is wrong with the database.
        connection.invalidate(error)


_CHECKED = text("SET CONSTRAINTS ALL IMMEDIATE")
