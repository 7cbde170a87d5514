"""Runs a user's handler: `def` in a thread, `async def` on the loop, both under a deadline.

Law: whatever a handler does, `run` returns in time and raises nothing of the handler's: not SystemExit, not a swallowed
cancellation, not an exception that cannot be printed. What overran is forgotten but counted; when as many threads are
lost as there are, this process is used up, and the supervisor replaces it (design law 6).
"""

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


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


class Runner:
    """A bounded number of threads for `def` handlers; the loop for the others."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="handler")
        self._stuck = 0
        self._lock = threading.Lock()
        self._lost_tasks: set[asyncio.Future[Ran]] = set()

    @property
    def stuck(self) -> int:
        """How many threads run handlers whose time is over."""
        return self._stuck

    @property
    def is_used_up(self) -> bool:
        """True when no thread is left for a handler."""
        return self._stuck >= self.threads

    async def run(self, handler: Callable[..., Any], *args: Any, timeout: float, **captures: Any) -> Ran:
        """Run the handler for at most `timeout` seconds, waiting for a thread included."""
        call = _Call(self, handler, args, captures)
        future: asyncio.Future[Ran]
        if inspect.iscoroutinefunction(handler):
            future = asyncio.ensure_future(call.on_the_loop())
        else:
            future = asyncio.get_running_loop().run_in_executor(self._pool, call.in_a_thread)
        done, _ = await asyncio.wait((future,), timeout=timeout)
        if done:
            return Raised(asyncio.CancelledError()) if future.cancelled() else future.result()
        self._give_up(call, future)
        return Overran()

    async def in_thread(self, act: Callable[..., Any], *args: Any) -> Any:
        """Run an act of ours that blocks on the disk. Not in the handlers' threads: they may all be stuck."""
        return await asyncio.get_running_loop().run_in_executor(None, act, *args)

    def _give_up(self, call: "_Call", future: asyncio.Future[Ran]) -> None:
        call.overran()
        # A task may swallow its cancellation; the reference keeps it from being collected half-way (H4).
        future.cancel()
        if not future.done():
            self._lost_tasks.add(future)
            future.add_done_callback(self._lost_tasks.discard)

    def _count(self, change: int) -> None:
        with self._lock:
            self._stuck += change


class _Call:
    """One call of a handler, and whether anybody still waits for it."""

    def __init__(
        self, runner: Runner, handler: Callable[..., Any], args: tuple[Any, ...], captures: dict[str, Any]
    ) -> None:
        self._runner = runner
        self._call = lambda: handler(*args, **captures)
        self._lock = threading.Lock()
        self._is_running = self._is_stuck = False

    def in_a_thread(self) -> Ran:
        with self._lock:
            self._is_running = True
        try:
            return Returned(self._call())
        except BaseException as error:
            # SystemExit and KeyboardInterrupt too: a handler is no place to end a mail service from.
            return Raised(error)
        finally:
            with self._lock:
                self._is_running = False
                if self._is_stuck:
                    self._runner._count(-1)

    async def on_the_loop(self) -> Ran:
        try:
            return Returned(await self._call())
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            # A SystemExit that left a task would end the event loop.
            return Raised(error)

    def overran(self) -> None:
        with self._lock:
            if self._is_running:
                self._is_stuck = True
                self._runner._count(+1)
