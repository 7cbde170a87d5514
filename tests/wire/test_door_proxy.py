"""The dialogue files again, at a proxy door: a gate that takes everybody changes no word (failures.md 2.6)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy.doors.proxy import ProxyDesk
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from tests.door_rig import Client, Rig, open_rig, rules, until
from tests.wire.dialogue import play, read

FILES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))
TAKEN = Reply(250, "2.1.5", "Ok")


class Reception:
    """Takes everybody, or says what `Receptions` have been told to; the mail goes to the rig's desk."""

    def __init__(self, all_: "Receptions") -> None:
        self._all = all_
        self._is_open = True

    async def ask(self, transaction: Transaction) -> Reply:
        assert self._is_open
        self._all.asked.append([r.address.raw for r in transaction.envelope.recipients])
        self._all.traces.add(transaction.trace)
        if isinstance(self._all.answer, Exception):
            raise self._all.answer
        return self._all.answer

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> Reply:
        assert self._is_open and transaction.trace in self._all.traces
        (reply,) = [reply async for reply in self._all.rig.desk.settle(transaction, withdrawn)]
        return reply

    async def end(self) -> None:
        assert self._is_open, "it was ended twice"
        self._is_open = False
        self._all.ended += 1


class Receptions:
    """All receptions of a rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.answer: Reply | Exception = TAKEN
        self.asked: list[list[str]] = []
        self.traces: set[str] = set()
        self.begun = self.ended = 0

    def receive(self) -> Reception:
        self.begun += 1
        return Reception(self)


@asynccontextmanager
async def open_proxy(**settings: Any) -> AsyncIterator[tuple[Rig, Receptions]]:
    """A proxy door; at its end every reception that was begun has been ended."""
    async with open_rig(**settings) as rig:
        receptions = Receptions(rig)
        proxy = ProxyDesk(receptions.receive, lambda transaction: None)
        rig.door.gate = rig.door.desk = proxy
        yield rig, receptions
        for client in rig.clients:
            client.close()
        await until(lambda: not rig.door.sessions)
    assert receptions.begun == receptions.ended == len(receptions.traces)


@pytest.mark.fault("S3")
@pytest.mark.fault("S5")
@pytest.mark.fault("S6")
@pytest.mark.fault("S7")
@pytest.mark.fault("S8")
@pytest.mark.fault("S9")
@pytest.mark.fault("S13")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_what_is_so_behind_the_queue_is_so_before_it(path: Path) -> None:
    dialogue = read(path)
    async with open_proxy(limits=rules(**dialogue.limits)) as (rig, _):
        await play(dialogue, rig)


async def test_the_gate_is_asked_about_each_recipient_that_the_dialogue_takes() -> None:
    async with open_proxy(limits=rules(recipients=2)) as (rig, receptions):
        client = await rig.greeted()
        await client.ask(b"MAIL FROM:<>\r\n")
        for path in b"<a@x>", b"<no", b"<b@x>", b"<c@x>":
            await client.ask(b"RCPT TO:" + path + b"\r\n")
        assert receptions.asked == [["a@x"], ["a@x", "b@x"]]


async def test_a_recipient_that_the_gate_refused_is_none_of_the_mail_s_and_no_error_of_the_client_s() -> None:
    async with open_proxy(limits=rules(errors=1, recipients=2)) as (rig, receptions):
        client = await rig.greeted()
        await client.ask(b"MAIL FROM:<>\r\n")
        receptions.answer = Reply(550, "5.1.1", "No such")
        for _ in range(5):
            assert await client.ask(b"RCPT TO:<no@x>\r\n") == "550 5.1.1 No such"
        assert (await client.ask(b"DATA\r\n")).startswith("554 5.5.1 ")
        receptions.answer = TAKEN
        assert await client.ask(b"RCPT TO:<a@x>\r\n") == "250 2.1.5 Ok"
        assert (await client.ask(b"DATA\r\n")).startswith("354 ")
        assert (await client.ask(b"\r\n.\r\n")).startswith("250 ")
        (mail,) = rig.desk.mails
        assert [recipient.address.raw for recipient in mail.envelope.recipients] == ["a@x"]


async def test_a_gate_that_fails_is_451_and_the_session_goes_on() -> None:
    async with open_proxy() as (rig, receptions):
        client = await rig.greeted()
        await client.ask(b"MAIL FROM:<>\r\n")
        receptions.answer = RuntimeError("secret")
        reply = await client.ask(b"RCPT TO:<a@x>\r\n")
        assert reply.startswith("451 4.3.0 Temporary processing failure (") and "secret" not in reply
        assert rig.log.named("bug")
        assert (await client.ask(b"NOOP\r\n")).startswith("250 ")


@pytest.mark.fault("H8")
@pytest.mark.parametrize("end", [Client.close, Client.reset, Client.half_close])
async def test_a_client_that_goes_in_the_middle_has_its_reception_ended(
    end: Callable[[Client], None],
) -> None:
    async with open_proxy() as (rig, receptions):
        client = await rig.greeted()
        await client.send(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n")
        await client.reply()
        await client.reply()
        end(client)
        await until(lambda: receptions.ended == 1)


async def test_each_mail_of_a_session_has_its_own_trace_and_reception() -> None:
    async with open_proxy() as (rig, receptions):
        client = await rig.greeted()
        for _ in range(3):
            await client.begin_data()
            assert (await client.ask(b"\r\n.\r\n")).startswith("250 ")
        assert receptions.begun == 3
        assert len({mail.trace for mail in rig.desk.mails}) == 3
