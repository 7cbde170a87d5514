"""What an inquiry says on the wire, and what becomes of its connection."""

import asyncio

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.envelope import Recipient
from tests.door_rig import until
from tests.downstream import RawSink, ScriptedDownstream
from tests.relay_rig import XFORWARD, courier_to, envelope, soon

CONTENT = (b"Subject: hello\r\n\r\n",)
MAIL = envelope("bob@example.net NOTIFY=NEVER", "carol@example.net", params="SIZE=500", xforward=XFORWARD)
BOB, CAROL = MAIL.recipients

ASKED = [
    b"XFORWARD " + XFORWARD.encode(),
    b"MAIL FROM:<alice@example.org> SIZE=500",
    b"RCPT TO:<bob@example.net> NOTIFY=NEVER",
    b"RCPT TO:<carol@example.net>",
]


async def test_each_command_is_said_once_with_its_parameters_and_data_last() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon())
        assert sink.sessions[0].commands[1:] == ASKED[:3]
        await inquiry.ask(CAROL, deadline=soon())
        assert sink.sessions[0].commands[1:] == ASKED
        async with inquiry.offer(MAIL, deadline=soon()) as offer:
            await offer.deliver(CONTENT)
        await inquiry.end()
        assert sink.sessions[0].commands[1:] == [*ASKED, b"DATA"]


async def test_another_envelope_is_asked_about_behind_rset_on_the_same_connection() -> None:
    async with RawSink() as sink, courier_to(sink, connections=1) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon())
        await inquiry.ask(CAROL, deadline=soon())
        fewer = envelope("carol@example.net", params="SIZE=500", xforward=XFORWARD)
        async with inquiry.offer(fewer, deadline=soon()) as offer:
            await offer.deliver(CONTENT)
        await inquiry.end()
        again = [b"RSET", *ASKED[:2], ASKED[3], b"DATA"]
        assert [session.commands[1:] for session in sink.sessions] == [[*ASKED, *again]]
        (mail,) = sink.mails
        assert mail.rcpts == (ASKED[3],)
        assert mail.xforward == (ASKED[0],)


async def test_what_is_not_delivered_is_reset_and_the_connection_kept() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        for _ in range(2):
            inquiry = courier.inquiry(MAIL)
            await inquiry.ask(BOB, deadline=soon())
            await inquiry.end()
        assert len(sink.sessions) == 1
        assert sink.sessions[0].commands[1:] == [*ASKED[:3], b"RSET"] * 2
        assert "0 busy and 1 idle" in repr(courier)


@pytest.mark.fault("2.2")
async def test_a_connection_that_ends_while_our_client_sends_its_mail_is_renewed_once() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon())
        assert inquiry._growing is not None
        client = inquiry._growing._client
        sink.disconnect()
        await until(lambda: not client.is_clean)
        mail = envelope("bob@example.net NOTIFY=NEVER", params="SIZE=500", xforward=XFORWARD)
        async with inquiry.offer(mail, deadline=soon()) as offer:
            assert (await offer.deliver(CONTENT)).code == 250
        await inquiry.end()
        assert [mail.rcpts for mail in sink.mails] == [(ASKED[2],)]
        assert "0 busy and 1 idle" in repr(courier)


@pytest.mark.fault("2.2")
async def test_a_downstream_that_is_gone_when_our_client_has_sent_its_mail_is_an_error() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon())
        await sink.stop()
        with pytest.raises(RemoteError, match="refused at connect"):
            async with inquiry.offer(MAIL, deadline=soon()):
                raise AssertionError("nobody is there")
        await inquiry.end()
        assert "0 busy and 0 idle" in repr(courier)


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("fault", ["timeout", "rst", "garbage", "421+close"])
async def test_a_connection_that_fails_at_a_later_recipient_is_never_kept(fault: str) -> None:
    async with ScriptedDownstream("rcpt_k", fault, k=2) as script, courier_to(script) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon())
        for recipient in CAROL, Recipient(BOB.address):
            with pytest.raises(RemoteError):
                await inquiry.ask(recipient, deadline=soon(0.3))
        with pytest.raises(RemoteError):
            async with inquiry.offer(MAIL, deadline=soon()):
                raise AssertionError("it has failed")
        await inquiry.end()
        assert "0 busy and 0 idle" in repr(courier)
        assert script.taken == []


async def test_each_recipient_has_its_own_limit_and_the_end_another() -> None:
    async with ScriptedDownstream("after_dot", "timeout") as script, courier_to(script) as courier:
        inquiry = courier.inquiry(MAIL)
        await inquiry.ask(BOB, deadline=soon(0.2))
        await inquiry.ask(CAROL, deadline=soon(5))
        with pytest.raises(RemoteError, match="timeout at end") as caught:
            async with inquiry.offer(MAIL, deadline=soon(0.3)) as offer:
                await offer.deliver(CONTENT)
        assert caught.value.ambiguous
        await inquiry.end()


async def test_a_stale_connection_is_renewed_at_the_first_recipient() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(MAIL, deadline=soon()) as offer:
            await offer.deliver(CONTENT)
        sink.disconnect()
        inquiry = courier.inquiry(MAIL)
        assert (await inquiry.ask(BOB, deadline=soon())).code == 250
        await inquiry.end()


@pytest.mark.parametrize("moment", ["asking", "asking anew"])
async def test_a_cancelled_task_leaves_no_connection_half_spoken(moment: str) -> None:
    stage = "rcpt1" if moment == "asking" else "rset"
    async with ScriptedDownstream(stage, "timeout") as script, courier_to(script) as courier:
        inquiry = courier.inquiry(MAIL)

        async def talk() -> None:
            await inquiry.ask(BOB, deadline=soon())
            async with inquiry.offer(envelope("dave@example.net"), deadline=soon()):
                raise AssertionError("it was never answered")

        task = asyncio.create_task(talk())
        await until(lambda: script.reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await inquiry.end()
        assert "0 busy and 0 idle" in repr(courier)
