"""The listening sockets, bound by the supervisor and inherited by the workers.

Law: an address that stays in the settings keeps its socket over a reload, so no client is ever refused
because of one; sockets that are needed no more are closed only when the new workers are ready.
"""

import socket
from collections.abc import Mapping

from lamsonproxy.config import HostPort, Place, UnixSocket
from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.unix import UnixListener, permit

BACKLOG = 1024
"""Connections that wait for a worker to accept them; Postfix's own default, 100, is reached in a burst."""


class Listeners:
    """The sockets that are bound now, by name."""

    def __init__(self, sockets: Mapping[str, socket.socket] | None = None) -> None:
        self.sockets = dict(sockets or {})
        self._asked: dict[str, Place] = {}

    def changed(self, wanted: Mapping[str, Place]) -> "Listeners":
        """Listeners on these addresses; those that are bound already are shared.

        Raises ConfigError with every address that cannot be bound; then nothing has changed.
        """
        listeners, problems = Listeners(), []
        bound = {_key(name, place): self.sockets[name] for name, place in self._asked.items()}
        for name, place in wanted.items():
            try:
                listeners.sockets[name] = bound.get(_key(name, place)) or _bound(place)
                if isinstance(place, UnixSocket):
                    permit(place)
            except OSError as error:
                problems.append(f"{name} cannot listen on {place}: {error.strerror}.")
        listeners._asked = dict(wanted)
        if problems:
            listeners.without(self).close()
            raise ConfigError(*problems)
        return listeners

    def without(self, others: "Listeners") -> "Listeners":
        """Those whose sockets the others do not share."""
        shared = set(others.sockets.values())
        return Listeners({name: bound for name, bound in self.sockets.items() if bound not in shared})

    def close(self) -> None:
        """Close all sockets."""
        for bound in self.sockets.values():
            bound.close()

    def address(self, name: str) -> str:
        """Where it listens; with the system's choice of port where the settings say 0."""
        address = self.sockets[name].getsockname()
        return str(UnixSocket(address) if isinstance(address, str) else HostPort(*address[:2]))


def _key(name: str, place: Place) -> object:
    if isinstance(place, UnixSocket):
        return place.path
    return place if place.port else (name, place)


def _bound(place: Place) -> socket.socket:
    return UnixListener(place.path, BACKLOG) if isinstance(place, UnixSocket) else _bound_to_port(place)


def _bound_to_port(place: HostPort) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(
        *place, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted: Nagle's algorithm costs 40 ms a
    # reply.
    listening = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
