"""Clients that go, doors that close, limits of time: a mail ends fully done or fully undone, and a session always ends
(failures.md 2.1 H8, 2.6 S10; design law 6)."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable

import pytest

from lamsonproxy.doors.dialogue import Dialogue
from lamsonproxy.doors.smtp import SmtpSession
from lamsonproxy.mail.reply import Reply
from tests.door_rig import CONTENT, MAIL, Client, Rig, open_rig, rules, until
from tests.doubles import RecordingDesk

pytestmark = pytest.mark.fault("H8")

SHUTTING_DOWN = "421 4.3.2 Shutting down"
SLOW = 400 if os.environ.get("SOAK") else 100
"""Slow clients; each takes two of the 1024 files that a process usually may open."""


def close(client: Client) -> None:
    client.close()


def half_close(client: Client) -> None:
    client.half_close()


def reset(client: Client) -> None:
    client.reset()


DEPARTURES = (close, half_close, reset)
WHOLE = b"EHLO x\r\nXFORWARD IDENT=4F0\r\n" + MAIL + CONTENT + b".\r\n"
POINTS = sorted({0, 1, len(WHOLE) - 1, *range(4, len(WHOLE), len(WHOLE) // 17)})


@pytest.mark.parametrize("leave", DEPARTURES)
@pytest.mark.parametrize("point", POINTS)
async def test_a_client_that_goes_before_the_final_dot_leaves_nothing(
    point: int, leave: Callable[[Client], None]
) -> None:
    async with open_rig() as rig:
        client = await rig.connect()
        await client.send(WHOLE[:point])
        await until(lambda: bool(rig.door.sessions))
        leave(client)
        await until(lambda: not rig.door.sessions)
        assert rig.desk.begun == 0
        assert rig.log.events == []


@pytest.mark.parametrize("leave", DEPARTURES)
async def test_a_client_that_goes_while_its_mail_is_settled_is_told_of_and_nothing_is_cancelled(
    leave: Callable[[Client], None],
) -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig)
        assert not rig.desk.withdrawn[0]()
        leave(client)
        await until(rig.desk.withdrawn[0])
        assert rig.desk.ended == 0
        assert len(rig.door.sessions) == 1, "the session is there as long as its mail"
        assert rig.budget.used > 0
        rig.desk.is_open.set()
        await until(lambda: not rig.door.sessions)
        assert rig.desk.ended == 1
        assert rig.log.named("bug") == []


async def test_a_half_closed_client_that_said_quit_still_waits_for_its_answer() -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig, b"QUIT\r\n")
        client.half_close()
        await _eof_has_come(rig)
        assert not rig.desk.withdrawn[0]()
        rig.desk.is_open.set()
        assert await client.reply() == "250 2.0.0 Ok: taken"
        assert await client.reply() == "221 2.0.0 Bye"


async def test_a_quit_that_came_while_the_mail_was_settled_counts_as_waiting() -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig)
        await client.send(b"QUIT\r\n")
        client.half_close()
        await _eof_has_come(rig)
        assert not rig.desk.withdrawn[0]()
        rig.desk.is_open.set()
        assert await client.rest() == b"250 2.0.0 Ok: taken\r\n221 2.0.0 Bye\r\n"


async def test_a_mail_that_was_pipelined_behind_one_whose_client_is_gone_is_not_begun() -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig, MAIL + CONTENT + b".\r\n")
        client.reset()
        await until(rig.desk.withdrawn[0])
        rig.desk.is_open.set()
        await until(lambda: not rig.door.sessions)
        assert rig.desk.begun == 1


async def test_a_client_that_never_reads_its_replies_is_sent_away_and_holds_nothing() -> None:
    async with open_rig(limits=rules(junk_commands=10**9), idle_timeout_s=0.2, linger_s=0.1) as rig:
        client = await rig.greeted()
        client.stop_reading()
        flood = asyncio.create_task(_write_for_ever(client, b"EHLO x\r\n" * 1000))
        await until(lambda: bool(rig.log.named("refused_session")))
        await until(lambda: not rig.door.sessions)
        flood.cancel()


async def test_a_busy_client_leaves_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, commands = [0], Counter[int]()
    answer = Dialogue.command

    def counted(dialogue: Dialogue, line: bytes) -> Reply:
        commands[turns[0]] += 1
        return answer(dialogue, line)

    async def turn_round() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Dialogue, "command", counted)
    async with open_rig() as rig:
        client = await rig.greeted()
        turning = asyncio.create_task(turn_round())
        await client.send(b"XFORWARD IDENT=X\r\n" * 20_000 + b"QUIT\r\n")
        assert (await client.rest()).count(b"250 2.0.0 Ok\r\n") == 20_000
        turning.cancel()
        assert max(commands.values()) < 2_000


# -- limits of time ------------------------------------------------------------------------------------------


@pytest.mark.fault("S10")
async def test_an_idle_client_hears_421_and_the_end() -> None:
    async with open_rig(idle_timeout_s=0.05) as rig:
        client = await rig.greeted()
        assert await client.rest() == b"421 4.4.2 Time limit exceeded\r\n"
        assert rig.log.named("refused_session") == [
            {"door": "filter", "peer": "127.0.0.1", "reason": "timeout"}
        ]


@pytest.mark.fault("S10")
async def test_many_slow_clients_are_sent_away_while_others_have_their_mail_taken() -> None:
    limit_s = SLOW / 100
    async with open_rig(idle_timeout_s=limit_s, data_timeout_s=limit_s, sessions=2 * SLOW) as rig:
        slow = [asyncio.create_task(_dawdle(rig, in_data=n % 2 == 0)) for n in range(SLOW)]
        quick = await rig.greeted()
        assert await quick.ask(MAIL + CONTENT + b".\r\n") == "250 2.1.0 Ok"
        await asyncio.gather(*slow)
        assert rig.desk.begun == 1
        assert len(rig.log.named("refused_session")) >= SLOW


async def _dawdle(rig: Rig, *, in_data: bool) -> None:
    """An octet now and then, in a command or in a mail, until the door has had enough."""
    client = await rig.greeted()
    if in_data:
        await client.begin_data()
    await _drip(client, asyncio.Event())


@pytest.mark.fault("S10")
async def test_the_limit_of_data_is_for_all_of_it_and_a_mail_cut_by_it_is_nobodys() -> None:
    async with open_rig(idle_timeout_s=30, data_timeout_s=0.1) as rig:
        client = await rig.greeted()
        await client.begin_data()
        gone = asyncio.Event()
        drip = asyncio.create_task(_drip(client, gone))
        assert b"421 4.4.2 Time limit exceeded\r\n" in await client.rest()
        gone.set()
        await drip
        assert rig.desk.begun == 0


async def test_no_limit_of_time_runs_while_a_mail_is_settled() -> None:
    async with open_rig(idle_timeout_s=0.05, data_timeout_s=0.05) as rig:
        client = await _held_at_desk(rig)
        await asyncio.sleep(0.15)  # Three limits: a timer that still ran would have gone off.
        assert not rig.desk.withdrawn[0]()
        rig.desk.is_open.set()
        assert await client.reply() == "250 2.0.0 Ok: taken"


# -- doors that close ----------------------------------------------------------------------------------------


async def test_a_closing_door_sends_the_idle_away_at_once() -> None:
    async with open_rig() as rig:
        idle = [await rig.greeted() for _ in range(3)]
        rig.door.close()
        for client in idle:
            assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()


async def test_a_closing_door_answers_newcomers_with_421() -> None:
    async with open_rig() as rig:
        rig.door.close()
        assert await (await rig.connect()).rest() == f"{SHUTTING_DOWN}\r\n".encode()


async def test_a_closing_door_lets_a_mail_in_data_be_finished_and_then_says_421() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.begin_data()
        rig.door.close()
        assert await client.ask(CONTENT + b".\r\n") == "250 2.0.0 Ok: taken"
        assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()


async def test_a_closing_door_says_421_behind_the_answer_to_a_mail_that_was_being_settled() -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig)
        rig.door.close()
        rig.desk.is_open.set()
        assert await client.rest() == f"250 2.0.0 Ok: taken\r\n{SHUTTING_DOWN}\r\n".encode()


async def test_a_closing_door_lets_a_transaction_go_on_until_it_ends() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        assert await client.ask(b"MAIL FROM:<a@example.org>\r\n") == "250 2.1.0 Ok"
        rig.door.close()
        assert await client.ask(b"RCPT TO:<b@example.net>\r\n") == "250 2.1.5 Ok"
        assert await client.ask(b"RSET\r\n") == "250 2.0.0 Ok"
        assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()


async def test_quit_at_a_closing_door_is_answered_by_221_alone() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        assert await client.ask(b"MAIL FROM:<a@example.org>\r\n") == "250 2.1.0 Ok"
        rig.door.close()
        await client.send(b"QUIT\r\n")
        assert await client.rest() == b"221 2.0.0 Bye\r\n"


async def test_an_abandoned_mail_is_withdrawn_and_its_client_hears_421() -> None:
    async with open_rig() as rig:
        client = await _held_at_desk(rig)
        rig.door.abandon()
        assert rig.desk.withdrawn[0]()
        assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()
        assert len(rig.door.sessions) == 1, "its mail is not settled yet"


async def test_a_mail_whose_end_came_together_with_our_last_word_is_not_begun() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.begin_data()
        (session,) = rig.door.sessions
        assert isinstance(session, SmtpSession)
        session.data_received(CONTENT + b".\r\n")
        rig.door.abandon()
        assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()
        await until(lambda: not rig.door.sessions)
        assert rig.desk.begun == 0


async def test_replies_that_had_not_left_yet_come_before_the_last_word() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nNO")
        assert [await client.reply(), await client.reply()] == ["250 2.1.0 Ok", "250 2.1.5 Ok"]
        rig.door.abandon()
        assert await client.rest() == f"{SHUTTING_DOWN}\r\n".encode()


# -- what the desk says --------------------------------------------------------------------------------------


@pytest.mark.fault("H1")
async def test_a_desk_that_raises_is_451_with_a_trace_and_a_bug_in_the_log() -> None:
    error = RuntimeError("secret\r\n250 injected")
    async with open_rig(desk=RecordingDesk([error])) as rig:
        client = await rig.greeted()
        await client.begin_data()
        reply = await client.ask(CONTENT + b".\r\n")
        assert reply == f"451 4.3.0 Temporary processing failure ({rig.desk.mails[0].trace})"
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 Ok"
        assert [told["error"] for told in rig.log.named("bug")] == [error]


async def test_whoever_says_421_closes() -> None:
    async with open_rig(desk=RecordingDesk([Reply(421, "4.3.2", "Gone")])) as rig:
        client = await rig.greeted()
        await client.begin_data()
        await client.send(CONTENT + b".\r\nNOOP\r\n")
        assert await client.rest() == b"421 4.3.2 Gone\r\n"


async def _held_at_desk(rig: Rig, behind: bytes = b"") -> Client:
    """A client whose mail the desk does not answer yet."""
    rig.desk.is_open.clear()
    client = await rig.greeted()
    await client.begin_data()
    await client.send(CONTENT + b".\r\n" + behind)
    await until(lambda: rig.desk.begun == 1)
    return client


async def _eof_has_come(rig: Rig) -> None:
    await until(lambda: rig.watched[0].has_eof)


async def _drip(client: Client, gone: asyncio.Event) -> None:
    """An octet at a time until the door has had enough."""
    try:
        while not gone.is_set() and not client.is_over:
            await client.send(b"x")
            await asyncio.sleep(0.01)
    except ConnectionError:
        pass


async def _write_for_ever(client: Client, octets: bytes) -> None:
    try:
        while True:
            await client.send(octets)
    except (ConnectionError, TimeoutError):
        pass


async def test_the_desk_hears_that_a_reply_was_read_with_the_next_command_and_not_before() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(CONTENT + b".\r\n")).startswith("250 ")
        assert rig.desk.read == []
        await client.ask(b"NOOP\r\n")
        assert rig.desk.read == rig.desk.mails


async def test_what_was_said_before_the_reply_left_tells_nothing() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(CONTENT + b".\r\nNOOP\r\n")).startswith("250 ")
        await client.reply()
        assert rig.desk.begun == 1 and rig.desk.read == []
