"""What every process that the tests start has in common: it must be awaited, and it must not outlive them.

Law: no test sleeps for a guessed time; it polls, with a limit, for what it needs.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

DIES_WITH_US = ("setpriv", "--pdeathsig", "TERM")
"""From util-linux: the kernel sends the signal when the parent dies, however it dies (prctl(2))."""


KILL_LIMIT_S = 20


def poll(what: str, is_so: Callable[[], bool], limit_s: float, every_s: float = 0.02) -> None:
    """Wait until something is so. Raises TimeoutError, which says what was waited for."""
    end = time.monotonic() + limit_s
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit_s:g} s: {what}")
        time.sleep(every_s)


def free_ports(number: int) -> tuple[int, ...]:
    """Ports that nobody listens on; held all at once while they are picked, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return tuple(int(each.getsockname()[1]) for each in held)
    finally:
        for each in held:
            each.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def kill_group(leader: subprocess.Popen[bytes]) -> None:
    """SIGKILL for a child started in a session of its own, and for all that it has started.

    The service's workers are groups of their own (Ctrl-C is for the supervisor alone), so the group is not enough.
    """
    family = list(_descendants(leader.pid))
    for child in family:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()
    # A process that has been killed but has not ended yet still has its sockets, and they still take connections.
    poll("all of them have ended", lambda: all(map(_has_ended, family)), KILL_LIMIT_S)


def _has_ended(pid: int) -> bool:
    """Gone, or a zombie, which has nothing any more (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid: int) -> list[int]:
    """The children of a process, whichever of its threads has started them (proc(5))."""
    found: list[int] = []
    with suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _descendants(pid: int) -> Iterator[int]:
    """The process and its children, theirs, and so on."""
    yield pid
    for child in children_of(pid):
        yield from _descendants(child)
