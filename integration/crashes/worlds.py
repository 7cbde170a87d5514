"""What a crash is met in: a database, a door, a kind of handlers; several of them side by side.

Law: a world is made anew for each test that kills in it, and all that is found in it is found when it is quiet.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import create_engine

from integration.children import free_ports
from integration.crashes.house import House
from integration.fragments import Before, Options, Ports, Programs
from integration.postfix import PrivatePostfix
from integration.service import Service
from tests import mariadb, postgres
from tests.downstream import RawSink

SOAK = os.environ.get("SOAK") == "1"

PARALLEL = 2
"""Generated mails that a worker has on their way at one time."""

SETTINGS = f"""
[[door]]
kind = "proxy"
listen = "127.0.0.1:{{proxy}}"

[outbox]
sweep_s = 0.3
lease_s = 5
parallel = {PARALLEL}
retry_min_s = 1
replies_per_hour = 100000

[timers]
sweep_s = 0.3
lease_s = 5
"""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class World:
    """`handlers` is the module of the application."""

    database: str
    door: str
    handlers: str

    def __str__(self) -> str:
        return f"{self.database}-{self.door}-{self.handlers}"

    @contextmanager
    def opened(self, programs: Programs, folder: Path, workers: int) -> Iterator[House]:
        """Everything but the service's processes, which are for the test to start."""
        ports = Ports(*free_ports(5))
        before, proxy = free_ports(2)
        options = Options(lmtp=self.door == "lmtp", before=(Before(before, f"127.0.0.1:{proxy}"),))
        with ExitStack() as standing:
            url = self._url(folder, standing)
            postfix = standing.enter_context(PrivatePostfix(programs, ports, options))
            sink = standing.enter_context(RawSink.threaded(ports.sink))
            service = Service(
                folder,
                door=ports.door,
                reentry=ports.reentry,
                app=f"integration.crashes.{self.handlers}:app",
                workers=workers,
                kind=self.door,
                above=f'database = "{url}"',
                more=SETTINGS.format(proxy=proxy),
            )
            standing.callback(service.kill)
            engine = create_engine(url)
            standing.callback(engine.dispose)
            yield House(postfix, sink, service, engine, before)

    def _url(self, folder: Path, standing: ExitStack) -> str:
        if self.database == "sqlite":
            return f"sqlite:///{folder}/lamson.db"
        if self.database == "mariadb":
            return standing.enter_context(standing.enter_context(mariadb.running()).database())
        # With its fsync: what is killed here must find everything again.
        return standing.enter_context(standing.enter_context(postgres.running(fsync=True)).database())


@contextmanager
def side_by_side(
    worlds: Sequence[World],
    opened: Callable[[World], AbstractContextManager[House]],
    act: Callable[[World, House], _T],
) -> Iterator[dict[World, "Future[_T]"]]:
    """Open all, and do this in all of them at once: most of the time each waits for somebody's patience to run out."""
    with ExitStack() as standing, ThreadPoolExecutor(len(worlds)) as pool:
        # One after the other: whoever looks for a free port must not find the one that another has just found.
        houses = {world: standing.enter_context(opened(world)) for world in worlds}
        yield {world: pool.submit(act, world, house) for world, house in houses.items()}
        # The houses stand until everybody is done.
        pool.shutdown()
