"""The parts of the supervisor that can be seen without processes: sockets, numbers, the status page."""

import asyncio
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest

from lamsonproxy.config import HostPort
from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.channel import Assignment, read_assignment, written
from lamsonproxy.workers.crew import Numbers
from lamsonproxy.workers.listeners import Listeners
from lamsonproxy.workers.status import CONNECTIONS, Answer, StatusPage

ANY = HostPort("127.0.0.1", 0)


def test_an_assignment_is_read_as_it_was_written() -> None:
    assignment = Assignment(3, 1, {"app": "ü"}, {"filter": 7}, "/run/x")
    assert read_assignment(written(assignment)) == assignment


def test_the_lowest_free_number_is_given_out() -> None:
    numbers = Numbers()
    assert [numbers.take() for _ in range(3)] == [0, 1, 2]
    numbers.give_back(1)
    assert (numbers.take(), numbers.take()) == (1, 3)


def test_sockets_are_ready_for_asyncio() -> None:
    listeners = Listeners().changed({"a": ANY})
    listening = listeners.sockets["a"]
    assert listening.proto == socket.IPPROTO_TCP
    assert not listening.getblocking()
    assert listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    assert listeners.address("a") == f"127.0.0.1:{listening.getsockname()[1]}"
    listeners.close()


def test_an_address_that_stays_keeps_its_socket_even_under_another_name() -> None:
    free = Listeners().changed({"a": ANY})
    port = free.sockets["a"].getsockname()[1]
    free.close()
    old = Listeners().changed({"a": HostPort("127.0.0.1", port), "b": ANY})
    new = old.changed({"c": HostPort("127.0.0.1", port), "d": ANY})
    assert new.sockets["c"] is old.sockets["a"]
    assert new.without(old).sockets.keys() == {"d"}
    assert old.without(new).sockets.keys() == {"b"}
    old.close()
    new.close()


def test_what_cannot_be_bound_is_told_together_and_changes_nothing() -> None:
    old = Listeners().changed({"a": ANY})
    taken = HostPort("127.0.0.1", old.sockets["a"].getsockname()[1])
    with pytest.raises(ConfigError) as caught:
        old.changed({"b": taken, "c": HostPort("192.0.2.1", 1), "d": ANY})
    assert caught.value.problems == (
        f"b cannot listen on {taken}: Address already in use.",
        "c cannot listen on 192.0.2.1:1: Cannot assign requested address.",
    )
    assert old.sockets["a"].fileno() >= 0
    old.close()


async def well() -> Answer:
    return Answer(HTTPStatus.OK, b"ok\n")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listeners = Listeners().changed({"page": ANY})
    server = await StatusPage({"/healthz": well}).listen(listeners.sockets["page"])
    yield listeners.sockets["page"].getsockname()[1]
    server.close()


async def said(port: int, request: bytes) -> bytes:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@pytest.mark.fault("A3")
@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /healthz HTTP/1.1", b"200 OK"),
        (b"GET /healthz?x=1 HTTP/1.0", b"200 OK"),
        (b"HEAD /healthz HTTP/1.1", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"POST / HTTP/1.1", b"404 Not Found"),
        (b"POST /healthz HTTP/1.1", b"405 Method Not Allowed"),
        (b"DELETE /healthz HTTP/1.1", b"405 Method Not Allowed"),
        (b"\xff\x00", b"400 Bad Request"),
        (b"", b"400 Bad Request"),
    ],
)
async def test_a_request_gets_its_answer(port: int, request_line: bytes, status: bytes) -> None:
    answer = await said(port, request_line + b"\r\nHost: x\r\n\r\n" if request_line else b"\r\n\r\n\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert (body == b"") == request_line.startswith(b"HEAD")


@pytest.mark.fault("A3")
async def test_a_request_that_never_ends_is_closed(port: int) -> None:
    assert await said(port, b"GET /" + b"x" * 100_000) == b""


@pytest.mark.fault("A3")
async def test_those_who_say_nothing_are_bounded_and_leave_room(port: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS - 1)]
    assert b"200 OK" in await said(port, b"GET /healthz HTTP/1.1\r\n\r\n")
    silent.append(await asyncio.open_connection("127.0.0.1", port))
    one_more, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        assert await one_more.read() == b""
    for each in (writer, *(writer for _, writer in silent)):
        each.close()
        await each.wait_closed()
