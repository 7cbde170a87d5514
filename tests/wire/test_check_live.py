"""`lamson check --live` against the real status page: what it asks, what it says, where it knocks."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest

from lamsonproxy.cli.check import Unwell, sign_of_life
from lamsonproxy.workers.status import Answer, StatusPage

OK = Answer(HTTPStatus.OK, b"ok\n")
CLOSED = Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"No worker is ready; the doors are closed.\n")


def always(answer: Answer) -> Callable[[], Awaitable[Answer]]:
    async def page() -> Answer:
        return answer

    return page


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The command goes to the folder of its settings; the test run comes back from there.
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def pages(healthz: Answer, readyz: Answer) -> AsyncIterator[int]:
    """The port of a status page that says this."""
    page = StatusPage({"/healthz": always(healthz), "/readyz": always(readyz)})
    server = await page.listen(socket.create_server(("127.0.0.1", 0)))
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(listen: str) -> str:
    return await asyncio.to_thread(sign_of_life, settings_with(listen))


def settings_with(listen: str) -> Path:
    path = Path("lamson.toml")
    path.write_text(f'[metrics]\nlisten = "{listen}"\n')
    return path


async def test_a_service_that_is_well_gives_a_sign_of_life() -> None:
    async with pages(OK, OK) as port:
        assert await ask(f"127.0.0.1:{port}") == f"Alive and ready, says 127.0.0.1:{port}."


async def test_a_service_on_every_address_is_asked_on_the_loopback() -> None:
    async with pages(OK, OK) as port:
        assert await ask(f"0.0.0.0:{port}") == f"Alive and ready, says 0.0.0.0:{port}."


async def test_what_is_missing_is_told_in_the_words_of_the_service() -> None:
    async with pages(OK, CLOSED) as port:
        with pytest.raises(Unwell) as caught:
            await ask(f"127.0.0.1:{port}")
    assert str(caught.value) == "/readyz: No worker is ready; the doors are closed."


async def test_both_pages_are_told() -> None:
    async with pages(CLOSED, CLOSED) as port:
        with pytest.raises(Unwell) as caught:
            await ask(f"127.0.0.1:{port}")
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["/healthz", "/readyz"]


async def test_a_service_that_is_not_there_is_told_with_its_address() -> None:
    async with pages(OK, OK) as port:
        pass
    with pytest.raises(Unwell, match=rf"^/healthz: No answer from 127\.0\.0\.1:{port}: .*refused"):
        await ask(f"127.0.0.1:{port}")


async def test_a_stranger_on_the_port_is_not_taken_for_the_service() -> None:
    async def speak_smtp(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ESMTP\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(speak_smtp, "127.0.0.1", 0)
    async with server:
        with pytest.raises(Unwell, match="No answer from"):
            await ask(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
