"""Threads that may be left behind: a bounded number of them, each doing one act after another.

Law: a thread that hangs for ever keeps nothing from ending. This is why they are ours: the threads of
`concurrent.futures.ThreadPoolExecutor` are joined when the interpreter ends, so one stuck handler or one dead
network disk would keep a worker from leaving. A thread that has nothing to do holds nothing of what it did. What
`submit` refused is never done.
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
        self.is_starved = False
        """The system refused the last thread that was asked for: memory, or `RLIMIT_NPROC`, or a cgroup's pids."""
        self._idle = threading.Semaphore(0)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # They know the queue, not this object, and leave when it has gone.
        weakref.finalize(self, self._jobs.put, None)

    def submit(self, act: Callable[[], _T]) -> "Future[_T]":
        """Do this in a thread as soon as one is free. Called from one thread only, the event loop's.

        Raises RuntimeError or MemoryError when a thread is needed and cannot be started.
        """
        if not self._idle.acquire(blocking=False) and self._count < self._limit:
            self._start_one()
        # Not before: a job whose mail was refused would wait here for the next thread.
        future: Future[_T] = Future()
        self._jobs.put((future, act))
        return future

    def _start_one(self) -> None:
        name = f"{self._name}-{self._count + 1}"
        thread = threading.Thread(target=_work, args=(self._jobs, self._idle), name=name, daemon=True)
        self.is_starved = True
        thread.start()
        self.is_starved = False
        self._count += 1


def _work(jobs: "queue.SimpleQueue[_Job | None]", idle: threading.Semaphore) -> None:
    # Started for a job that is about to come: nobody may count on it for another one.
    job = jobs.get()
    while job is not None:
        _do(*job)
        del job
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            idle.release()
            job = jobs.get()
    jobs.put(None)


def _do(future: "Future[Any]", act: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(act())
    except BaseException as error:
        future.set_exception(error)
