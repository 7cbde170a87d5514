"""Lines to a descriptor, written by a thread: whoever reads the log, or does not, stops nobody.

Law: lines leave whole and in order, or are counted: one write(2) takes one line, or so many as a pipe takes in one
piece, so that the lines of several processes do not mix. `write` waits for nothing. At most `LINES` wait; what comes
on top is dropped.

pipe(7) on PIPE_BUF.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable

LINES = 10_000
"""Lines that may wait, two or three megabytes: more than a busy worker says while its thread waits for its turn."""

GATHER_S = 0.02
"""Seconds in which lines are gathered for one turn of the thread: a turn for each would cost more CPU than the mail's
whole way through the relay, for with each of them the event loop gives up the interpreter lock and takes it back."""

FLUSH_S = 1.0
"""Seconds for the lines that wait when the process ends; mail has been settled by then."""


class Writer:
    """Writes lines to one descriptor; its thread starts with the first."""

    def __init__(self, descriptor: int, count_failure: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._count_failure = count_failure
        self._waiting: deque[bytes | threading.Event | None] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending = threading.Lock()
        """Between the thread's end and a line that needs one."""
        self._is_forked = False
        os.register_at_fork(after_in_child=self._forked)

    def write(self, line: bytes) -> None:
        """Take a line. Raises RuntimeError when there is no thread and none can be started."""
        if self._is_forked:
            # A fork has no such thread, and may wait: it serves nobody.
            self._write(line)
        elif len(self._waiting) >= LINES:
            self._count_failure()
        else:
            with self._ending:
                self._put(line)
                if self._thread is None:
                    self._start()

    def flush(self) -> None:
        """Wait until everything is written, or `FLUSH_S` is over."""
        if self._thread is not None and not self._is_forked:
            written = threading.Event()
            self._put(written)
            self._hurry.set()
            written.wait(FLUSH_S)

    def close(self) -> None:
        """Let the thread end behind the last line; a later one starts it anew."""
        if self._thread is not None and not self._is_forked:
            self._put(None)
            self._hurry.set()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="log", daemon=True)
        thread.start()
        self._thread = thread

    def _put(self, item: bytes | threading.Event | None) -> None:
        self._waiting.append(item)
        if not self._wake.is_set():
            self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(GATHER_S)
            self._hurry.clear()
            self._wake.clear()
            while self._waiting:
                item = self._waiting.popleft()
                if item is None and self._has_ended():
                    return
                if isinstance(item, bytes):
                    self._write(item + self._followers(select.PIPE_BUF - len(item)))
                elif item is not None:
                    item.set()

    def _has_ended(self) -> bool:
        with self._ending:
            # A line that came behind the end would wait for the next one, and nobody says when that is.
            if not self._waiting:
                self._thread = None
        return self._thread is None

    def _followers(self, room: int) -> bytes:
        """The lines that fit into the same write. One at a time would be 200 a second beside a thread that computes:
        each write gives up the interpreter lock, and sys.getswitchinterval() passes until it comes back."""
        lines: list[bytes] = []
        while self._waiting and isinstance(line := self._waiting[0], bytes) and len(line) <= room:
            room -= len(line)
            lines.append(line)
            self._waiting.popleft()
        return b"".join(lines)

    def _write(self, lines: bytes) -> None:
        try:
            os.write(self._descriptor, lines)
        except OSError:
            for _ in range(lines.count(b"\n")):
                self._count_failure()

    def _forked(self) -> None:
        self._is_forked = True
