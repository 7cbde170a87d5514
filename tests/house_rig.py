"""The whole of one worker in the test's own loop, wired as `lamson run` wires it: doors, engine, relay, quarantine.

Law: nothing of ours is replaced; downstream is one of the servers in tests/downstream.py.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from lamsonproxy.app.routing import Routes
from lamsonproxy.config import Settings
from lamsonproxy.metrics import Metrics
from lamsonproxy.service.service import Service
from tests.door_rig import Client


class House:
    """A worker that is open."""

    def __init__(self, service: Service, ports: dict[str, int]) -> None:
        self.service = service
        self.ports = ports
        """By the names of the doors."""
        self.clients: list[Client] = []

    @property
    def port(self) -> int:
        """The first door's."""
        return next(iter(self.ports.values()))

    async def connect(self, door: str = "") -> Client:
        """A client that has heard the greeting, of the first door or of this one; it is gone when the house closes."""
        client = await Client.connect(self.ports[door] if door else self.port)
        self.clients.append(client)
        assert (await client.reply()).startswith("220 ")
        return client

    async def greeted(self) -> Client:
        """A client that has said EHLO."""
        client = await self.connect()
        assert (await client.ask(b"EHLO client.test\r\n")).startswith("250-")
        return client

    @property
    def kept(self) -> list[str]:
        """The names of what is in quarantine."""
        return list(self.service.quarantine.names())

    @property
    def notices(self) -> list[str]:
        """The names of the DSNs that are to be sent."""
        return list(self.service.notices.waiting())


@asynccontextmanager
async def open_house(
    folder: Path, downstream: int, routes: Routes | None = None, **settings: Any
) -> AsyncIterator[House]:
    """A house whose relay goes to this port; `settings` are tables of lamson.toml."""
    settings = {"hostname": "house.test", "workers": 1, **settings}
    settings["relay"] = {"port": downstream, **settings.get("relay", {})}
    # No sweep by itself: a test that wants one asks for it.
    settings["quarantine"] = {"path": folder / "quarantine", "notice_sweep_s": 3600}
    service = Service(Settings(**settings), routes or Routes(()), Metrics(CollectorRegistry()))
    async with AsyncExitStack() as stack:
        listeners = {door.name: socket.create_server(("127.0.0.1", 0)) for door in service.settings.door}
        for server in await service.open(listeners, stack):
            stack.callback(server.close)
        house = House(service, {name: bound.getsockname()[1] for name, bound in listeners.items()})
        try:
            yield house
        finally:
            for client in house.clients:
                client.close()
            await service.drain(0)


async def settled(house: House, mail: bytes) -> list[str]:
    """The code of each reply to a pipelined mail, the one to its final dot last."""
    client = await house.greeted()
    envelope, _, content = mail.partition(b"\r\n\r\n")
    commands = envelope.split(b"\r\n")
    await client.send(envelope + b"\r\nDATA\r\n")
    codes = [(await client.reply())[:3] for _ in (*commands, b"DATA")]
    if codes[-1] == "354":
        await client.send(content + b"\r\n.\r\n")
        codes.append((await client.reply())[:3])
    client.close()
    return codes
