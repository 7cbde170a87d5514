"""Runs a user's handler: `def` in a thread, `async def` on the loop, both under a deadline.

Law: whatever a handler does, `run` returns in time and raises nothing of the handler's: not SystemExit, not a
swallowed cancellation, not an exception that cannot be printed. What overran is forgotten but counted; when as
many threads are lost as there are, or none can be started, this process is used up, and the supervisor replaces it.
What blocks on the disk has threads of its own: those of the handlers may all be stuck, and asyncio's own
resolve names for the relay. So have handlers in a transaction: all other threads may wait for that transaction's end.
"""

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from lamsonproxy.errors import StorageError
from lamsonproxy.threads import Threads

DISK_THREADS = 8
"""Acts on the disk at the same time, per worker: more than a disk does well, few enough to be lost."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler returned this."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The handler raised this."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Overran:
    """The handler had not come back by its deadline; a late result is thrown away."""


Ran = Returned | Raised | Overran

OnGivenUp = Callable[[asyncio.Future[Any]], None]
"""Called with a future that is done when the handler that was left running has come back."""


class Runner:
    """A bounded number of threads for `def` handlers; the loop for the others."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._handlers = Threads(threads, "handler")
        self._transacted = Threads(threads, "transaction")
        self._disk = Threads(DISK_THREADS, "disk")
        self._stuck = 0
        self._lock = threading.Lock()
        self._lost_tasks: set[asyncio.Future[Ran]] = set()

    @property
    def stuck(self) -> int:
        """How many threads run handlers whose time is over."""
        return self._stuck

    @property
    def is_used_up(self) -> bool:
        """True when no thread is left for a handler, or the system gives none."""
        pools = (self._handlers, self._transacted, self._disk)
        return self._stuck >= self.threads or any(pool.is_starved for pool in pools)

    async def run(
        self,
        handler: Callable[..., Any],
        mail: object,
        captures: Mapping[str, Any],
        *,
        timeout: float,
        on_given_up: OnGivenUp | None = None,
        in_transaction: bool = False,
    ) -> Ran:
        """Run the handler for at most `timeout` seconds, waiting for a thread included; without any time left
        it is not begun. `captures` go to it by their names. `on_given_up` hears of a handler that is left running,
        because its time is over or because nobody waits any more. `in_transaction` says that others may wait for what
        it holds. Raises RuntimeError or MemoryError when it needs a
        thread and the system gives none."""
        if timeout <= 0:
            return Overran()
        call = _Call(self, partial(handler, mail, **captures), on_given_up)
        future: asyncio.Future[Ran]
        if inspect.iscoroutinefunction(handler):
            future = asyncio.ensure_future(call.on_the_loop())
        else:
            threads = self._transacted if in_transaction else self._handlers
            future = asyncio.wrap_future(threads.submit(call.in_a_thread))
        try:
            done, _ = await asyncio.wait((future,), timeout=timeout)
        except asyncio.CancelledError:
            self._give_up(call, future)
            raise
        if done:
            return Raised(asyncio.CancelledError()) if future.cancelled() else future.result()
        self._give_up(call, future)
        return Overran()

    async def on_disk(self, act: Callable[..., _T], *args: Any, timeout: float) -> _T:
        """Run an act of ours that blocks on the disk. Raises what it raises, and StorageError when the disk has
        not answered in time: the act may then still happen, later."""
        future = asyncio.wrap_future(self._disk.submit(lambda: act(*args)))
        try:
            done, _ = await asyncio.wait((future,), timeout=max(0.0, timeout))
            if done:
                return future.result()
        finally:
            future.cancel()  # one that has not begun never will; nothing for one that is done
        raise StorageError("the disk did not answer", TimeoutError("the time was over"))

    def _give_up(self, call: "_Call", future: asyncio.Future[Ran]) -> None:
        # A task may swallow its cancellation; the reference keeps it from being collected half-way (H4).
        future.cancel()
        if not future.done():
            self._lost_tasks.add(future)
            future.add_done_callback(self._lost_tasks.discard)
        call.give_up(future)

    def _count(self, change: int) -> None:
        with self._lock:
            self._stuck += change


class _Call:
    """One call of a handler, and whether anybody still waits for it."""

    def __init__(self, runner: Runner, call: Callable[[], Any], on_given_up: OnGivenUp | None) -> None:
        self._runner = runner
        self._call = call
        self._on_given_up = on_given_up
        self._left: asyncio.Future[None] | None = None
        """Done when the thread that was given up has come back."""
        self._lock = threading.Lock()
        self._is_running = self._is_given_up = False

    def in_a_thread(self) -> Ran:
        if not self._begin():
            return Overran()
        try:
            return Returned(self._call())
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: a handler is no place to end a mail service from.
            return Raised(error)
        finally:
            self._end()

    async def on_the_loop(self) -> Ran:
        try:
            return Returned(await self._call())
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # A SystemExit that left a task would end the event loop.
            return Raised(error)

    def give_up(self, future: asyncio.Future[Ran]) -> None:
        with self._lock:
            self._is_given_up = True
            if self._is_running:
                self._runner._count(+1)
                self._left = asyncio.get_running_loop().create_future()
        left = self._left or (None if future.done() else future)
        if left is not None and self._on_given_up is not None:
            self._on_given_up(left)

    def _begin(self) -> bool:
        """False when the deadline passed while this waited for a thread: nobody wants its effects any more."""
        with self._lock:
            self._is_running = not self._is_given_up
            return self._is_running

    def _end(self) -> None:
        with self._lock:
            self._is_running = False
            if self._is_given_up:
                self._runner._count(-1)
            left = self._left
        if left is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it everybody who waited
                left.get_loop().call_soon_threadsafe(left.set_result, None)
