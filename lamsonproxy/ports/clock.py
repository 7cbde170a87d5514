"""Time, and what comes of it: a port."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can move it."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes backwards."""

    def now(self) -> datetime:
        """The time of day, with a zone."""
