"""The parts of one worker, wired together.

Law: the doors open last and close first. A worker leaves when its sessions have ended or `drain_s` is over; then each
open session hears 421, and what had not reached downstream is undone (K3).
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from lamsonproxy.app.application import App
from lamsonproxy.app.routing import Routes
from lamsonproxy.clock import SystemClock
from lamsonproxy.config import Door as DoorConfig
from lamsonproxy.config import Settings
from lamsonproxy.config.databases import database_of
from lamsonproxy.config.routes import tables_of
from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.door import Door
from lamsonproxy.doors.lmtp import LmtpDoor
from lamsonproxy.doors.proxy import ProxyDesk
from lamsonproxy.doors.smtp import SmtpDoor
from lamsonproxy.engine import Engine
from lamsonproxy.mail.probe import PROBE_FOLDER
from lamsonproxy.maillog import MailLog
from lamsonproxy.metrics import Metrics
from lamsonproxy.notices import Sweep
from lamsonproxy.queues.notices import NoticeFolder
from lamsonproxy.queues.probes import ProbeFolder
from lamsonproxy.queues.quarantine import MaildirQuarantine
from lamsonproxy.relay import SmtpCourier
from lamsonproxy.runner import Runner
from lamsonproxy.service.desks import EachDesk, EngineDesk, EngineGate
from lamsonproxy.service.settings import door_policy, door_settings, relay_settings
from lamsonproxy.service.templates import templates_of
from lamsonproxy.state.none import NoConversations

if TYPE_CHECKING:
    from lamsonproxy.stores import Stores

LAST_WORDS_S = 3.0
"""Seconds after the drain for sessions to hear 421, and for a reply from downstream that is on its way."""

BACKLOG = 1024
"""Connections that may wait to be accepted; Postfix's `smtp` client waits 30 s for us (`smtp_connect_timeout`)."""


class Service:
    """The parts of one worker."""

    def __init__(self, settings: Settings, routes: Routes, metrics: Metrics, app: App | None = None) -> None:
        """`app` is where the routes came from, if it was one. Raises AppError and ConfigError."""
        self.settings = settings
        self.metrics = metrics
        self.log = log = MailLog(metrics)
        self.clock = SystemClock()
        self.runner = Runner(settings.limits.handler_threads)
        self.budget = Budget(settings.limits.in_flight_bytes // settings.workers)
        self.courier = SmtpCourier(relay_settings(settings), self.clock)
        self.quarantine = MaildirQuarantine(settings.quarantine.path)
        self.notices = NoticeFolder(settings.quarantine.path / ".notices")
        self.undeliverable = MaildirQuarantine(
            settings.quarantine.undeliverable or settings.quarantine.path.parent / "undeliverable"
        )
        self.probes = ProbeFolder(settings.quarantine.path / PROBE_FOLDER)
        self.sweep = Sweep(self.notices, self.courier, log, self.clock)
        self.stores = self._stores(routes, app)
        self.engine = Engine(
            routes,
            runner=self.runner,
            courier=self.courier,
            quarantine=self.quarantine,
            notices=self.notices,
            probes=self.probes,
            conversations=self.stores.conversations if self.stores else NoConversations(),
            log=log,
            clock=self.clock,
            hostname=settings.hostname,
            instance=settings.identity,
            undeliverable=self.undeliverable,
            templates=templates_of(app),
            replies_per_hour=settings.outbox.replies_per_hour,
            authserv_id=settings.authserv_id,
            lock_wait_s=settings.state.lock_wait_s,
            copies_limit=max(1, settings.relay.connections // 2),
            verp=app is not None and app.verp,
            kick=self.stores.sending.kick if self.stores else lambda: None,
        )
        self.has_gate = any(route.phase == "rcpt" for route in routes)
        self.doors = [self._door(door, log) for door in settings.door]

    def _stores(self, routes: Routes, app: App | None) -> "Stores | None":
        url = database_of(self.settings, routes.machines)
        if not url:
            return None
        # Not before: SQLAlchemy is heavy, and a filter without state needs none of it.
        from lamsonproxy.stores import Stores

        tables = tables_of(app, routes)
        return Stores(url, self.settings, routes.machines, tables, self.courier, self.log, self.clock)

    def _door(self, door: DoorConfig, log: MailLog) -> Door:
        settings, policy = door_settings(self.settings, door), door_policy(self.settings, door)
        gate = EngineGate(self.engine, policy) if self.has_gate else None
        match door.kind:
            case "filter":
                return SmtpDoor(settings, EngineDesk(self.engine, policy), self.budget, log, gate)
            case "lmtp":
                return LmtpDoor(settings, EachDesk(self.engine, policy), self.budget, log, gate)
            case "proxy":
                desk = ProxyDesk(lambda: self.engine.receive(policy), self.engine.heard)
                return SmtpDoor(settings, desk, self.budget, log, desk)

    async def open(
        self, sockets: Mapping[str, socket.socket], stack: AsyncExitStack
    ) -> list[asyncio.AbstractServer]:
        """Open everything, the doors last. Raises StorageError when there is nowhere to keep mail."""
        self.quarantine.open()
        self.notices.open()
        self.probes.open()
        if self.settings.limits.poison_after:
            self.undeliverable.open()
        stack.push_async_callback(self.courier.close)
        if self.stores:
            await self.stores.open(self.engine.fire, stack)
        sweeping = asyncio.create_task(self.sweep.run(self.settings.quarantine.notice_sweep_s))
        stack.callback(sweeping.cancel)
        loop = asyncio.get_running_loop()
        return [
            await loop.create_server(door.session, sock=sockets[door.settings.name], backlog=BACKLOG)
            for door in self.doors
        ]

    @property
    def is_used_up(self) -> bool:
        """Whether stuck handlers have left nothing to work with."""
        return self.runner.is_used_up or (self.stores is not None and self.stores.is_used_up)

    @property
    def is_pinned(self) -> bool:
        """Whether this process is to keep to one core."""
        wanted = self.settings.pin_workers
        if wanted is None:
            return self.stores is not None and self.stores.has_threads
        return wanted

    def measure(self, lag_s: float) -> None:
        """Set the gauges; counters are counted where things happen. Never raises, and never waits for a disk: the
        heart beats behind it."""
        try:
            self._set_gauges(lag_s)
        except Exception as error:
            self.log.not_measured(error)

    def _set_gauges(self, lag_s: float) -> None:
        self.metrics.loop_lag.set(lag_s)
        self.metrics.in_flight_bytes.set(self.budget.used)
        self.metrics.notices_pending.set(self.sweep.pending)
        if self.stores:
            self.stores.measure(self.metrics)
        for door in self.doors:
            self.metrics.sessions.of(door.settings.name).set(len(door.sessions))
            self.metrics.in_flight.of(door.settings.name).set(door.in_flight)

    async def drain(self, limit_s: float) -> None:
        """Let the sessions end; send away those that have not when the time is over."""
        for door in self.doors:
            door.close()
        if not await self._empty_within(limit_s):
            for door in self.doors:
                door.abandon()
            await self._empty_within(LAST_WORDS_S)

    async def _empty_within(self, limit_s: float) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                for door in self.doors:
                    await door.is_empty.wait()
        except TimeoutError:
            return False
        return True
