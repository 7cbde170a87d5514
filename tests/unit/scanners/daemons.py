"""Stand-ins for daemons: each connection is handed to a function of the test, in a thread of its own.

Law: a stand-in is gone, threads and connections too, when its block is left.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Play = Callable[[socket.socket], None]


@contextmanager
def daemon(path: Path, play: Play) -> Iterator[str]:
    """A daemon on a unix socket; gives its place."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(threading.Thread(target=one, args=(connection,)))
                threads[-1].start()

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            play(connection)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"unix:{path}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(30)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(30)
        path.unlink()


def silent(connection: socket.socket) -> None:
    """Reads and never answers."""
    while connection.recv(1 << 16):
        pass


def clamd(answer: bytes, heard: list[bytes] | None = None) -> Play:
    """Reads one INSTREAM and answers."""

    def play(connection: socket.socket) -> None:
        reading = connection.makefile("rb")
        assert reading.read(10) == b"zINSTREAM\0"
        octets = b""
        while length := struct.unpack("!L", reading.read(4))[0]:
            octets += reading.read(length)
        if heard is not None:
            heard.append(octets)
        connection.sendall(answer)

    return play


def spamd(answer: bytes, heard: list[bytes] | None = None) -> Play:
    """Reads one request, by its Content-length, and answers."""

    def play(connection: socket.socket) -> None:
        head, body = _request(connection)
        if heard is not None:
            heard.append(head + body)
        connection.sendall(answer)

    return play


def http(answer: object, heard: list[bytes] | None = None, status: str = "200 OK") -> Play:
    """Reads one request and answers with JSON."""

    def play(connection: socket.socket) -> None:
        head, body = _request(connection)
        if heard is not None:
            heard.append(head + body)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        connection.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (status.encode(), len(content)))
        connection.sendall(content)

    return play


def _request(connection: socket.socket) -> tuple[bytes, bytes]:
    reading, head, length = connection.makefile("rb"), b"", 0
    while (line := reading.readline()) not in (b"\r\n", b""):
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head, reading.read(length)
