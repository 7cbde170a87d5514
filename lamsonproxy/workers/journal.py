"""What the supervisor did, logged and counted by the same call; the mail log's counterpart.

Law: one line for each thing that an operator would ask about: who was started, who was lost and why, what a
reload came to.
"""

import logging
from collections.abc import Sequence

from lamsonproxy.maillog import Event
from lamsonproxy.metrics import SupervisorMetrics

_log = logging.getLogger("lamsonproxy.supervisor")


class Journal:
    """Logs to "lamsonproxy.supervisor" and counts in the supervisor's own metrics."""

    def __init__(self, metrics: SupervisorMetrics) -> None:
        self.metrics = metrics

    def listening(self, name: str, address: str) -> None:
        """A door's socket, or the status page's, is open to the world."""
        _log.info(Event("listening", {"name": name, "address": address}))

    def started(self, number: int, pid: int) -> None:
        """A worker is ready."""
        _log.info(Event("worker_ready", {"worker": number, "pid": pid}))

    def lost(self, number: int, pid: int, reason: str) -> None:
        """A worker died, stalled, or has its threads used up by stuck handlers."""
        self.metrics.restarts.of(reason).inc()
        _log.error(Event("worker_lost", {"worker": number, "pid": pid, "reason": reason}))

    def not_replaced(self, problems: Sequence[str]) -> None:
        """A successor did not start; it will be tried again."""
        for problem in problems:
            _log.error(Event("worker_not_replaced", {"problem": problem}))

    def reloaded(self) -> None:
        """The new workers are ready, and the old ones told to leave."""
        _log.info(Event("reloaded", {}))

    def reload_failed(self, problems: Sequence[str]) -> None:
        """The settings or the application cannot be used; the old workers stay."""
        self.metrics.reload_failures.inc()
        for problem in problems:
            _log.error(Event("reload_failed", {"problem": problem}))

    def turned_away(self) -> None:
        """A client heard 421, as no worker was ready. Only counted: `worker_not_replaced` says why."""
        self.metrics.turned_away.inc()

    def leaving(self) -> None:
        """Told to leave: nothing is accepted any more, what is running is finished."""
        _log.info(Event("leaving", {}))
