"""A worker's life: it opens, tells that its heart beats, and drains.

Law: whatever happens to one mail, the heart goes on; a supervisor that hears no beat replaces the
process.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from lamsonproxy.app.lint import warnings_of
from lamsonproxy.config import Settings
from lamsonproxy.config.routes import app_of, routes_of
from lamsonproxy.metrics import of_this_process
from lamsonproxy.service.service import Service

BEAT_S = 1.0
"""Seconds between two beats of a worker's heart; the supervisor waits `limits.stall_s` for the next."""

Report = Callable[[dict[str, Any]], None]
Pin = Callable[[], None]


async def serve(settings: Settings, sockets: Mapping[str, socket.socket], report: Report, pin: Pin) -> None:
    """Serve mail on these listening sockets, by door name, until SIGTERM; then drain.

    `report` is called with {"event": "ready"} and then, each second, with a beat; `pin` keeps the process to one core,
    where that is wanted. Raises AppError and StorageError when it cannot start.
    """
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in signal.SIGTERM, signal.SIGINT:
        loop.add_signal_handler(number, leave.set)
    app = app_of(settings)
    routes = routes_of(settings, app)
    service = Service(settings, routes, of_this_process(), app)
    for sentence in warnings_of(routes):
        service.log.doubtful(sentence)
    if service.is_pinned:
        pin()
    async with AsyncExitStack() as stack:
        servers = await service.open(sockets, stack)
        heart = asyncio.create_task(_beat(service, report))
        stack.callback(heart.cancel)
        report({"event": "ready"})
        await leave.wait()
        report({"event": "draining"})
        for server in servers:
            server.close()
        await service.drain(settings.limits.drain_s)


async def _beat(service: Service, report: Report) -> None:
    """Tell the supervisor each second that the loop turns, how late it is, and whether handlers have used it up."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + BEAT_S
        await asyncio.sleep(BEAT_S)
        lag = max(0.0, loop.time() - due)
        service.measure(lag)
        stuck = service.runner.stuck
        report({"event": "beat", "lag": lag, "stuck": stuck, "used_up": service.is_used_up})
