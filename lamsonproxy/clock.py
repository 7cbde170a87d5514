"""The machine's clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """Fulfils `ports.Clock`."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC).astimezone()
