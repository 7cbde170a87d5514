"""What one worker keeps in its database, and who goes over it: conversations, outbox, timers, retention.

Law: a database that is away keeps nobody from starting: mail that only passes flows, everything else is 451 until the
database is there and its tables are as we know them. One that is newer than this program is a refusal at start.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

from lamsonproxy.app.machines import Machines
from lamsonproxy.config import Settings
from lamsonproxy.errors import ConfigError, StoreError
from lamsonproxy.mail.conversation import Timer
from lamsonproxy.metrics import Metrics
from lamsonproxy.outbox import Pace, Sending
from lamsonproxy.ports import Clock, Courier, MailLog, Signer
from lamsonproxy.retention import Keeping
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.outbox import SqlOutbox
from lamsonproxy.state.retention import Ages, SqlRetention
from lamsonproxy.state.schema import prepare
from lamsonproxy.state.sql import SqlConversations
from lamsonproxy.state.timers import SqlTimers
from lamsonproxy.timers import Ticking, Ticks

AGAIN_S = 5.0
"""Seconds between two attempts to reach a database that was away when we started."""

SEND_SHARE = 0.8
"""How much of a lease there is for the sending."""


def database_settings(url: str, settings: Settings) -> DatabaseSettings:
    return DatabaseSettings(url, settings.state.connections, settings.state.lock_wait_s)


class Stores:
    """The database of one worker. Making it raises ConfigError for keys that cannot be used."""

    def __init__(
        self,
        url: str,
        settings: Settings,
        machines: Machines,
        tables: Sequence[object],
        courier: Courier,
        log: MailLog,
        clock: Clock,
    ) -> None:
        self._settings = database_settings(url, settings)
        self._ticks = Ticks(every_s=settings.timers.sweep_s, lease_s=settings.timers.lease_s)
        self._machines = machines
        self._tables = tables
        self._log, self._clock = log, clock
        self._database = Database(self._settings, is_async=machines.is_async)
        self.conversations = SqlConversations(self._database, clock)
        self.sending = Sending(
            SqlOutbox(self._database),
            courier,
            log,
            clock,
            pace(settings),
            hostname=settings.hostname,
            signer=signer_of(settings),
        )
        states = [(machine, state) for machine in machines.machines for state in machines.states(machine)]
        self.keeping = Keeping(SqlRetention(self._database, ages(settings)), states, log, clock)

    async def open(self, fire: Callable[[Timer], Awaitable[None]], stack: AsyncExitStack) -> None:
        """Make or upgrade the tables, and begin to go over them. Raises ConfigError when they are not ours to use."""
        stack.push_async_callback(self._database.close)
        ticking = Ticking(SqlTimers(self._database), fire, self._log, self._clock, self._ticks)
        sweeps: list[Callable[[], Awaitable[None]]] = [self.sending.run, self.keeping.run]
        if self._machines.have_timers:
            sweeps.append(ticking.run)
        is_there = await self._prepare()
        task = asyncio.create_task(self._go_over(sweeps, is_there=is_there))
        stack.push_async_callback(_ended, task)

    async def _prepare(self) -> bool:
        try:
            await asyncio.to_thread(prepare, self._settings, self._tables)
        except StoreError as error:
            self._log.store_away(error)
            return False
        return True

    async def _go_over(self, sweeps: Sequence[Callable[[], Awaitable[None]]], *, is_there: bool) -> None:
        while not is_there:
            await asyncio.sleep(AGAIN_S)
            is_there = await self._prepare()
        async with asyncio.TaskGroup() as group:
            for sweep in sweeps:
                group.create_task(_run(sweep))

    @property
    def has_threads(self) -> bool:
        """Whether statements are made in threads, not on the loop."""
        return not self._machines.is_async

    @property
    def is_used_up(self) -> bool:
        """Whether handlers that do not return hold all of the database that this worker may have."""
        return self._database.is_used_up

    def measure(self, metrics: Metrics) -> None:
        """Set the gauges to what was last counted."""
        backlog = self.sending.backlog
        metrics.outbox_pending.set(backlog.pending)
        metrics.outbox_oldest.set(backlog.oldest_s)
        metrics.dead_letters.of("outbox").set(backlog.dead)
        for (machine, state), count in self.keeping.conversations.items():
            metrics.conversations.of(self._machines.short(machine), state).set(count)


async def _run(sweep: Callable[[], Awaitable[None]]) -> None:
    await sweep()


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait((task,))


def signer_of(settings: Settings) -> Signer | None:
    """Who signs what the application sends; None without a key. Raises ConfigError with every mistake in the keys."""
    if not settings.signing:
        return None
    try:
        from lamsonproxy.scanners import signing  # dkimpy is for those who sign
    except ImportError:
        raise ConfigError("[[signing]] needs dkimpy: install the extra `authentication`.") from None
    wanted = [(key.domain, key.selector, key.file) for key in settings.signing if key.file]
    return signing.Signer(signing.read_keys(wanted), authserv_id=settings.authserv_id)


def pace(settings: Settings) -> Pace:
    outbox = settings.outbox
    return Pace(
        sweep_s=outbox.sweep_s,
        lease_s=outbox.lease_s,
        send_s=outbox.lease_s * SEND_SHARE,
        parallel=min(outbox.parallel, max(1, settings.relay.connections // 2)),
        retry_min_s=outbox.retry_min_s,
        retry_max_s=outbox.retry_max_s,
        give_up=timedelta(days=outbox.give_up_days),
    )


def ages(settings: Settings) -> Ages:
    retention = settings.retention
    return Ages(
        history=timedelta(days=retention.history_days),
        settled=timedelta(days=retention.settled_days),
        dead_letters=timedelta(days=retention.dead_letters_days),
    )
