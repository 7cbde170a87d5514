"""The three pages: /metrics, /healthz and /readyz.

Law: /healthz asks nobody: it says whether a worker's heart beats. /readyz asks the re-entry too, at most once
a second however often it is read, and says in a sentence what is missing.
"""

import asyncio
import time
from collections.abc import Mapping
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST

from lamsonproxy.clock import SystemClock
from lamsonproxy.config import Settings
from lamsonproxy.errors import RemoteError
from lamsonproxy.metrics import SupervisorMetrics
from lamsonproxy.relay import RelaySettings, SmtpCourier
from lamsonproxy.workers.crew import Crew
from lamsonproxy.workers.status import Answer, Page

PROBE_S = 5.0
"""Seconds that the re-entry has to greet us: below the patience of health checks and of `StatusPage`."""
PROBE_AGE_S = 1.0
"""Seconds for which the outcome of a probe is told again."""


class Pages:
    """What the pages say; the supervisor sets `crew`, `settings` and `is_leaving`."""

    def __init__(self, metrics: SupervisorMetrics, settings: Settings) -> None:
        self.crew: Crew | None = None
        self.settings = settings
        self.is_leaving = False
        self._metrics = metrics
        self._clock = SystemClock()
        self._probing = asyncio.Lock()
        self._probed_at = float("-inf")
        self._relay_problem = ""

    @property
    def by_path(self) -> Mapping[str, Page]:
        return {"/metrics": self._numbers, "/healthz": self._health, "/readyz": self._readiness}

    @property
    def is_served(self) -> bool:
        """Whether a worker is ready."""
        return bool(self.crew and self.crew.ready)

    async def _numbers(self) -> Answer:
        self._metrics.workers.set(len(self.crew.ready) if self.crew else 0)
        return Answer(HTTPStatus.OK, self._metrics.page(), CONTENT_TYPE_LATEST)

    async def _health(self) -> Answer:
        return _answer("" if self._has_a_beating_heart() else "No worker's heart beats.")

    async def _readiness(self) -> Answer:
        return _answer(self._door_problem() or await self._ask_relay())

    def _has_a_beating_heart(self) -> bool:
        oldest = time.monotonic() - self.settings.limits.stall_s
        return self.crew is not None and any(worker.beat_at > oldest for worker in self.crew.workers)

    def _door_problem(self) -> str:
        if self.is_leaving:
            return "The service is leaving."
        if self.crew and not self.crew.has_started:
            return "The first workers are starting."
        return "" if self.is_served else "No worker is ready; the doors are closed."

    async def _ask_relay(self) -> str:
        async with self._probing:
            if self._clock.monotonic() >= self._probed_at + PROBE_AGE_S:
                self._relay_problem = await self._probe()
                self._probed_at = self._clock.monotonic()
            return self._relay_problem

    async def _probe(self) -> str:
        relay = self.settings.relay
        own = self.settings.hostname, self.settings.identity
        courier = SmtpCourier(RelaySettings(relay.host, relay.port, *own), self._clock)
        try:
            await courier.probe(deadline=self._clock.monotonic() + PROBE_S)
        except RemoteError as error:
            return f"The relay {relay.host}:{relay.port} cannot be reached: {error}."
        return ""


def _answer(problem: str) -> Answer:
    if problem:
        return Answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{problem}\n".encode("utf-8", "replace"))
    return Answer(HTTPStatus.OK, b"ok\n")
