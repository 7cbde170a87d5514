"""Places to die at: `LAMSON_CRASH_AT=before-commit` kills the process there, as a power cut would (K2).

Law: without that variable a call is one comparison. `LAMSON_CRASH_AT=before-commit:3` lets two pass. Nothing is cleaned
up, nothing is flushed: SIGKILL cannot be caught, which is the point.
"""

import os
import signal

_point, _, _count = os.environ.get("LAMSON_CRASH_AT", "").partition(":")
_left = int(_count or "1") if _point else 0


def crash_at(point: str) -> None:
    """Die here if this is the place."""
    if point == _point:
        _die()


def _die() -> None:
    global _left
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
