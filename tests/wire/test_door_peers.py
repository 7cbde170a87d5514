"""Who is let in: the door's own mail server and nobody else (failures.md 2.8 A1 and A2; design law 8)."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest

from tests.door_rig import CONTENT, MAIL, open_rig, rules, until

STRANGER = "127.0.0.2"
NOT_TRUSTED = b"421 4.7.1 This door answers its own mail server only\r\n"


class Line(asyncio.Transport):
    """The transport of a connection about which the kernel knows only this."""

    def __init__(self, **known: Any) -> None:
        super().__init__(known)
        self.said = bytearray()
        self.is_closed = False

    def write(self, octets: bytes | bytearray | memoryview) -> None:
        self.said += octets

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.fault("A1")
async def test_a_stranger_hears_421_and_is_not_read() -> None:
    async with open_rig() as rig:
        client = await rig.connect(source=STRANGER)
        assert await client.rest() == NOT_TRUSTED
        assert rig.log.named("refused_peer") == [{"door": "filter", "peer": STRANGER}]


@pytest.mark.fault("A2")
async def test_nothing_that_a_stranger_sends_along_reaches_the_desk() -> None:
    async with open_rig() as rig:
        client = await rig.connect(source=STRANGER)
        await client.send(b"EHLO x\r\nXFORWARD ADDR=192.0.2.1\r\n" + MAIL + CONTENT + b".\r\nQUIT\r\n")
        assert await client.rest() in (NOT_TRUSTED, b"")  # b"" when the reset overtook it
        await until(lambda: not rig.door.sessions)
        assert rig.desk.begun == 0


@pytest.mark.fault("A1")
async def test_an_ipv4_peer_of_an_ipv6_socket_is_judged_by_its_ipv4_address() -> None:
    trust = (ipaddress.ip_network("127.0.0.1/32"),)
    async with open_rig(host="::ffff:127.0.0.1", trust=trust) as rig:
        assert (await (await rig.connect()).reply()).startswith("220 ")
        assert await (await rig.connect(source=STRANGER)).rest() == NOT_TRUSTED


@pytest.mark.fault("A1")
@pytest.mark.parametrize(
    ("peer", "is_let_in"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:127.0.0.2", False),
        ("::ffff:7f00:1", True),
        ("::127.0.0.1", False),  # IPv4-compatible (RFC 4291 §2.5.5.1): not a mapped one
        ("::1%lo", True),
        ("fe80::1%eth0", False),
        ("/run/lamson/door.sock", True),  # a unix socket: its permissions are the trust
        ("", False),
    ],
)
async def test_trust_is_a_matter_of_the_address(peer: str, is_let_in: bool) -> None:
    async with open_rig() as rig:
        assert (rig.door.refuse(peer) is None) == is_let_in


@pytest.mark.fault("A1")
async def test_a_peer_that_was_gone_before_its_address_was_asked_is_a_stranger() -> None:
    async with open_rig() as rig:
        line = Line(sockname=("127.0.0.1", 25))
        session = rig.door.session()
        session.connection_made(line)
        session.data_received(b"EHLO x\r\n" + MAIL + CONTENT + b".\r\n")
        await until(lambda: line.is_closed)
        session.connection_lost(None)
        assert line.said == NOT_TRUSTED
        assert rig.desk.begun == 0


@pytest.mark.parametrize(
    "error", [TimeoutError(110, "timed out"), OSError(113, "No route to host"), ConnectionResetError()]
)
async def test_a_connection_that_the_network_lost_is_no_bug_of_ours(
    error: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_rig() as rig:
        session = rig.door.session()
        line = Line(peername=("127.0.0.1", 4321))
        session.connection_made(line)
        session.data_received(b"EHLO x\r\n")
        await asyncio.sleep(0)
        line.close()
        session.connection_lost(error)
        await until(lambda: not rig.door.sessions)
        assert caplog.records == []


async def test_a_bug_of_ours_is_421_and_its_text_stays_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("lamsonproxy.doors.dialogue.Dialogue.command", broken)
    async with open_rig() as rig:
        client = await rig.connect()
        assert (await client.reply()).startswith("220 ")
        await client.send(b"EHLO x\r\n")
        assert await client.rest() == b"421 4.3.0 Temporary processing failure\r\n"
    (record,) = caplog.records
    assert record.exc_info is not None and "secret" in str(record.exc_info[1])


async def test_a_session_behind_a_unix_socket_is_let_in(tmp_path: Any) -> None:
    async with open_rig() as rig:
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(rig.door.session, tmp_path / "door.sock")
        with socket.socket(socket.AF_UNIX) as client:
            client.setblocking(False)
            await loop.sock_connect(client, str(tmp_path / "door.sock"))
            assert (await loop.sock_recv(client, 100)).startswith(b"220 ")
        server.close()


@pytest.mark.fault("S11")
async def test_a_session_too_many_hears_421_and_the_place_of_one_that_ends_is_free_again() -> None:
    async with open_rig(sessions=2) as rig:
        first, second = await rig.greeted(), await rig.greeted()
        assert await (await rig.connect()).rest() == b"421 4.3.2 Too many sessions\r\n"
        assert [told["reason"] for told in rig.log.named("refused_session")] == ["sessions"]
        assert await first.ask(b"QUIT\r\n") == "221 2.0.0 Bye"
        await until(lambda: len(rig.door.sessions) == 1)
        await rig.greeted()
        assert await second.ask(b"NOOP\r\n") == "250 2.0.0 Ok"


@pytest.mark.fault("S3")
async def test_whoever_errs_too_often_is_told_of_in_the_log() -> None:
    async with open_rig(limits=rules(errors=1)) as rig:
        client = await rig.greeted()
        await client.send(b"WIZ\r\nWIZ\r\n")
        assert (await client.rest()).endswith(b"421 4.7.0 Too many errors\r\n")
        assert rig.log.named("refused_session") == [
            {"door": "filter", "peer": "127.0.0.1", "reason": "errors"}
        ]
