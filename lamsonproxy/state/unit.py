"""One unit of work in a SQL database: one transaction.

Law: a unit takes its turn in this process first, then a connection, then the rows; it gives them back in the other
order, whatever happened, and nothing that the database is doing is ever abandoned half-way: a rollback waits for it, in
the background where need be. Nothing here speaks to the database itself: `statements` does.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from sqlalchemy import Connection

from lamsonproxy.errors import AlreadySettled, StoreError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Work
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Clock
from lamsonproxy.state.database import Database
from lamsonproxy.state.session import make_session
from lamsonproxy.state.statements import Statements, close

ROLLBACK_S = 5.0
"""How long an answer waits for a rollback, so that a retry does not meet our own locks."""

_T = TypeVar("_T")


class SqlUnit:
    """Fulfils `ports.Unit`."""

    def __init__(self, database: Database, clock: Clock, asked: Asked) -> None:
        self._database = database
        self._clock = clock
        self._asked = asked
        self._statements = Statements(database, asked)
        self._turn: AsyncExitStack | None = None
        self._running: asyncio.Future[Any] | None = None
        self._db: Any = None
        self._was_settled = False
        self._later: list[Outgoing] = []
        self._amended: dict[str, Reply] = {}

    @property
    def is_open(self) -> bool:
        return self._turn is not None

    @property
    def found(self) -> Found | None:
        return self._statements.found

    @property
    def has_conflict(self) -> bool:
        return self._statements.tenure.has_conflict

    @property
    def db(self) -> Any:
        self._statements.refuse_when_over()
        if self._database.is_async:
            # At once: what an AsyncSession gives in a thread is a coroutine that nobody awaits.
            self._database.check_thread()
        if self._db is None:
            self._statements.session, self._db = make_session(self, is_async=self._database.is_async)
        return self._db

    async def begin(self, *, until: float) -> Found:
        if self.found is None:
            await self._begin(min(self._database.settings.lock_wait_s, until - self._clock.monotonic()))
        assert self.found is not None, "a unit that has begun has found something"
        return self.found

    async def mark(self) -> None:
        if self._is_used:
            await self._run(self._statements.keep)

    async def restore(self) -> None:
        if self._is_used:
            await self._run(self._statements.undo)

    async def write(self, work: Work) -> None:
        if self.found is None:
            await self._begin(self._database.settings.lock_wait_s)
            self._look_whether_settled()
        self._refuse_when_settled()
        # The session may wait for a lock when it is flushed.
        await self._run(self._statements.write, work, wait_s=self._database.settings.lock_wait_s)

    async def settle(self, work: Work) -> None:
        if self.found is None:
            await self.write(work)
            await self.commit()
            return
        self._refuse_when_settled()
        await self._run(self._statements.write_and_commit, work, wait_s=self._database.settings.lock_wait_s)
        await self._leave()

    async def add(self, outgoing: Outgoing) -> None:
        self._later.append(outgoing)

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        self._amended.update(settled)

    async def commit(self) -> None:
        self._statements.tenure.is_revoked = True
        if self._statements.connection is not None:
            await self._run(self._statements.commit, self._later, self._amended)
        await self._leave()

    async def rollback(self, *, after: "asyncio.Future[Any] | None" = None) -> None:
        ending = self._end_soon(after)
        if after is None:
            # Not for ever: the answer waits for this, and what hangs is rolled back when it comes to an end.
            await asyncio.wait((ending,), timeout=ROLLBACK_S)

    # --- for the handlers' session

    def check(self) -> None:
        """At each use. Raises AppError, AlreadySettled."""
        self._statements.refuse_when_over()
        self._refuse_when_settled()

    def connect(self) -> Connection:
        """The connection. A handler's first statement begins the transaction here."""
        self._statements.refuse_when_over()
        self._database.check_thread()
        if self._statements.connection is None:
            waiting = self._take_turn(self._database.settings.lock_wait_s)
            self._database.wait(waiting)
            self._statements.open()
            self._look_whether_settled()
        self._refuse_when_settled()
        assert self._statements.connection is not None, "it was opened"
        return self._statements.connection

    # --- beginning

    async def _begin(self, wait_s: float) -> None:
        until = self._clock.monotonic() + wait_s
        tenure = self._statements.tenure
        try:
            await self._take_turn(wait_s)
            tenure.wait_s = until - self._clock.monotonic()
            await self._run(self._statements.open, wait_s=tenure.wait_s)
        except BaseException:
            # Cancelled perhaps, while the database goes on: what was taken goes back when it has come to an end.
            self._end_soon(None)
            raise

    async def _take_turn(self, wait_s: float) -> None:
        ids = (key.id for key in self._asked.conversations)
        turn = await self._database.turns.take(ids, wait_s=wait_s)
        if self._statements.tenure.is_revoked:
            # The mail was answered while a thread that its handler left behind waited: nobody would give it back.
            await turn.aclose()
            self._statements.refuse_when_over()
        self._turn = turn

    @property
    def _is_used(self) -> bool:
        return self._db is not None and self._statements.connection is not None

    def _look_whether_settled(self) -> None:
        # Only here, where a handler or nobody began it: whoever calls `begin` looks for himself.
        self._was_settled = bool((self.found or Found()).settled)

    def _refuse_when_settled(self) -> None:
        # Each time: a handler may have swallowed the first.
        if self._was_settled:
            raise AlreadySettled("the mail was settled by an earlier attempt")

    # --- ending

    def _end_soon(self, after: "asyncio.Future[Any] | None") -> "asyncio.Task[None]":
        self._statements.revoke()
        return self._database.later(self._end(after))

    async def _end(self, after: "asyncio.Future[Any] | None") -> None:
        if after is not None and not after.done():
            await (self._database.held(after) if self.is_open else asyncio.wait((after,)))
        if self._running is not None and not self._running.done():
            await asyncio.wait((self._running,))
        connection, self._statements.connection = self._statements.connection, None
        if connection is not None:
            await self._give_back(connection)
        await self._leave()

    async def _give_back(self, connection: Connection) -> None:
        tenure = self._statements.tenure
        try:
            await asyncio.wait((self._database.start(close, connection, tenure),))
        except StoreError:
            # No thread for it: rather hold up the loop for a moment than other mail with our locks for ever.
            close(connection, tenure)

    async def _leave(self) -> None:
        self._statements.tenure.is_revoked = True
        turn, self._turn = self._turn, None
        if turn is not None:
            await turn.aclose()

    async def _run(self, act: Callable[..., _T], *args: Any, wait_s: float = 0.0) -> _T:
        self._running = self._database.start(act, *args)
        return await self._database.answer(self._running, wait_s=wait_s)
