"""The supervisor: sockets, a crew of workers, the status page, and the signals that change them.

    SIGTERM, SIGINT   nothing new is accepted, the crew drains, then the end (K3) SIGHUP            settings
    and application anew, in a new crew; the old one drains once the new one is ready, and
                      stays if that fails (K4)

Law: at every moment there is a crew that serves, or the process is about to end. systemd hears of it by
sd_notify(3).
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lamsonproxy import maillog
from lamsonproxy.config import Door, Place, Settings, UnixSocket
from lamsonproxy.errors import ConfigError
from lamsonproxy.metrics import SupervisorMetrics
from lamsonproxy.workers.crew import Crew, Workplace
from lamsonproxy.workers.folder import folder_of_numbers
from lamsonproxy.workers.journal import Journal
from lamsonproxy.workers.listeners import Listeners
from lamsonproxy.workers.pages import Pages
from lamsonproxy.workers.porter import Porter
from lamsonproxy.workers.status import StatusPage
from lamsonproxy.workers.systemd import Systemd

STATUS_PAGE = "status page"
"""The name of the status page among the listening sockets; the blank keeps it from being a door's."""


async def supervise(load: Callable[[], Settings], command: Sequence[str]) -> None:
    """Run the service until it is told to leave.

    `load` reads the settings, now and at each reload; `command` is the program of a worker, to which the
    descriptor of its channel is added. Raises ConfigError, with every mistake, when it cannot start.
    """
    settings = load()
    with folder_of_numbers(Systemd.runtime_directory()) as folder:
        await Supervisor(load, settings, command, folder).run()


class Supervisor:
    """One run of the service."""

    def __init__(
        self, load: Callable[[], Settings], settings: Settings, command: Sequence[str], folder: Path
    ) -> None:
        self._load = load
        self._settings = settings
        metrics = SupervisorMetrics(folder)
        maillog.set_up(settings.log.format, settings.log.level, metrics.log_failures.inc)
        self._journal = Journal(metrics)
        self._place = Workplace(command, folder, self._journal)
        self._pages = Pages(metrics, settings)
        self._listeners = Listeners()
        self._porter = Porter(self._doors, lambda: self._pages.is_served, self._journal)
        self._status: asyncio.Server | None = None
        self._crew: Crew | None = None
        self._drains: set[asyncio.Task[None]] = set()
        self._systemd = Systemd()

    async def run(self) -> None:
        leave, reload = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number, event in ((signal.SIGTERM, leave), (signal.SIGINT, leave), (signal.SIGHUP, reload)):
            loop.add_signal_handler(number, event.set)
        tasks = asyncio.create_task(self._work(reload)), asyncio.create_task(leave.wait())
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await self._leave()
        if isinstance(ends[0], Exception):
            raise ends[0]

    async def _work(self, reload: asyncio.Event) -> None:
        self._listeners = self._listeners.changed(_addresses(self._settings))
        await self._open_status_page()
        async with self._porter.on_duty(), self._systemd.watchdog():
            self._crew = await self._started(self._settings, self._listeners)
            self._tell_where(self._listeners)
            self._systemd.ready()
            while True:
                await reload.wait()
                reload.clear()
                await self._reload()

    async def _started(self, settings: Settings, listeners: Listeners) -> Crew:
        descriptors = {door.name: listeners.sockets[door.name].fileno() for door in settings.door}
        crew = Crew(settings, descriptors, self._place)
        self._pages.crew = self._pages.crew or crew
        await crew.start()
        self._pages.crew, self._pages.settings = crew, settings
        return crew

    def _doors(self) -> list[socket.socket]:
        return [bound for name, bound in self._listeners.sockets.items() if name != STATUS_PAGE]

    async def _reload(self) -> None:
        self._systemd.reloading()
        try:
            settings = await asyncio.to_thread(self._load)
            await self._change_to(settings, self._listeners.changed(_addresses(settings)))
        except ConfigError as error:
            self._journal.reload_failed(error.problems)
        else:
            self._journal.reloaded()
        self._systemd.ready()

    async def _change_to(self, settings: Settings, listeners: Listeners) -> None:
        try:
            crew = await self._started(settings, listeners)
        except BaseException:
            listeners.without(self._listeners).close()
            raise
        self._drain(self._crew)
        old, self._listeners = self._listeners, listeners
        self._settings, self._crew = settings, crew
        maillog.set_up(settings.log.format, settings.log.level)
        if listeners.sockets[STATUS_PAGE] is not old.sockets[STATUS_PAGE]:
            await self._open_status_page()
        old.without(listeners).close()
        self._tell_where(listeners.without(old))

    async def _leave(self) -> None:
        self._systemd.stopping()
        self._pages.is_leaving = True
        # The page stays until the end, to say that we are leaving.
        page = {name: bound for name, bound in self._listeners.sockets.items() if name == STATUS_PAGE}
        self._listeners.without(Listeners(page)).close()
        self._drain(self._crew)
        await asyncio.gather(*self._drains)
        if self._status:
            self._status.close()
        self._listeners.close()

    def _drain(self, crew: Crew | None) -> None:
        if crew:
            task = asyncio.create_task(crew.drain())
            self._drains.add(task)
            task.add_done_callback(self._drains.discard)

    async def _open_status_page(self) -> None:
        if self._status:
            self._status.close()
        page = StatusPage(self._pages.by_path)
        self._status = await page.listen(self._listeners.sockets[STATUS_PAGE])

    def _tell_where(self, listeners: Listeners) -> None:
        for name in listeners.sockets:
            self._journal.listening(name, listeners.address(name))


def _addresses(settings: Settings) -> dict[str, Place]:
    doors = {door.name: _place_of(door) for door in settings.door}
    return {**doors, STATUS_PAGE: settings.metrics.listen}


def _place_of(door: Door) -> Place:
    if isinstance(door.listen, UnixSocket):
        return replace(door.listen, mode=int(door.socket_mode, 8), group=door.socket_group)
    return door.listen
