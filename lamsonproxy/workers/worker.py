"""One worker as the supervisor sees it: a child process, its channel, and the signs of life on it.

Law: a worker is believed only as far as its last beat, and blamed for its silence only if we could have heard it.
It has ended when its process has, whatever processes its handlers have started: those end with it, being in its
process group. Whoever holds a `Worker` ends it, by `drain` or by `kill`.
"""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.channel import LINE_LIMIT, Assignment, written

LAST_WORDS_S = 5.0
"""Seconds beyond `drain_s` that a draining worker has, for its own last words; then SIGKILL."""

LAST_LINES_S = 1.0
"""Seconds that a channel may stay open behind its worker, in the hands of a process that left the worker's group."""

GRACE_S = 2.0
"""Seconds for a last beat, before a worker is called stalled. It may have been us who stood still (SIGSTOP): then its
beats are in the channel. Or the whole machine was paused: then it beats again within a second."""


class Worker:
    """A child process. `number`, `pid`, `is_ready`, and `beat_at`: when it last gave a sign, by the monotonic
    clock."""

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        lines: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.number = number
        self.pid = process.pid
        self.is_ready = False
        self.is_used_up = False
        self.has_ended = False
        self.beat_at = self.started_at = time.monotonic()
        self._process = process
        self._lines = lines
        self._writer = writer
        self._problems: Sequence[str] = ()
        self._news = asyncio.Event()
        self._following = asyncio.create_task(self._follow())

    @classmethod
    async def start(cls, command: Sequence[str], assignment: Assignment) -> "Worker":
        """Start a process by this command, to which the channel's descriptor is added."""
        ours, theirs = socket.socketpair()
        with theirs:
            descriptors = (theirs.fileno(), *assignment.sockets.values())
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=descriptors,
                process_group=0,  # Ctrl-C at the terminal is for the supervisor alone.
            )
        lines, writer = await asyncio.open_connection(sock=ours, limit=LINE_LIMIT)
        writer.write(written(assignment))
        return cls(assignment.number, process, lines, writer)

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.started_at

    async def ready(self, limit_s: float) -> None:
        """Wait until it is ready. Raises ConfigError, with its own sentences if it had some."""
        deadline = self.started_at + limit_s
        while not self.is_ready:
            if self.has_ended:
                raise ConfigError(*(self._problems or (f"A worker ended at its start ({self._end}).",)))
            if time.monotonic() >= deadline:
                raise ConfigError(f"A worker was not ready within {limit_s:g} s (limits.start_s).")
            await self._news_until(deadline)

    async def trouble(self, stall_s: float) -> str:
        """Wait until it has to be replaced, and say why: died, stalled or used_up."""
        while True:
            if self.has_ended:
                return "died"
            if self.is_used_up:
                return "used_up"
            heard_at = self.beat_at
            await self._news_until(heard_at + stall_s)
            if time.monotonic() >= self.beat_at + stall_s:
                await self._news_until(time.monotonic() + GRACE_S)
                if self.beat_at == heard_at and not self.has_ended:
                    return "stalled"

    async def drain(self, limit_s: float) -> None:
        """Tell it to leave, and wait until it has; SIGKILL when the time is over."""
        self.send(signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s + LAST_WORDS_S):
                await self.ended()
        self.send(signal.SIGKILL)
        await self.ended()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        # Not Popen.send_signal, which may reap the process before asyncio does and then its exit status is lost.
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def ended(self) -> None:
        """Wait until the process is gone."""
        await asyncio.shield(self._following)

    @property
    def _end(self) -> str:
        status = self._process.returncode
        return f"signal {signal.Signals(-status).name}" if status and status < 0 else f"exit status {status}"

    async def _news_until(self, deadline: float) -> None:
        self._news.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._news.wait()

    async def _follow(self) -> None:
        listening = asyncio.create_task(self._listen())
        await self._process.wait()
        # The group of a worker that has ended: what its handlers left behind would hold our sockets. No other
        # process can have got this number yet: the kernel gives out all others before.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await asyncio.wait((listening,), timeout=LAST_LINES_S)
        listening.cancel()
        self._writer.close()
        self.has_ended, self.is_ready = True, False
        self._news.set()

    async def _listen(self) -> None:
        with suppress(ConnectionError, ValueError):
            async for line in self._lines:
                self._take(json.loads(line))
                self._news.set()

    def _take(self, words: Mapping[str, object]) -> None:
        self.beat_at = time.monotonic()
        match words:
            case {"event": "ready"}:
                self.is_ready = True
            case {"event": "draining"}:
                self.is_ready = False
            case {"event": "failed", "problems": list(problems)}:
                self._problems = tuple(map(str, problems))
            case {"event": "beat", "used_up": True}:
                self.is_used_up = True
