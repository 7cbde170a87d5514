"""The status page: three paths over HTTP, for Prometheus and for whoever asks whether we are well.

Law: it can be neither in mail's way nor in its own: a request has a time limit, there are at most so many at
once, and everything but GET and HEAD on the known paths is refused (A3).

RFC 9110 §9.3 (methods), §15.5 (codes). Each answer closes its connection (RFC 9112 §9.6).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

REQUEST_S = 10.0
"""Seconds for one request, from connecting to the last octet of the answer."""
CONNECTIONS = 32
"""Requests at one time; one more is closed unanswered."""
REQUEST_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path says."""

    status: HTTPStatus
    text: bytes
    kind: str = "text/plain; charset=utf-8"


Page = Callable[[], Awaitable[Answer]]


class StatusPage:
    """Serves these pages, by path."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = pages
        self._open = 0

    async def listen(self, listening: socket.socket) -> asyncio.Server:
        """Serve on a bound socket, until the server is closed."""
        return await asyncio.start_server(self._connected, sock=listening, limit=REQUEST_LIMIT)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            # Whoever is too slow, too long or gone gets no answer, and nobody needs to hear of it.
            with suppress(
                TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
            ):
                if self._open <= CONNECTIONS:
                    async with asyncio.timeout(REQUEST_S):
                        await self._converse(reader, writer)
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        words = request.partition(b"\r\n")[0].decode("latin-1").split(" ")
        method, target = (words[0], words[1]) if len(words) == 3 else ("", "")
        answer = await self._answer(method, target.partition("?")[0])
        writer.write(_head(answer) + (b"" if method == "HEAD" else answer.text))
        writer.close()
        await writer.wait_closed()

    async def _answer(self, method: str, path: str) -> Answer:
        if not method:
            return Answer(HTTPStatus.BAD_REQUEST, b"Not an HTTP request.\n")
        page = self._pages.get(path)
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, f"Here are {', '.join(self._pages)}.\n".encode())
        if method not in ("GET", "HEAD"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD.\n")
        return await page()


def _head(answer: Answer) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {answer.status.phrase}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.text)}",
        "Connection: close",
    ]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
