"""Which core a worker runs on.

The interpreter runs one thread at a time. On several cores whoever gives it up wakes somebody on another one, who often
finds it taken again; with the threads of a database that doubled what a mail costs, and halved the mails of a second.
On one core the kernel lets one of them go on.

Law: only ever fewer cores than we were given (systemd's `CPUAffinity=`, a container's cpuset); where the kernel says
no, all of them.

sched_setaffinity(2); PEP 703.
"""

import os
import sys
import zlib
from contextlib import suppress
from pathlib import Path


def keep_to_one_core(seat: int) -> None:
    """Keep this process, with all that it will start, to one core, by the seat of this worker."""
    if not (_runs_one_thread_at_a_time() and hasattr(os, "sched_setaffinity")):
        return
    # Where there is no /proc, or none that tells: all of them too.
    with suppress(OSError):
        cores = sorted(os.sched_getaffinity(0))
        # Neighbours take neighbouring cores; two services of a machine begin at different ones.
        _keep_to(cores[(_first() + seat) % len(cores)])


def _keep_to(core: int) -> None:
    for thread in Path("/proc/self/task").iterdir():
        # A thread may have ended meanwhile.
        with suppress(OSError):
            os.sched_setaffinity(int(thread.name), {core})


def _first() -> int:
    """The same for all workers of a supervisor, and another one in each container, where it is always process 1."""
    return zlib.crc32(f"{os.readlink('/proc/self/ns/pid')} {os.getppid()}".encode())


def _runs_one_thread_at_a_time() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())
