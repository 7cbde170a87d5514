"""How fast the outbox is emptied, how often it is tried, and how long.

Law: a claim outlives the sending that it is for.
"""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, how often, how long."""

    sweep_s: float = 10.0
    """Seconds between two looks for mail whose time has come, or that another process left behind."""
    lease_s: float = 300.0
    """Seconds that a claim lasts: after a crash, what was being sent waits so long."""
    send_s: float = 240.0
    """Seconds to send one mail. Below `lease_s`, by more than the clocks of two machines may differ."""
    parallel: int = 8
    """Mails on their way at one time, per worker, each on a connection to downstream."""
    retry_min_s: float = 30.0
    """Seconds until the second attempt; each later pause is twice the one before."""
    retry_max_s: float = 3600.0
    """Seconds of the longest pause."""
    give_up: timedelta = timedelta(days=5)
    """How long it is tried: `maximal_queue_lifetime` in Postfix."""

    def pause(self, attempts: int, chance: float) -> timedelta:
        """How long to wait after so many attempts and one more. `chance` from 0 to 1 spreads what failed together:
        between half of the pause and all of it."""
        # 2 ** 30 seconds are beyond any limit; more would overflow.
        whole = min(self.retry_max_s, self.retry_min_s * 2.0 ** min(attempts, 30))
        return timedelta(seconds=whole * (1 + chance) / 2)
