"""The workers of one set of settings, kept complete: whoever is lost is replaced.

Law: a worker that still serves is told to leave only when its successor is ready. One that cannot be replaced
at once is tried again, later and later, because a machine that is busy restarting answers no mail.
"""

import asyncio
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lamsonproxy import metrics
from lamsonproxy.config import Settings
from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.channel import Assignment
from lamsonproxy.workers.folder import make_anew
from lamsonproxy.workers.journal import Journal
from lamsonproxy.workers.worker import Worker

PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each further attempt to replace a worker; the last one is repeated."""

SETTLED_S = 10.0
"""A worker that lived so long was well: its successor is started without a pause."""


class Numbers:
    """The numbers of living workers: the lowest free one is given out, over all crews (see
    lamsonproxy.metrics)."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self) -> int:
        number = next(n for n in range(len(self._taken) + 1) if n not in self._taken)
        self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        self._taken.remove(number)


@dataclass(frozen=True, slots=True)
class Workplace:
    """What the crews of one supervisor share."""

    command: Sequence[str]
    """The program of a worker; the channel's descriptor is added."""
    folder: Path
    """Where workers keep their numbers for the metrics."""
    journal: Journal
    numbers: Numbers = field(default_factory=Numbers)


class Crew:
    """Starts and keeps `settings.workers` workers on these sockets, by door."""

    def __init__(self, settings: Settings, sockets: Mapping[str, int], place: Workplace) -> None:
        self.workers: set[Worker] = set()
        self.has_started = False
        """All were ready once; whether one is now, `ready` tells."""
        self._settings = settings
        self._sockets = sockets
        self._place = place
        self._keepers: set[asyncio.Task[None]] = set()
        self._others: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> list[Worker]:
        """Those whose doors are open."""
        return [worker for worker in self.workers if worker.is_ready]

    async def start(self) -> None:
        """Start all, and keep them from then on. Raises ConfigError with what they say; then none is left."""
        hires = [asyncio.create_task(self._hire(seat)) for seat in range(self._settings.workers)]
        try:
            workers = await asyncio.gather(*hires)
        except BaseException:
            await self._undo(hires)
            raise
        for seat, worker in enumerate(workers):
            self._keepers.add(asyncio.create_task(self._keep(seat, worker)))
        self.has_started = True

    async def drain(self) -> None:
        """Let all end what they are doing and leave; nobody is replaced any more."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(self._retire(worker) for worker in tuple(self.workers)))
        await asyncio.gather(*self._others)

    async def _undo(self, hires: Sequence[asyncio.Task[Worker]]) -> None:
        for hire in hires:
            hire.cancel()
        await asyncio.gather(*hires, return_exceptions=True)
        for worker in tuple(self.workers):
            worker.send(signal.SIGKILL)
        await asyncio.gather(*self._others)

    async def _hire(self, seat: int) -> Worker:
        worker = await self._start_one(seat)
        self._do(self._bury(worker))
        try:
            await worker.ready(self._settings.limits.start_s)
        except BaseException:
            worker.send(signal.SIGKILL)
            raise
        self._place.journal.started(worker.number, worker.pid)
        return worker

    async def _start_one(self, seat: int) -> Worker:
        make_anew(self._place.folder)
        number = self._place.numbers.take()
        settings = self._settings.model_dump(mode="json")
        assignment = Assignment(number, seat, settings, self._sockets, str(self._place.folder))
        try:
            worker = await Worker.start(self._place.command, assignment)
        except BaseException as error:
            self._place.numbers.give_back(number)
            if isinstance(error, OSError):
                raise ConfigError(f"A worker cannot be started: {error.strerror}.") from error
            raise
        self.workers.add(worker)
        return worker

    async def _bury(self, worker: Worker) -> None:
        await worker.ended()
        self.workers.discard(worker)
        metrics.forget(self._place.folder, worker.number)
        self._place.numbers.give_back(worker.number)

    async def _keep(self, seat: int, worker: Worker) -> None:
        short_lives = 0
        while True:
            reason = await worker.trouble(self._settings.limits.stall_s)
            self._place.journal.lost(worker.number, worker.pid, reason)
            if reason != "used_up":
                worker.send(signal.SIGKILL)
            short_lives = 0 if worker.age >= SETTLED_S else short_lives + 1
            successor = await self._successor(seat, short_lives)
            self._do(self._retire(worker))
            worker = successor

    async def _successor(self, seat: int, attempt: int) -> Worker:
        while True:
            await asyncio.sleep(PAUSES_S[min(attempt, len(PAUSES_S) - 1)])
            try:
                return await self._hire(seat)
            except ConfigError as error:
                self._place.journal.not_replaced(error.problems)
            attempt += 1

    async def _retire(self, worker: Worker) -> None:
        await worker.drain(self._settings.limits.drain_s)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)
