"""The time of a world: it stands still until a test moves it.

Law: only the time of day can be moved. What ends a handler that hangs is the machine's own time.
"""

import time
from datetime import UTC, datetime


class MovedClock:
    """Fulfils `ports.Clock`. Begins at the present, so that it agrees with whatever else an application looks at."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        """Let the time pass, forwards only."""
        self._now = max(self._now, moment)
