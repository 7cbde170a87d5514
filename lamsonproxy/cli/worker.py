"""`lamson worker`, which nobody types: a worker of the service, on the channel that the supervisor made."""

import socket

from lamsonproxy.service.serving import serve
from lamsonproxy.workers.child import work


def be_worker(channel: int) -> int:
    """Serve until told to leave; the exit status."""
    return work(socket.socket(fileno=channel), serve)
