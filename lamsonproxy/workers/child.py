"""The worker's side: take the assignment, serve, report, and leave when told or when the supervisor is gone.

Law: a report never blocks the event loop: a supervisor that does not read loses beats, not mail. Channel and sockets
are this process's alone: none that a handler starts or forks has them. An orphan listens no more, so that the next
service can.
"""

import asyncio
import faulthandler
import math
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from lamsonproxy import maillog, metrics
from lamsonproxy.config import Settings
from lamsonproxy.errors import AppError, ConfigError, StorageError
from lamsonproxy.workers.channel import LINE_LIMIT, Assignment, read_assignment, written
from lamsonproxy.workers.cores import keep_to_one_core

FORCED_END_S = 10
"""Seconds beyond `drain_s` after which an orphan that cannot drain ends all the same."""

Report = Callable[[dict[str, Any]], None]
Pin = Callable[[], None]
Serve = Callable[[Settings, Mapping[str, socket.socket], Report, Pin], Coroutine[Any, Any, None]]


def work(channel: socket.socket, serve: Serve) -> int:
    """Be a worker until told to leave; the exit status."""
    # `pkill -HUP lamson` means the supervisor, which starts new workers; the default action would end this
    # one.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    faulthandler.enable()
    _allow_open_files()
    lines = channel.makefile("rb")
    assignment = read_assignment(lines.readline(LINE_LIMIT))
    _keep_from_children(channel, tuple(assignment.sockets.values()))
    settings = Settings.model_validate(assignment.settings)
    # Metrics are told where they live before any is made.
    metrics.share(Path(assignment.metrics), assignment.number)
    maillog.set_up(settings.log.format, settings.log.level, metrics.of_this_process().log_failures.inc)
    _leave_after_supervisor(lines, tuple(assignment.sockets.values()), settings.limits.drain_s)
    return _run(settings, assignment, serve, _reporter(channel))


def _keep_from_children(channel: socket.socket, doors: Sequence[int]) -> None:
    """They came to us by inheritance, and go no further: not to a program, and not to a fork (`multiprocessing`)."""
    for number in (channel.fileno(), *doors):
        os.set_inheritable(number, False)

    def close() -> None:
        channel.close()
        for number in filter(_is_listening, doors):
            os.close(number)

    os.register_at_fork(after_in_child=close)


def _allow_open_files() -> None:
    """Use the hard limit of open files: the soft one is 1024 by tradition, for the sake of select(2)."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _run(settings: Settings, assignment: Assignment, serve: Serve, report: Report) -> int:
    sockets = {door: socket.socket(fileno=number) for door, number in assignment.sockets.items()}
    pin = partial(keep_to_one_core, assignment.seat)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(settings, sockets, report, pin))
    except (AppError, ConfigError) as error:
        return _failed(report, *error.problems)
    except (StorageError, OSError) as error:
        return _failed(report, f"{error}.")
    return 0


def _failed(report: Report, *problems: str) -> int:
    report({"event": "failed", "problems": problems})
    return 1


def _reporter(channel: socket.socket) -> Report:
    def report(words: dict[str, Any]) -> None:
        # A full channel loses this report, a closed one all of them: the supervisor is busy, or gone.
        with suppress(OSError):
            channel.send(written(words), socket.MSG_DONTWAIT)

    return report


def _leave_after_supervisor(lines: BinaryIO, doors: Sequence[int], drain_s: float) -> None:
    """Watch, in a thread of its own, for the supervisor's end; then drain as after SIGTERM."""

    def watch() -> None:
        lines.read()
        # The default action of SIGALRM ends a process whose loop stands still and hears no SIGTERM.
        signal.alarm(math.ceil(drain_s) + FORCED_END_S)
        os.kill(os.getpid(), signal.SIGTERM)
        for number in filter(_is_listening, doors):
            _listen_no_more(number)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _is_listening(number: int) -> bool:
    """Whether this is a door still: a loop that drains has closed it, and may have the number for something else."""
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as bound:
        return bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    return False


def _listen_no_more(number: int) -> None:
    """Free the address for the next service, even while the loop that accepts stands still."""
    # shutdown(2) ends the listening for everybody who has the socket; that is right, as the supervisor is gone.
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as door:
        door.shutdown(socket.SHUT_RDWR)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # No wheel for this machine; asyncio's own loop is slower and as good.
        return None
    return uvloop.new_event_loop
