"""One database, and the way of doing things in it: in threads, or on the loop.

Law: SQL of ours is written once, as functions of a `Connection`. `start` runs such a function where it belongs: in a
thread of the database's own for the threads' driver, below a greenlet on the loop for the other. What is begun is
never cancelled half-way: whoever gave up waiting lets it run to its end.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, bindparam, event, func, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only, greenlet_spawn

from lamsonproxy.errors import AppError, StoreError
from lamsonproxy.state.committing import commit
from lamsonproxy.state.engines import BUSY_MS, SPARE_CONNECTIONS, DatabaseSettings, make_engine
from lamsonproxy.state.failing import Trouble, foreign, trouble_of, trouble_of_driver
from lamsonproxy.state.locks import Turns
from lamsonproxy.threads import Threads

ANSWER_S = 15.0
"""A database that says nothing for so long, beside what it may wait for locks, is away. With the deadline of the door
before the queue (80) it is below Postfix's `smtpd_proxy_timeout` (100)."""

ATTEMPTS = 4
"""Of a transaction of ours that met another one: three more than one, as a unit of work has (design law 3)."""

CLOSE_S = 5.0
"""How long the rollbacks of handlers that have not returned are waited for when a worker leaves."""

_T = TypeVar("_T")
_TENURE = "lamson_tenure"
_LOCK_TIMEOUT = select(func.set_config("lock_timeout", bindparam("limit"), True))


class Tenure:
    """What the events of a connection must know while a unit of work has it."""

    __slots__ = ("has_conflict", "is_revoked", "may_end", "wait_s")

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        """How long its statements may wait for locks."""
        self.may_end = True
        """Not while handlers have it: only we commit and roll back."""
        self.is_revoked = False
        self.has_conflict = False


class Database:
    """An engine, its threads, and whose turn it is."""

    def __init__(self, settings: DatabaseSettings, *, is_async: bool = False) -> None:
        self.settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        with suppress(RuntimeError):
            # A unit may be begun by a handler in its thread before anything was started on the loop.
            self._loop = asyncio.get_running_loop()
        self.is_async = is_async
        self.engine: Engine = make_engine(settings, is_async=is_async)
        has_one_writer = self.engine.dialect.name == "sqlite"
        self.turns = Turns(settings.connections, has_one_writer=has_one_writer)
        # A mail holds its place while it is relayed; the others' acts are short and need not wait for that, except
        # where there is one writer.
        self._spare = self.turns if has_one_writer else Turns(SPARE_CONNECTIONS, has_one_writer=False)
        self._later: set[asyncio.Task[None]] = set()
        self._held_since: list[float] = []
        """When mails had been answered whose handlers have not returned and may still use their connections."""
        self._threads = Threads(settings.connections + SPARE_CONNECTIONS, "database")
        _watch(self.engine)

    def start(self, act: Callable[..., _T], *args: Any) -> "asyncio.Future[_T]":
        """Begin an act that uses SQLAlchemy, and give its future; cancel it never. Called on the loop.

        Raises StoreError when it needs a thread and the system gives none.
        """
        self._loop = asyncio.get_running_loop()
        future = (
            asyncio.ensure_future(greenlet_spawn(act, *args))
            if self.is_async
            else self._in_thread(act, *args)
        )
        # Whoever waited for it may have been cancelled, and asyncio complains of what nobody looks at.
        future.add_done_callback(_look_at)
        return future

    def _in_thread(self, act: Callable[..., _T], *args: Any) -> "asyncio.Future[_T]":
        try:
            return asyncio.wrap_future(self._threads.submit(lambda: act(*args)))
        except (RuntimeError, MemoryError) as error:
            raise StoreError("the database: the system gives no thread") from error

    async def call(self, act: Callable[..., _T], *args: Any) -> _T:
        """`start`, and `answer`, where a lock may have to be waited for."""
        return await self.answer(self.start(act, *args), wait_s=self.settings.lock_wait_s)

    async def answer(self, future: "asyncio.Future[_T]", *, wait_s: float = 0.0) -> _T:
        """What an act that was started comes to; `wait_s` is how long it may wait for locks. Raises StoreError when the
        database does not answer."""
        limit_s = wait_s + ANSWER_S
        done, _ = await asyncio.wait((future,), timeout=limit_s)
        if not done:
            raise StoreError(f"the database has not answered for {limit_s:.0f} s")
        return future.result()

    def wait(self, waiting: Coroutine[Any, Any, _T]) -> _T:
        """Wait for something of the loop's from within a handler's statement: in its thread, or below a greenlet."""
        if self.is_async:
            return await_only(waiting)
        assert self._loop is not None, "it is used on a loop"
        return asyncio.run_coroutine_threadsafe(waiting, self._loop).result()

    def check_thread(self) -> None:
        """Raises AppError where a handler's statements are of the other kind than the handler: they would hold up the
        loop, or would be begun and never awaited."""
        if not self.is_async and _is_on_a_loop():
            raise AppError(
                "mail.db is a Session, because the App has no `async def` state functions, and a statement of an "
                "`async def` handler would hold up all other mail: give it to asyncio.to_thread, or make it `def`"
            )
        if self.is_async and not _is_on_a_loop():
            raise AppError(
                "mail.db is an AsyncSession, because the state functions of the App are `async def`, and this is a "
                "`def` handler: a statement would never be awaited"
            )

    async def transaction(self, act: Callable[..., _T], *args: Any) -> _T:
        """Do an act of ours, a function of a Connection, in a transaction of its own. Raises StoreError; when that
        comes from the commit, it may have happened all the same."""
        async with await self._spare.take((), wait_s=self.settings.lock_wait_s):
            return await self.call(self._transact, act, *args)

    def _transact(self, act: Callable[..., _T], *args: Any) -> _T:
        with foreign("the database"):
            for _ in range(ATTEMPTS - 1):
                try:
                    return self._attempt(act, *args)
                except DBAPIError as error:
                    if trouble_of(error) is not Trouble.CONFLICT:
                        raise
            return self._attempt(act, *args)

    def _attempt(self, act: Callable[..., _T], *args: Any) -> _T:
        with self.engine.connect() as connection:
            connection.begin()
            result = act(connection, *args)
            commit(connection)
            return result

    def connect(self, tenure: Tenure) -> Connection:
        """A connection for a unit of work, its transaction begun."""
        wait_ms = max(1, round(tenure.wait_s * 1000))
        connection = self.engine.connect().execution_options(**{_TENURE: tenure, BUSY_MS: wait_ms})
        try:
            connection.begin()
            # One round trip less in the usual case, in which the door's deadline is far away.
            if tenure.wait_s < self.settings.lock_wait_s * 0.9 and connection.dialect.name == "postgresql":
                connection.execute(_LOCK_TIMEOUT, {"limit": f"{wait_ms}ms"})
        except BaseException:
            connection.close()
            raise
        tenure.may_end = False
        return connection

    def later(self, ending: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Go on with this whatever becomes of the caller."""
        task = asyncio.ensure_future(ending)
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return task

    @property
    def stuck(self) -> int:
        """Rollbacks that still wait: for a handler that has not returned, or for the database."""
        return len(self._later)

    async def held(self, handler: "asyncio.Future[Any]") -> None:
        """Wait for a handler that overran and has a place here."""
        since = time.monotonic()
        self._held_since.append(since)
        try:
            await asyncio.wait((handler,))
        finally:
            self._held_since.remove(since)

    @property
    def is_used_up(self) -> bool:
        """Whether handlers that do not return have every place: nobody else gets one before this process ends."""
        long_ago = time.monotonic() - self.settings.lock_wait_s
        return sum(since < long_ago for since in self._held_since) >= self.turns.places

    async def close(self) -> None:
        """Close all connections. One that is still in use after CLOSE_S is left to the end of the process."""
        if self._later:
            await asyncio.wait(self._later, timeout=CLOSE_S)
        await self.call(self.engine.dispose)


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _look_at(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()


def _watch(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", _refuse_when_revoked)
    event.listen(engine, "commit", _refuse_to_end)
    event.listen(engine, "rollback", _refuse_to_end)
    event.listen(engine, "handle_error", _note_conflict)


def tenure_of(connection: Connection) -> Tenure | None:
    tenure = connection.get_execution_options().get(_TENURE)
    return tenure if isinstance(tenure, Tenure) else None


def _refuse_when_revoked(connection: Connection, *statement: object) -> None:
    tenure = tenure_of(connection)
    if tenure is not None and tenure.is_revoked and not tenure.may_end:
        raise AppError("mail.db is over: the mail that it belonged to has been answered")


def _refuse_to_end(connection: Connection) -> None:
    tenure = tenure_of(connection)
    if tenure is not None and not tenure.may_end:
        raise AppError(
            "a handler neither commits nor rolls back: its rows, the new state and the mail it sends are one "
            "transaction, which ends when downstream has the mail; mail.db.begin_nested() can be undone alone"
        )


def _note_conflict(context: ExceptionContext) -> None:
    tenure = tenure_of(context.connection) if context.connection is not None else None
    if tenure is None:
        return
    trouble = Trouble.LOST if context.is_disconnect else trouble_of_driver(context.original_exception)
    if trouble in (Trouble.CONFLICT, Trouble.LOST):
        tenure.has_conflict = True
