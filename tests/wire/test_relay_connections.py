"""Connections: kept, renewed, given up, waited for."""

import asyncio
import contextlib
import resource
import subprocess
import sys
from collections.abc import Callable

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.downstream import FAULTS, RawSink, ScriptedDownstream
from tests.relay_rig import SystemClock, courier_to, envelope, hand_over, soon

CONTENT = (b"Subject: hello\r\n\r\nbody\r\n",)
TWO = ("bob@example.net", "carol@example.net")


async def until(question: Callable[[], bool], limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while not question():  # noqa: ASYNC110  What is asked about has no event: it is at the other end.
            await asyncio.sleep(0.001)


async def test_mails_one_after_another_share_a_connection() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        for _ in range(10):
            await hand_over(courier, envelope(), CONTENT)
        assert "0 busy and 1 idle of 20" in repr(courier)
    assert [mail.session for mail in sink.mails] == [0] * 10


async def test_a_connection_carries_so_many_mails_and_no_more() -> None:
    async with RawSink() as sink, courier_to(sink, mails_per_connection=3) as courier:
        for _ in range(7):
            await hand_over(courier, envelope(), CONTENT)
    assert [mail.session for mail in sink.mails] == [0, 0, 0, 1, 1, 1, 2]
    assert all(session.commands[-1] == b"QUIT" for session in sink.sessions)


async def test_the_connection_used_last_is_taken_first() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()):
            await hand_over(courier, envelope(), CONTENT)
        await hand_over(courier, envelope(), CONTENT)
    assert [mail.session for mail in sink.mails] == [1, 0]


async def test_an_idle_connection_is_closed_with_a_quit() -> None:
    async with RawSink() as sink, courier_to(sink, idle_s=0.02) as courier:
        await hand_over(courier, envelope(), CONTENT)
        await until(lambda: "0 busy and 0 idle" in repr(courier))
        await until(lambda: sink.open_sessions == 0)
    assert sink.sessions[0].commands[-1] == b"QUIT"


async def test_closing_says_quit_on_each_connection_and_waits_for_the_end() -> None:
    async with RawSink() as sink:
        async with courier_to(sink) as courier:
            async with courier.offer(envelope(*TWO), deadline=soon()):
                await hand_over(courier, envelope(), CONTENT)
            assert "0 busy and 2 idle" in repr(courier)
        await until(lambda: sink.open_sessions == 0)
        with pytest.raises(RemoteError, match="closed at pool"):
            await hand_over(courier, envelope(), CONTENT)
    assert [session.commands[-1] for session in sink.sessions] == [b"QUIT", b"QUIT"]


async def test_a_mail_that_is_on_its_way_at_closing_time_arrives_and_its_connection_is_closed() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()) as offer:
            await courier.close()
            assert (await offer.deliver(CONTENT)).code == 250
        await until(lambda: sink.open_sessions == 0)


async def test_more_mails_than_connections_wait_for_one() -> None:
    async with RawSink() as sink, courier_to(sink, connections=3) as courier:
        replies = await asyncio.gather(*(hand_over(courier, envelope(*TWO), CONTENT) for _ in range(30)))
        assert "0 busy and 3 idle of 3, 0 waiting" in repr(courier)
    assert {reply.code for reply in replies} == {250}
    assert (len(sink.mails), len(sink.sessions)) == (30, 3)


async def test_waiting_for_a_connection_ends_at_the_deadline() -> None:
    async with RawSink() as sink, courier_to(sink, connections=1) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()):
            with pytest.raises(
                RemoteError, match=r"busy at pool: <Pool .*: 1 busy and 0 idle of 1, 0 waiting>"
            ):
                await hand_over(courier, envelope(), CONTENT, 0.02)
        assert (await hand_over(courier, envelope(), CONTENT)).code == 250


async def test_a_place_that_becomes_free_by_a_failure_goes_to_the_next_who_waits() -> None:
    async with RawSink() as sink, courier_to(sink, connections=1) as courier:
        with pytest.raises(ZeroDivisionError):
            async with courier.offer(envelope(*TWO), deadline=soon()):
                waiting = asyncio.create_task(hand_over(courier, envelope(), CONTENT))
                await until(lambda: "1 waiting" in repr(courier))
                raise ZeroDivisionError
        assert (await waiting).code == 250
        assert "0 busy and 1 idle of 1, 0 waiting" in repr(courier)


async def test_a_connection_handed_to_a_task_that_was_cancelled_goes_to_the_next() -> None:
    async with RawSink() as sink, courier_to(sink, connections=1) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()) as offer:
            first, second = (asyncio.create_task(hand_over(courier, envelope(), CONTENT)) for _ in range(2))
            await until(lambda: "2 waiting" in repr(courier))
            await offer.deliver(CONTENT)
        first.cancel()
        assert (await second).code == 250
        assert "0 busy and 1 idle of 1, 0 waiting" in repr(courier)
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("fault", ["421+close", "rst", "fin"])
@pytest.mark.parametrize(("stage", "xforward"), [("mail", ""), ("xforward", "IDENT=4F0")])
async def test_a_kept_connection_that_has_died_is_renewed_without_anybody_noticing(
    stage: str, xforward: str, fault: str
) -> None:
    mail = envelope(xforward=xforward)
    async with (
        ScriptedDownstream(stage, fault, from_mail=2, connections=1) as script,
        courier_to(script) as courier,
    ):
        for _ in range(3):
            assert (await hand_over(courier, mail, CONTENT)).code == 250
        assert "0 busy and 1 idle" in repr(courier)
    assert (len(script.taken), script.accepted) == (3, 2)


@pytest.mark.fault("2.2")
async def test_connections_that_were_closed_while_idle_are_not_used_again() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()):
            await hand_over(courier, envelope(), CONTENT)
        sink.disconnect()
        assert (await hand_over(courier, envelope(), CONTENT)).code == 250
        await until(lambda: "0 busy and 1 idle" in repr(courier))
    assert [mail.session for mail in sink.mails] == [1, 2]


@pytest.mark.fault("2.2")
async def test_a_kept_connection_is_renewed_once_and_no_more() -> None:
    async with ScriptedDownstream("mail", "421+close", from_mail=2) as script, courier_to(script) as courier:
        await hand_over(courier, envelope(), CONTENT)
        script.from_mail = 1
        with pytest.raises(RemoteError, match="closed at mail: 421"):
            await hand_over(courier, envelope(), CONTENT)
    assert script.accepted == 2


@pytest.mark.fault("2.2")
async def test_a_421_on_a_new_connection_is_not_tried_again() -> None:
    async with ScriptedDownstream("mail", "421+close") as script, courier_to(script) as courier:
        with pytest.raises(RemoteError, match="closed at mail: 421"):
            await hand_over(courier, envelope(), CONTENT)
    assert script.accepted == 1


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("stage", ["rcpt1", "data", "mid_body", "after_dot"])
async def test_a_kept_connection_that_dies_later_is_never_tried_again(stage: str) -> None:
    async with (
        ScriptedDownstream(stage, "rst", from_mail=2, connections=1) as script,
        courier_to(script) as courier,
    ):
        await hand_over(courier, envelope(), CONTENT)
        with pytest.raises(RemoteError) as caught:
            await hand_over(courier, envelope(), (b"x" * 78 + b"\r\n",) * 100_000)
        assert caught.value.ambiguous == (stage == "after_dot")
    assert script.accepted == 1


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("stage", ["banner", "ehlo", "mail", "rcpt1", "data", "mid_body", "after_dot"])
async def test_a_cancelled_mail_leaves_no_connection_behind(stage: str) -> None:
    async with ScriptedDownstream(stage, "timeout", connections=1) as script, courier_to(script) as courier:
        content = (b"x" * 78 + b"\r\n",) * 200_000
        task = asyncio.create_task(hand_over(courier, envelope(*TWO), content, 30))
        await until(lambda: script.reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "0 busy and 0 idle" in repr(courier)
        assert (await hand_over(courier, envelope(), CONTENT)).code == 250


async def test_cancelled_at_any_moment_a_mail_is_there_whole_or_not_at_all() -> None:
    async with RawSink() as sink, courier_to(sink, connections=2) as courier:
        for turns in range(40):
            task = asyncio.create_task(hand_over(courier, envelope(*TWO), CONTENT))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert "0 busy" in repr(courier)
            assert (await hand_over(courier, envelope(), CONTENT)).code == 250
    assert {mail.wire for mail in sink.mails} == {b"".join(CONTENT)}


async def test_downstream_that_cannot_be_reached_is_told_by_the_probe() -> None:
    async with ScriptedDownstream("connect", "refused") as script, courier_to(script) as courier:
        with pytest.raises(RemoteError, match="refused at connect"):
            await courier.probe(deadline=soon())


_SEND_25_MB = """
import asyncio, resource, sys
from tests.relay_rig import SystemClock, envelope, hand_over
from lamsonproxy.relay import RelaySettings, SmtpCourier

async def send():
    courier = SmtpCourier(RelaySettings("127.0.0.1", int(sys.argv[1]), "relay.test"), SystemClock())
    await hand_over(courier, envelope(), (b"warm up\\r\\n",))
    content = b"\\r\\n" * (25 * 1024 * 1024 // 2)
    before = resource.getrusage(resource.RUSAGE_SELF)
    await hand_over(courier, envelope(), (b"Received: x\\r\\n", content), 60)
    after = resource.getrusage(resource.RUSAGE_SELF)
    await courier.close()
    print(after.ru_maxrss - before.ru_maxrss)

asyncio.run(send())
"""


def test_25_megabytes_are_sent_without_a_second_copy_of_them() -> None:
    with RawSink.threaded() as sink:
        child = subprocess.run(
            [sys.executable, "-c", _SEND_25_MB, str(sink.port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10)),
        )
        assert len(sink.mails[-1].wire) > 25 * 1024 * 1024
    assert int(child.stdout) < 6 * 1024, "KiB above what was there before the mail was sent"


async def test_the_deadline_is_a_time_of_the_couriers_own_clock() -> None:
    class StoppedClock(SystemClock):
        def monotonic(self) -> float:
            return 1000.0

    async with ScriptedDownstream("mail", "timeout") as script:
        courier = SmtpCourier(RelaySettings(script.host, script.port, "relay.test"), StoppedClock())
        with pytest.raises(RemoteError, match="timeout at mail"):
            async with courier.offer(envelope(), deadline=1000.05):
                raise AssertionError("nobody answered")


@pytest.mark.fault("2.2")
async def test_a_connection_that_dies_between_354_and_the_content_is_not_ambiguous() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(), deadline=soon()) as offer:
            sink.disconnect()
            await until(lambda: not offer._client.is_connected)
            with pytest.raises(RemoteError) as caught:
                await offer.deliver(CONTENT)
        assert not caught.value.ambiguous


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("fault", FAULTS)
async def test_trouble_while_an_offer_is_undone_costs_the_connection_and_nothing_else(fault: str) -> None:
    async with ScriptedDownstream("rset", fault) as script, courier_to(script, quit_s=0.02) as courier:
        async with courier.offer(envelope(*TWO), deadline=soon()) as offer:
            assert offer.refusal is None
        assert "0 busy and 0 idle" in repr(courier)
    assert script.taken == []


async def test_a_421_to_data_is_the_reply_and_the_end_of_the_connection() -> None:
    async with RawSink(answers={"DATA": "421 4.3.2 closing"}) as sink, courier_to(sink) as courier:
        assert str(await hand_over(courier, envelope(), CONTENT)) == "421 4.3.2 closing"
        assert str(await hand_over(courier, envelope(*TWO), CONTENT)) == "421 4.3.2 closing"
        assert "0 busy and 0 idle" in repr(courier)


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("lines", [1, 200_000])
async def test_a_250_counts_even_if_the_connection_ends_with_it(lines: int) -> None:
    answers = {".": "250 2.0.0 Ok: queued as LAST\r\n421 4.3.2 closing"}
    async with RawSink(answers=answers) as sink, courier_to(sink) as courier:
        reply = await hand_over(courier, envelope(), (b"x" * 78 + b"\r\n",) * lines)
        assert str(reply) == "250 2.0.0 Ok: queued as LAST"
        assert "0 busy and 0 idle" in repr(courier)


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("reply", ["221 2.0.0 bye", "354 go ahead", "300 what"])
async def test_what_does_not_say_that_the_mail_was_taken_is_not_taken_for_it(reply: str) -> None:
    async with RawSink(answers={".": reply}) as sink, courier_to(sink) as courier:
        with pytest.raises(RemoteError, match="garbage at end") as caught:
            await hand_over(courier, envelope(), CONTENT)
    assert caught.value.ambiguous
