"""The lmtp door on the wire (RFC 2033; failures.md 2.1 H8, 2.6 and 2.7 again at this door)."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Route
from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.door import DoorSettings
from lamsonproxy.doors.lmtp import LmtpDoor
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Consume, Quarantine, Reject
from lamsonproxy.service.desks import EachDesk
from tests.door_rig import Client, Rig, open_rig, rules, until
from tests.doubles import TAKEN, RecordingDesk, RecordingLog
from tests.downstream import RawSink
from tests.engine_rig import Rig as EngineRig
from tests.engine_rig import answering, on
from tests.relay_rig import SystemClock, courier_to
from tests.wire.dialogue import Dialogue, Step, play, read
from tests.wire.test_door_octets import ENDS, SMUGGLED

FOLDER = Path(__file__).parent / "dialogues"
CORPUS = Path(__file__).parents[1] / "corpus" / "mails"

REFUSED = Reply(550, "5.7.1", "No")
LATER = Reply(451, "4.3.0", "Later")
BODY = b"Subject: x\r\n\r\ntext\r\n"
TROUBLE = "451 4.3.0 Temporary processing failure"


def _is_alike(path: Path) -> bool:
    """Whether a dialogue of SMTP holds for LMTP too: it is not about how a session begins, no mail in it has several
    recipients, and it was not recorded with a client of SMTP."""
    steps = read(path).steps
    begins = any(re.match(r"(HELO|LHLO)\b", step.text, re.IGNORECASE) for step in steps)
    pairs = pairwise(step.text for step in steps if step.who == "d")
    has_several = any(one.startswith("RCPT") and other.startswith("RCPT") for one, other in pairs)
    # 554 there and 503 here.
    has_nobody = any("No valid recipients" in step.text for step in steps)
    return not (begins or has_several or has_nobody or path.stem.startswith("postfix-"))


ALIKE = [path for path in sorted(FOLDER.glob("*.txt")) if _is_alike(path)]


@pytest.mark.parametrize("path", sorted((FOLDER / "lmtp").glob("*.txt")), ids=lambda path: path.stem)
async def test_a_dialogue_is_as_it_is_written(path: Path) -> None:
    dialogue = read(path)
    async with open_rig(lmtp=True, limits=rules(**dialogue.limits)) as rig:
        await play(dialogue, rig)


@pytest.mark.fault("S3")
@pytest.mark.fault("S5")
@pytest.mark.fault("S6")
@pytest.mark.fault("S7")
@pytest.mark.fault("S8")
@pytest.mark.fault("S9")
@pytest.mark.fault("S13")
@pytest.mark.parametrize("path", ALIKE, ids=lambda path: path.stem)
async def test_what_is_so_in_smtp_is_so_in_lmtp(path: Path) -> None:
    dialogue = _in_lmtp(read(path))
    async with open_rig(lmtp=True, limits=rules(**dialogue.limits)) as rig:
        await play(dialogue, rig)


# -- replies ------------------------------------------------------------------------------------------------


async def test_different_replies_stand_in_the_order_of_the_recipients() -> None:
    desk = RecordingDesk(answers=(TAKEN, REFUSED, LATER, TAKEN), answers_each=True)
    async with open_rig(lmtp=True, desk=desk) as rig:
        client = await _in_data(rig, 4)
        await client.send(BODY + b".\r\nQUIT\r\n")
        assert [await client.reply() for _ in range(5)] == [
            str(TAKEN), str(REFUSED), str(LATER), str(TAKEN), "221 2.0.0 Bye",
        ]  # fmt: skip


@pytest.mark.parametrize("given", range(3))
async def test_a_desk_that_fails_half_way_leaves_nobody_without_a_reply(given: int) -> None:
    async def fail(transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        for _ in range(given):
            yield TAKEN
        raise RuntimeError("secret")

    async with open_rig(lmtp=True, desk=RecordingDesk(behind=fail)) as rig:
        client = await _in_data(rig, 3)
        await client.send(BODY + b".\r\nNOOP\r\n")
        replies = [await client.reply() for _ in range(4)]
        assert replies[:given] == [str(TAKEN)] * given
        assert all(reply.startswith(TROUBLE) for reply in replies[given:3]) and replies[3] == "250 2.0.0 Ok"
        assert len(rig.log.named("bug")) == 1


async def test_a_desk_that_forgets_somebody_is_a_bug_and_451() -> None:
    async def forget(transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        yield TAKEN

    async with open_rig(lmtp=True, desk=RecordingDesk(behind=forget)) as rig:
        client = await _in_data(rig, 2)
        assert await client.ask(BODY + b".\r\n") == str(TAKEN)
        assert (await client.reply()).startswith(TROUBLE)
        assert len(rig.log.named("bug")) == 1


async def test_each_reply_leaves_as_soon_as_it_is_true() -> None:
    is_heard = asyncio.Event()

    async def one_by_one(transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        yield TAKEN
        await is_heard.wait()
        yield REFUSED

    async with open_rig(lmtp=True, desk=RecordingDesk(behind=one_by_one)) as rig:
        client = await _in_data(rig, 2)
        assert await client.ask(BODY + b".\r\n") == str(TAKEN)
        is_heard.set()
        assert await client.reply() == str(REFUSED)


async def test_a_421_is_said_to_each_and_then_the_door_closes() -> None:
    desk = RecordingDesk(answers=(Reply(421, "4.3.2", "Going"), TAKEN, TAKEN), answers_each=True)
    async with open_rig(lmtp=True, desk=desk) as rig:
        client = await _in_data(rig, 3)
        await client.send(BODY + b".\r\n")
        assert (await client.rest()).split(b"\r\n") == [b"421 4.3.2 Going", *[str(TAKEN).encode()] * 2, b""]


@pytest.mark.fault("H8")
@pytest.mark.parametrize(
    "leave", [Client.close, Client.reset, Client.half_close], ids=lambda act: act.__name__
)
async def test_a_client_that_goes_between_two_replies_is_noticed_by_the_desk(
    leave: Callable[[Client], None],
) -> None:
    seen: list[bool] = []
    has_gone = asyncio.Event()

    async def one_by_one(transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        yield TAKEN
        await has_gone.wait()
        await until(withdrawn)
        seen.append(withdrawn())
        yield LATER

    async with open_rig(lmtp=True, desk=RecordingDesk(behind=one_by_one)) as rig:
        client = await _in_data(rig, 2)
        assert await client.ask(BODY + b".\r\n") == str(TAKEN)
        leave(client)
        has_gone.set()
        await until(lambda: bool(seen))


async def test_a_closing_door_says_421_behind_all_replies() -> None:
    desk = RecordingDesk(answers_each=True)
    desk.is_open.clear()
    async with open_rig(lmtp=True, desk=desk) as rig:
        client = await _in_data(rig, 2)
        await client.send(BODY + b".\r\n")
        await until(lambda: desk.begun == 1)
        rig.door.close()
        desk.is_open.set()
        assert (await client.rest()).split(b"\r\n") == [
            *[str(TAKEN).encode()] * 2, b"421 4.3.2 Shutting down", b"",
        ]  # fmt: skip


# -- limits -------------------------------------------------------------------------------------------------


@pytest.mark.fault("S8")
async def test_a_mail_that_says_nothing_and_is_too_big_is_552_to_each_and_holds_nothing() -> None:
    async with open_rig(lmtp=True, limits=rules(size_limit=2**20)) as rig:
        client = await _in_data(rig, 2)
        await client.send((b"x" * 998 + b"\r\n") * 5_000 + b".\r\n")
        assert [await client.reply() for _ in range(2)] == ["552 5.3.4 Message too big"] * 2
        assert rig.budget.used == 0 and not rig.desk.mails


@pytest.mark.fault("S9")
async def test_a_thousand_recipients_have_a_thousand_replies_and_the_next_one_is_452() -> None:
    async with open_rig(lmtp=True) as rig:
        client = await rig.greeted()
        await client.send(
            b"MAIL FROM:<a@example.org>\r\n" + b"RCPT TO:<b@example.net>\r\n" * 1001 + b"DATA\r\n"
        )
        replies = [await client.reply() for _ in range(1003)]
        assert replies.count("250 2.1.5 Ok") == 1000 and replies[1001] == "452 4.5.3 Too many recipients"
        await client.send(BODY + b".\r\nNOOP\r\n")
        assert [await client.reply() for _ in range(1001)] == [str(TAKEN)] * 1000 + ["250 2.0.0 Ok"]


# -- with the engine and a sink behind it -------------------------------------------------------------------


@asynccontextmanager
async def topology_c(sink: RawSink, *routes: Route, **changed: Any) -> AsyncIterator[Rig]:
    """A door with a whole engine and a real courier behind it."""
    async with courier_to(sink) as courier:
        engine = EngineRig(routes, courier=courier, clock=SystemClock()).engine
        desk = RecordingDesk(behind=EachDesk(engine, DoorPolicy(trace_header=False)).settle)
        async with open_rig(lmtp=True, desk=desk, **changed) as rig:
            yield rig


async def test_five_recipients_with_five_fates() -> None:
    def stamp(mail: Mail) -> None:
        mail.headers.add("X-For", mail.recipient.raw)

    routes = (
        on("r1@example.net", answering(Reject("5.7.1", "No"))),
        on("r2@example.net", stamp),
        on("r3@example.net", answering(Quarantine("odd"))),
        on("r4@example.net", answering(Consume())),
    )
    async with RawSink() as sink, topology_c(sink, *routes) as rig:
        client = await _in_data(rig, 6)
        await client.send(BODY + b".\r\n")
        replies = [await client.reply() for _ in range(6)]
        queued = [f"250 2.0.0 Ok: queued as {mail.queue_id}" for mail in sink.mails]
        assert replies == [
            queued[0], "550 5.7.1 No", queued[1], "250 2.7.0 Ok: quarantined", "250 2.0.0 Ok", queued[0],
        ]  # fmt: skip
        assert [mail.rcpts for mail in sink.mails] == [
            (b"RCPT TO:<r0@example.net>", b"RCPT TO:<r5@example.net>"),
            (b"RCPT TO:<r2@example.net>",),
        ]


@pytest.mark.fault("S1")
@pytest.mark.parametrize("end", ENDS, ids=repr)
async def test_no_smuggled_mail_reaches_a_sink_that_keeps_to_the_rfc(end: bytes) -> None:
    async with RawSink() as sink, topology_c(sink) as rig:
        client = await _in_data(rig, 2)
        await client.send(b"first" + end + SMUGGLED + b".\r\nQUIT\r\n")
        assert b"221 2.0.0 Bye\r\n" in await client.rest()
        assert len(sink.mails) == 1


@pytest.mark.fault("C1")
@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.eml"))[::5], ids=lambda path: path.stem)
async def test_a_mail_of_the_corpus_passes_octet_for_octet(path: Path) -> None:
    content = _canonical(path)
    async with RawSink() as sink, topology_c(sink) as rig:
        client = await _in_data(rig, 2)
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        await client.send(stuffed + b".\r\n")
        assert [(await client.reply())[:3] for _ in range(2)] == ["250"] * 2
        assert [mail.content for mail in sink.mails] == [content]


@pytest.mark.fault("S4")
@pytest.mark.parametrize("length", [999, 65_536, 5_000_000])
async def test_a_line_of_any_length_arrives_as_it_was(length: int) -> None:
    content = b"Subject: x\r\n\r\n" + b"x" * length + b"\r\n"
    async with RawSink() as sink, topology_c(sink) as rig:
        client = await _in_data(rig, 1)
        assert (await client.ask(content + b".\r\n")).startswith("250 ")
        assert [mail.content for mail in sink.mails] == [content]


# -- a unix socket ------------------------------------------------------------------------------------------


async def test_a_mail_through_a_unix_socket_says_so_in_its_received_line(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "lmtp"))
        async with RawSink() as sink, courier_to(sink) as courier:
            engine = EngineRig(courier=courier, clock=SystemClock()).engine
            settings = DoorSettings(name="lmtp", rules=rules(), trust=())
            door = LmtpDoor(settings, EachDesk(engine, DoorPolicy()), Budget(2**20), RecordingLog())
            server = await asyncio.get_running_loop().create_server(door.session, sock=listening)
            client = Client(*await asyncio.open_unix_connection(str(tmp_path / "lmtp")))
            await client.greet()
            await client.send(_envelope(1))
            assert [(await client.reply())[:3] for _ in range(3)] == ["250", "250", "354"]
            assert (await client.ask(BODY + b".\r\n")).startswith("250 ")
            client.close()
            await until(lambda: not door.sessions)
            server.close()
        assert sink.mails[0].content.startswith(b"Received: from client.test (unix socket)\r\n")
        assert b" with LMTP id " in sink.mails[0].content


def _canonical(path: Path) -> bytes:
    content = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _envelope(recipients: int) -> bytes:
    rcpts = b"".join(b"RCPT TO:<r%d@example.net>\r\n" % n for n in range(recipients))
    return b"MAIL FROM:<a@example.org>\r\n" + rcpts + b"DATA\r\n"


async def _in_data(rig: Rig, recipients: int) -> Client:
    """A client that has been told to send its content."""
    client = await rig.greeted()
    await client.send(_envelope(recipients))
    assert [(await client.reply())[:3] for _ in range(recipients + 2)] == ["250"] * (recipients + 1) + ["354"]
    return client


def _in_lmtp(dialogue: Dialogue) -> Dialogue:
    return replace(dialogue, steps=tuple(_translated(step) for step in dialogue.steps))


def _translated(step: Step) -> Step:
    return replace(step, text=step.text.replace(" ESMTP ", " LMTP ").replace("EHLO", "LHLO"))
