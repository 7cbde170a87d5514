"""The service in a test: the engine and what it works with, wired as in service/.

Law: what the service does now and then, by a kick or a sweep, is done here when it is due, and is over when a call
returns. Made and used on one loop.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from lamsonproxy.app.application import App
from lamsonproxy.config import Settings
from lamsonproxy.config.databases import database_of
from lamsonproxy.config.routes import routes_of, tables_of
from lamsonproxy.engine import DoorPolicy, Engine
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.maillog import MailLog
from lamsonproxy.metrics import Metrics
from lamsonproxy.notices import Sweep
from lamsonproxy.ports import Clock
from lamsonproxy.queues.notices import NoticeFolder
from lamsonproxy.queues.probes import ProbeFolder
from lamsonproxy.queues.quarantine import MaildirQuarantine
from lamsonproxy.runner import Runner
from lamsonproxy.service.settings import door_policy
from lamsonproxy.service.templates import templates_of
from lamsonproxy.state.none import NoConversations
from lamsonproxy.testing.downstream import Downstream
from lamsonproxy.testing.entrance import Entrance
from lamsonproxy.testing.store import Store

ANSWER_S = 30.0
"""Seconds for an answer: a handler that hangs should not hold up a test run for the nine minutes that a door has."""


class House:
    """One service."""

    def __init__(self, app: App, settings: Settings, url: str, folder: Path, clock: Clock) -> None:
        """`url` is the database, where the service would have one. Raises AppError and ConfigError."""
        self._app = app
        self.routes = routes = routes_of(settings, app)
        self.downstream = Downstream()
        self.quarantine = MaildirQuarantine(folder / "quarantine")
        self._undeliverable = MaildirQuarantine(folder / "undeliverable")
        self._notices = NoticeFolder(folder / "notices")
        self._probes = ProbeFolder(folder / "probes")
        writing = self.downstream.way(is_relay=False)
        log = MailLog(Metrics(CollectorRegistry()))
        self._sweep = Sweep(self._notices, writing, log, clock)
        has_database = bool(database_of(settings, routes.machines))
        self.store = Store(url, settings, routes.machines, writing, log, clock) if has_database else None
        self._engine = Engine(
            routes,
            runner=Runner(settings.limits.handler_threads),
            courier=self.downstream.way(is_relay=True),
            quarantine=self.quarantine,
            notices=self._notices,
            probes=self._probes,
            conversations=self.store.conversations if self.store else NoConversations(),
            log=log,
            clock=clock,
            hostname=settings.hostname,
            instance=settings.identity,
            undeliverable=self._undeliverable,
            templates=templates_of(app),
            replies_per_hour=settings.outbox.replies_per_hour,
            authserv_id=settings.authserv_id,
            lock_wait_s=settings.state.lock_wait_s,
            verp=app.verp,
        )
        door = settings.door[0]
        self._entrance = Entrance(door, self._engine, _hurried(door_policy(settings, door)))

    async def open(self) -> None:
        """Make the folders and the tables. Raises StorageError, ConfigError, StoreError and AppError."""
        for folder in (self.quarantine, self._undeliverable, self._notices, self._probes):
            folder.open()
        if self.store:
            await self.store.open(tables_of(self._app, self.routes), self._engine.fire)

    async def receive(self, envelope: Envelope, content: bytes) -> Sequence[Reply]:
        """Take a mail in, and do all that follows from it; the reply to each recipient."""
        replies = await self._entrance.take(envelope, content)
        await self.work()
        return replies

    async def work(self) -> None:
        """Do what is due."""
        if self.store:
            await self.store.work()
        await self._sweep.once()

    async def close(self) -> None:
        if self.store:
            await self.store.close()


def _hurried(policy: DoorPolicy) -> DoorPolicy:
    return replace(
        policy,
        deadline_s=min(policy.deadline_s, ANSWER_S),
        rcpt_timeout_s=min(policy.rcpt_timeout_s, ANSWER_S),
    )
