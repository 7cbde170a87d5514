"""Threads that may be left behind: a bounded number of them, each doing one act after another.

Law: a thread that hangs for ever keeps nothing from ending. This is why they are ours: the threads of
`concurrent.futures.ThreadPoolExecutor` are joined when the interpreter ends, so one stuck handler or one dead
network disk would keep a worker from leaving. A thread that has nothing to do holds nothing of what it did.
"""

import queue
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

_T = TypeVar("_T")
_Job = tuple["Future[Any]", Callable[[], Any]]


class Threads:
    """At most `limit` threads, started when they are needed."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._count = 0
        self._idle = threading.Semaphore(0)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # They know the queue, not this object, and leave when it has gone.
        weakref.finalize(self, self._jobs.put, None)

    def submit(self, act: Callable[[], _T]) -> "Future[_T]":
        """Do this in a thread as soon as one is free. Called from one thread only, the event loop's."""
        future: Future[_T] = Future()
        self._jobs.put((future, act))
        if not self._idle.acquire(blocking=False) and self._count < self._limit:
            self._count += 1
            name = f"{self._name}-{self._count}"
            threading.Thread(target=_work, args=(self._jobs, self._idle), name=name, daemon=True).start()
        return future


def _work(jobs: "queue.SimpleQueue[_Job | None]", idle: threading.Semaphore) -> None:
    while True:
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            idle.release()
            job = jobs.get()
        if job is None:
            jobs.put(None)
            return
        _do(*job)
        del job


def _do(future: "Future[Any]", act: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(act())
    except BaseException as error:
        future.set_exception(error)
