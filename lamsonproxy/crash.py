"""Places to die at: `LAMSON_CRASH_AT=before-commit` kills the process there, as a power cut would (K2).

    LAMSON_CRASH_AT=before-commit:3     the third time that a process comes there
    LAMSON_CRASH_ONCE=/tmp/armed        only while this file is there; whoever dies takes it along, and his successor
                                        lives

Law: without the first variable a call does nothing. Nothing is cleaned up, nothing is flushed: SIGKILL cannot be
caught, which is the point. A place that is not in POINTS is a mistake at start, because a test that dies nowhere
proves nothing.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count

AT, ONCE = "LAMSON_CRASH_AT", "LAMSON_CRASH_ONCE"

# docs/crashes.md tells of each where it is, and what may come twice.
POINTS = frozenset(
    """
    schema-made
    before-data after-data
    before-lock after-lock
    after-handler
    before-write after-write
    file-written file-synced quarantine-held notice-held
    after-rcpt before-relay dot-sent after-relay
    file-renamed folder-synced after-release
    before-commit after-commit
    before-answer answer-heard
    settled-forgotten
    outbox-claimed outbox-before-send outbox-sent outbox-marked
    notice-sent notice-done
    timer-claimed timer-before-commit
    """.split()
)


@dataclass(frozen=True, slots=True)
class _Aim:
    point: str
    nth: int
    once: str
    # Counted by a counter, because threads come by.
    passes: Iterator[int] = field(default_factory=lambda: count(1))

    def hits(self, point: str) -> bool:
        return point == self.point and self._is_armed() and next(self.passes) >= self.nth and self._disarm()

    def _is_armed(self) -> bool:
        return not self.once or os.path.exists(self.once)

    def _disarm(self) -> bool:
        if self.once:
            try:
                os.unlink(self.once)
            except FileNotFoundError:
                return False  # another process was faster
        return True


def crash_at(point: str) -> None:
    """Die here if this is the place."""
    aim = _aim()
    if aim is not None and aim.hits(point):
        os.kill(os.getpid(), signal.SIGKILL)


def mistakes() -> Iterator[str]:
    """What is wrong with the variables, in sentences."""
    point, colon, nth = os.environ.get(AT, "").partition(":")
    if point not in POINTS and point + colon:
        yield f"The environment's {AT} names no crash point: {point!r} is not in docs/crashes.md."
    if colon and not (nth.isascii() and nth.isdecimal() and int(nth) >= 1):
        yield f"The environment's {AT} ends in {nth!r}, and behind the colon stands a number from 1 on."


@cache
def _aim() -> _Aim | None:
    """Read at the first call: what forks may still choose where its child dies."""
    point, _, nth = os.environ.get(AT, "").partition(":")
    return _Aim(point, int(nth or 1), os.environ.get(ONCE, "")) if point else None
