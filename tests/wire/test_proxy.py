"""The proxy door on the wire, between a client that speaks as Postfix does and a sink; and the gates of other doors."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy.app.announced import Announced
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Route, Routes
from lamsonproxy.doors.smtp import SmtpSession
from lamsonproxy.mail.verdict import Consume, Defer, Reject
from lamsonproxy.mail.wire import canonical
from tests.corpus.bombs import BOMBS
from tests.corpus.reading import read_everything
from tests.door_rig import Client, until
from tests.downstream import RawSink
from tests.engine_rig import answering, on
from tests.house_rig import House, open_house

PROXY = {"kind": "proxy", "name": "filter", "listen": "127.0.0.1:0", "trace_header": False}
CONTENT = (
    b"Received: by mx (Postfix) with ESMTP;\r\n\tnow\r\nSubject: x\r\n\r\n..dot\r\n" + b"y" * 3000 + b"\r\n"
)

# As Postfix 3.7 said it: one XFORWARD, parameters as its own client wrote them, nothing pipelined.
XFORWARD = (
    "XFORWARD NAME=mail.example.org ADDR=192.0.2.7 PORT=4321 HELO=client.example IDENT=[UNAVAILABLE]"
    " PROTO=ESMTP SOURCE=LOCAL"
)
MAIL = "MAIL FROM:<Alice@Example.ORG> SIZE=5000 BODY=8BITMIME RET=HDRS ENVID=Ab+2Bc SMTPUTF8"
BOB = "RCPT TO:<Bob+Tag@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2BTag@example.net"
CAROL = "RCPT TO:<carol@example.net>"
DAVE = "RCPT TO:<dave@example.net>"


def guard(format: str, handler: Callable[..., Any]) -> Route:
    return replace(on(format, handler), phase="rcpt")


async def say(client: Client, *commands: str) -> list[str]:
    return [await client.ask(command.encode() + b"\r\n") for command in commands]


async def send(client: Client, content: bytes = CONTENT) -> str:
    assert (await client.ask(b"DATA\r\n")).startswith("354 ")
    return await client.ask(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")


def heard_by(sink: RawSink) -> list[list[str]]:
    """The commands of each connection behind its EHLO."""
    return [[command.decode() for command in session.commands[1:]] for session in sink.sessions]


def is_at_rest(house: House) -> bool:
    return " 0 busy" in repr(house.service.courier)


async def test_the_session_of_postfix_is_handed_on_command_by_command(tmp_path: Path) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[PROXY]) as house:
        client = await house.greeted()
        assert await say(client, XFORWARD, MAIL, BOB) == ["250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.0.0 Ok"]
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB]]
        await say(client, CAROL)
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, CAROL]]
        reply = await send(client)
        assert (await client.ask(b"QUIT\r\n")).startswith("221 ")
        (mail,) = sink.mails
        assert reply == f"250 2.0.0 Ok: queued as {mail.queue_id}"
        assert mail.content == CONTENT
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, CAROL, "DATA"]]


async def test_the_client_hears_of_each_recipient_at_once_from_us_or_from_downstream(tmp_path: Path) -> None:
    routes = Routes((guard("carol@.+", answering(Reject("5.7.1", "Carol is closed"))),))
    async with (
        RawSink(answers={"RCPT TO:<dave@": "452 4.2.2 Dave is full"}) as sink,
        open_house(tmp_path, sink.port, routes, door=[PROXY]) as house,
    ):
        client = await house.greeted()
        assert (await say(client, XFORWARD, MAIL, BOB, CAROL, DAVE))[2:] == [
            "250 2.0.0 Ok",
            "550 5.7.1 Carol is closed",
            "452 4.2.2 Dave is full",
        ]
        assert (await send(client)).startswith("250 ")
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, DAVE, "DATA"]]
        assert [mail.rcpts for mail in sink.mails] == [(BOB.encode(),)]


async def test_without_any_recipient_there_is_no_data_and_downstream_was_not_bothered(tmp_path: Path) -> None:
    routes = Routes((guard(".+", answering(Defer("4.2.0", "Ask again"))),))
    async with RawSink() as sink, open_house(tmp_path, sink.port, routes, door=[PROXY]) as house:
        client = await house.greeted()
        assert (await say(client, MAIL, CAROL, "DATA"))[1:] == [
            "451 4.2.0 Ask again",
            "554 5.5.1 No valid recipients",
        ]
        assert sink.sessions == []


async def test_what_some_recipients_do_not_get_is_asked_about_anew_before_data(tmp_path: Path) -> None:
    routes = Routes((on("carol@.+", answering(Consume())),))
    async with RawSink() as sink, open_house(tmp_path, sink.port, routes, door=[PROXY]) as house:
        client = await house.greeted()
        await say(client, XFORWARD, MAIL, BOB, CAROL)
        assert (await send(client)).startswith("250 ")
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, CAROL, "RSET", XFORWARD, MAIL, BOB, "DATA"]]


@pytest.mark.fault("2.2")
async def test_a_refused_message_is_taken_back_without_data(tmp_path: Path) -> None:
    routes = Routes((on(".+", answering(Reject("5.7.1", "We do not take this"))),))
    async with RawSink() as sink, open_house(tmp_path, sink.port, routes, door=[PROXY]) as house:
        client = await house.greeted()
        await say(client, XFORWARD, MAIL, BOB)
        assert await send(client) == "550 5.7.1 We do not take this"
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, "RSET"]]
        assert is_at_rest(house)


@pytest.mark.fault("H8")
@pytest.mark.parametrize("end", ["RSET", "EHLO again", "QUIT", "close", "RST", "half a mail"])
async def test_a_client_that_ends_its_mail_before_the_dot_leaves_no_half_spoken_connection(
    tmp_path: Path, end: str
) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[PROXY]) as house:
        client = await house.greeted()
        await say(client, XFORWARD, MAIL, BOB)
        match end:
            case "close":
                client.close()
            case "RST":
                client.reset()
            case "half a mail":
                await client.ask(b"DATA\r\n")
                await client.send(b"Subject: half\r\n")
                client.close()
            case _:
                await say(client, end)
        await until(lambda: is_at_rest(house))
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, "RSET"]]
        assert sink.mails == []
        another = await house.greeted()
        await say(another, MAIL, CAROL)
        assert (await send(another)).startswith("250 ")
        assert len(sink.sessions) == 1, "the connection was good"


async def test_a_message_that_is_too_big_is_taken_back(tmp_path: Path) -> None:
    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, door=[PROXY | {"size_limit": 2000}]) as house,
    ):
        client = await house.greeted()
        await say(client, "MAIL FROM:<>", CAROL)
        assert await send(client) == "552 5.3.4 Message too big"
        await until(lambda: is_at_rest(house))
        assert heard_by(sink)[0][-1] == "RSET"


async def test_one_session_may_bring_many_mails(tmp_path: Path) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[PROXY]) as house:
        client = await house.greeted()
        for _ in range(3):
            await say(client, XFORWARD, "MAIL FROM:<>", CAROL)
            assert (await send(client)).startswith("250 ")
        assert len(sink.mails) == 3
        assert len(sink.sessions) == 1


@pytest.mark.fault("S10")
async def test_the_session_s_timer_stands_still_while_a_guard_is_asked(tmp_path: Path) -> None:
    async def slow(mail: Announced) -> None:
        await asyncio.sleep(0.5)

    door = PROXY | {"idle_timeout_s": 0.2}
    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, Routes((guard(".+", slow),)), door=[door]) as house,
    ):
        client = await house.greeted()
        assert (await say(client, MAIL, CAROL))[1].startswith("250 ")
        assert (await client.rest()).startswith(b"421 4.4.2 "), "and then it runs again"
        await until(lambda: is_at_rest(house))


@pytest.mark.fault("K3")
async def test_a_drain_says_421_to_a_mail_half_way_and_downstream_forgets_it(tmp_path: Path) -> None:
    async with RawSink() as sink:
        async with open_house(tmp_path, sink.port, door=[PROXY]) as house:
            client = await house.greeted()
            await say(client, XFORWARD, MAIL, BOB)
            await house.service.drain(0)
            assert await client.rest() == b"421 4.3.2 Shutting down\r\n"
            assert is_at_rest(house)
        assert sink.mails == []


@pytest.mark.parametrize("kind", ["filter", "lmtp"])
async def test_the_other_doors_ask_their_guards_too_and_go_on_with_whom_they_took(
    tmp_path: Path, kind: str
) -> None:
    routes = Routes(
        (
            guard("carol@.+", answering(Reject("5.7.1", "Carol is closed"))),
            guard("dave@.+", answering(Consume())),
        )
    )
    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, routes, door=[PROXY | {"kind": kind}]) as house,
    ):
        client = await house.connect()
        await say(client, "LHLO mx.test" if kind == "lmtp" else "EHLO mx.test")
        await client.send("\r\n".join((XFORWARD, MAIL, BOB, CAROL, DAVE, "DATA", "")).encode())
        replies = [await client.reply() for _ in range(6)]
        assert replies[2:4] == ["250 2.1.5 Ok", "550 5.7.1 Carol is closed"]
        assert replies[4].startswith("451 4.3.0 Temporary processing failure (")
        assert sink.sessions == [], "downstream is asked with the message"
        assert (await client.ask(CONTENT.replace(b"\r\n.", b"\r\n..") + b".\r\n")).startswith("250 ")
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 Ok"
        assert [mail.rcpts for mail in sink.mails] == [(BOB.encode(),)]


async def test_replies_do_not_wait_for_a_guard_that_takes_its_time(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slow(mail: Announced) -> None:
        await gate.wait()

    routes = Routes((guard("carol@.+", slow),))
    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, routes, door=[PROXY | {"kind": "filter"}]) as house,
    ):
        client = await house.greeted()
        await client.send("\r\n".join((MAIL, BOB, CAROL, "")).encode())
        assert [await client.reply(), await client.reply()] == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
        gate.set()
        assert await client.reply() == "250 2.1.5 Ok"


@pytest.mark.fault("C2")
async def test_bombs_pass_as_they_came_or_are_refused_as_loops_while_a_handler_reads_all_of_them(
    tmp_path: Path,
) -> None:
    def read(mail: Mail) -> None:
        read_everything(mail.original)

    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, Routes((on(".+", read),)), door=[PROXY]) as house,
    ):
        client = await house.greeted()
        for name, make in BOMBS.items():
            content = canonical(make())
            await say(client, XFORWARD, "MAIL FROM:<>", CAROL)
            reply = await send(client, content)
            if content.count(b"Received:") > 100:
                assert reply == "554 5.4.6 Too many hops", name
            else:
                assert reply.startswith("250 "), name
                assert sink.mails[-1].content == content, name
        assert is_at_rest(house)


@pytest.mark.fault("C6")
async def test_a_mail_that_goes_round_is_refused_and_taken_back(tmp_path: Path) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[PROXY]) as house:
        client = await house.greeted()
        await say(client, XFORWARD, "MAIL FROM:<>", CAROL)
        assert await send(client, b"Received: by x\r\n" * 101 + b"\r\n") == "554 5.4.6 Too many hops"
        assert heard_by(sink)[0][-1] == "RSET"
        assert sink.mails == []


@pytest.mark.fault("2.2")
async def test_a_full_pool_is_451_within_the_limit_of_a_recipient_and_free_again_afterwards(
    tmp_path: Path,
) -> None:
    door, relay = PROXY | {"rcpt_timeout_s": 0.3}, {"connections": 1}
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[door], relay=relay) as house:
        first, second = await house.greeted(), await house.greeted()
        await say(first, "MAIL FROM:<>", CAROL)
        assert (await say(second, "MAIL FROM:<>", DAVE))[1].startswith("451 4.3.0 ")
        assert (await send(first)).startswith("250 ")
        assert (await say(second, "RSET", "MAIL FROM:<>", DAVE))[2].startswith("250 ")
        assert (await send(second)).startswith("250 ")


@pytest.mark.fault("2.2")
async def test_a_downstream_that_is_gone_when_the_client_has_sent_its_mail_is_451(tmp_path: Path) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, door=[PROXY]) as house:
        client = await house.greeted()
        await say(client, XFORWARD, MAIL, BOB)
        await client.ask(b"DATA\r\n")
        await sink.stop()
        assert (await client.ask(b"Subject: x\r\n\r\n.\r\n")).startswith("451 4.3.0 Temporary")


@pytest.mark.fault("H8")
async def test_a_client_that_vanishes_while_its_mail_is_decided_leaves_nothing(tmp_path: Path) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def wait(mail: Mail) -> None:
        begun.set()
        await gate.wait()

    async with (
        RawSink() as sink,
        open_house(tmp_path, sink.port, Routes((on(".+", wait),)), door=[PROXY]) as house,
    ):
        client = await house.greeted()
        await say(client, XFORWARD, MAIL, BOB)
        await client.ask(b"DATA\r\n")
        await client.send(b"Subject: x\r\n\r\n.\r\n")
        await begun.wait()
        client.reset()
        (session,) = house.service.doors[0].sessions
        assert isinstance(session, SmtpSession)
        await until(session._withdrawn)
        gate.set()
        await until(lambda: is_at_rest(house))
        assert heard_by(sink) == [[XFORWARD, MAIL, BOB, "RSET"]]
