"""Takes away what is old, and counts conversations for the metrics.

Law: the counts have one entry for each state that the application has, and one "other" for all it no longer knows, so
that a renamed state is seen and the labels stay a closed set (design law 10). Nothing but its cancellation ends the
sweeping.
"""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping

from lamsonproxy.ports import Clock, MailLog, Retention

COUNT_S = 60.0
"""Seconds between two counts: one pass over an index."""

FORGET_S = 3600.0
"""Seconds between two looks for what is old; ages are days."""

OTHER = "other"

State = tuple[str, str]
"""A machine and a state of it."""


class Keeping:
    """Sweeps a database."""

    def __init__(
        self,
        retention: Retention,
        states: Collection[State],
        log: MailLog,
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retention = retention
        self._log = log
        self._clock = clock
        # The workers start together, and need not all sweep together.
        self._forget_at = clock.monotonic() + FORGET_S * chance()
        self._none = dict.fromkeys([*states, (OTHER, OTHER)], 0)
        self.conversations: Mapping[State, int] = self._none
        """How many conversations stood in each state when they were last counted."""

    async def run(self) -> None:
        """Sweep now and then, until cancelled."""
        while True:
            await self.once()
            await asyncio.sleep(COUNT_S)

    async def once(self) -> None:
        """Count, and forget what is old when it is time for that. Never raises."""
        try:
            self.conversations = self._known(await self._retention.counts())
            if self._clock.monotonic() >= self._forget_at:
                self._forget_at = self._clock.monotonic() + FORGET_S
                await self._retention.forget_old(self._clock.now())
        except Exception as error:
            self._log.retention_failed(error)

    def _known(self, counts: Mapping[State, int]) -> Mapping[State, int]:
        known = dict(self._none)
        for state, count in counts.items():
            known[state if state in known else (OTHER, OTHER)] += count
        return known
