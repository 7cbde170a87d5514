"""Topology C: a client, the door, the engine, the relay, and a sink that remembers every octet."""

import asyncio
import ipaddress
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Route
from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.door import Door, DoorSettings
from lamsonproxy.doors.smtp import SmtpDoor, SmtpSession
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.mail.verdict import Quarantine
from lamsonproxy.notices import Sweep
from lamsonproxy.queues.notices import NoticeFolder
from lamsonproxy.service.desks import EngineDesk
from tests.door_rig import Client, rules, until
from tests.doubles import RecordingLog
from tests.downstream import RawSink
from tests.engine_rig import BARE, Rig, answering, on
from tests.relay_rig import SystemClock, courier_to
from tests.unit.engine_faults import RAISED, SECRET

CONTENT = b"Subject: Soup\r\n\r\n..two dots\r\n\x00\xff\r\n"


class Filter:
    """A filter that is open, and what stands behind it."""

    def __init__(self, rig: Rig, door: Door, sink: RawSink, port: int) -> None:
        self.rig, self.door, self.sink, self._port = rig, door, sink, port
        self._clients: list[Client] = []

    async def client(self) -> Client:
        client = await Client.connect(self._port)
        self._clients.append(client)
        await client.greet()
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def filtering(
    *routes: Route, policy: DoorPolicy = BARE, notices: NoticeFolder | None = None
) -> AsyncIterator[Filter]:
    """A filter with these routes, between a client and a sink."""
    async with RawSink() as sink, courier_to(sink) as courier:
        rig = Rig(routes, clock=SystemClock(), courier=courier, notices=notices)
        settings = DoorSettings("filter", rules(), (ipaddress.ip_network("127.0.0.1/32"),))
        door = SmtpDoor(settings, EngineDesk(rig.engine, policy), Budget(2**30), RecordingLog())
        server = await asyncio.get_running_loop().create_server(door.session, "127.0.0.1", 0)
        opened = Filter(rig, door, sink, int(server.sockets[0].getsockname()[1]))
        try:
            yield opened
        finally:
            opened.close()
            server.close()
            await until(lambda: not door.sessions)


async def send(client: Client, *recipients: str, content: bytes = CONTENT) -> str:
    """Send a mail and give the reply to its final dot."""
    await begin(client, *recipients, content=content)
    return await client.reply()


async def begin(client: Client, *recipients: str, content: bytes = CONTENT) -> None:
    """Send a mail up to its final dot."""
    for command in ("MAIL FROM:<alice@example.org>", *(f"RCPT TO:<{one}@x.org>" for one in recipients)):
        assert (await client.ask(command.encode() + b"\r\n")).startswith("250 ")
    assert (await client.ask(b"DATA\r\n")).startswith("354 ")
    await client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")


async def test_mail_goes_through_octet_for_octet_and_the_reply_names_its_queue_id() -> None:
    async with filtering() as opened:
        reply = await send(await opened.client(), "a", "b")
        [mail] = opened.sink.mails
        assert mail.content == CONTENT
        assert mail.rcpts == (b"RCPT TO:<a@x.org>", b"RCPT TO:<b@x.org>")
        assert reply.startswith("250 ") and reply.endswith(f"queued as {mail.queue_id}")


@pytest.mark.fault("H1")
async def test_after_every_way_to_raise_the_connection_is_still_good() -> None:
    kinds = iter(RAISED.values())

    def handler(mail: Mail) -> None:
        raise next(kinds)()

    async with filtering(on("a@.+", handler)) as opened:
        client = await opened.client()
        for _ in RAISED:
            reply = await send(client, "a")
            assert reply.startswith("451 4.3.0 Temporary processing failure (")
            assert SECRET not in reply
        assert (await send(client, "b")).startswith("250 ")
        assert len(opened.sink.mails) == 1
        assert len(opened.rig.log.named("handler_failed")) == len(RAISED)


@pytest.mark.fault("H3")
async def test_while_a_handler_is_stuck_other_sessions_are_answered() -> None:
    gate, begun = threading.Event(), threading.Event()

    def stuck(mail: Mail) -> None:
        begun.set()
        gate.wait()

    async with filtering(on("a@.+", stuck), on("b@.+", answering(None))) as opened:
        hanging, other = await opened.client(), await opened.client()
        try:
            await begin(hanging, "a")
            await until(begun.is_set)
            assert (await other.ask(b"NOOP\r\n")).startswith("250 ")
            assert (await send(other, "b")).startswith("250 ")
        finally:
            gate.set()
        assert (await hanging.reply()).startswith("250 ")


@pytest.mark.fault("H4")
async def test_no_late_reply_follows_a_handler_that_swallows_its_cancellation() -> None:
    late: list[str] = []

    async def handler(mail: Mail) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            late.append("swallowed")

    policy = DoorPolicy(trace_header=False, deadline_s=0.2)
    async with filtering(on("a@.+", handler), policy=policy) as opened:
        client = await opened.client()
        assert (await send(client, "a")).startswith("451 ")
        await until(lambda: bool(late))
        assert (await send(client, "b")).startswith("250 ")
        assert (await client.ask(b"NOOP\r\n")).startswith("250 2.0.0")


@pytest.mark.fault("H8")
@pytest.mark.parametrize("end", [Client.close, Client.reset], ids=["close", "RST"])
async def test_a_client_that_vanishes_while_its_handler_runs_has_nothing_relayed_or_kept(
    end: Callable[[Client], None],
) -> None:
    gate, begun = threading.Event(), threading.Event()

    def handler(mail: Mail) -> Quarantine:
        begun.set()
        gate.wait()
        return Quarantine()

    async with filtering(on("a@.+", handler)) as opened:
        client = await opened.client()
        try:
            await begin(client, "a", "b")
            await until(begun.is_set)
            end(client)
            [session] = opened.door.sessions
            assert isinstance(session, SmtpSession)
            await until(session._withdrawn)
        finally:
            gate.set()
        await until(lambda: len(opened.rig.log.named("decided")) == 2)
        assert opened.sink.mails == [] and opened.rig.journal == []


async def test_the_sender_of_a_refused_recipient_hears_of_it_from_nobody(tmp_path: Path) -> None:
    notices = NoticeFolder(tmp_path)
    notices.open()
    async with filtering(notices=notices) as opened:
        opened.sink.answers[b"RCPT TO:<B@"] = "550 5.1.1 No such user"
        assert (await send(await opened.client(), "a", "b")).startswith("250 ")
        await Sweep(notices, opened.rig.courier, opened.rig.log, SystemClock()).once()
        _, told = opened.sink.mails
        assert (told.mail, told.rcpts) == (b"MAIL FROM:<>", (b"RCPT TO:<alice@example.org>",))
        assert b"\r\nFinal-Recipient: rfc822; b@x.org\r\nAction: failed\r\nStatus: 5.1.1\r\n" in told.content
        assert not notices.waiting() and not list((tmp_path / "held").iterdir())


async def test_a_recipient_refused_downstream_is_kept_and_its_sender_told() -> None:
    async with filtering() as opened:
        opened.sink.answers[b"RCPT TO:<B@"] = "550 5.1.1 No such user"
        assert (await send(await opened.client(), "a", "b")).startswith("250 ")
        [mail] = opened.sink.mails
        assert mail.content == CONTENT
        [kept], [told] = opened.rig.kept.letters.values(), opened.rig.sent.letters.values()
        assert kept.content == CONTENT and b"550 5.1.1 No such user" in told.content
