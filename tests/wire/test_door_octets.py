"""Octets: whatever is sent as DATA arrives as the bare-LF rule makes it, whatever is sent as a session is answered, and
nothing but CRLF.CRLF ends a mail (failures.md 2.6 S1 to S5; design law 2).

Topology C is a client, the door, the engine, the courier and a sink that keeps octets; no Postfix.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamsonproxy.engine import DoorPolicy
from lamsonproxy.mail.wire import BareCr, BareNewline
from lamsonproxy.service.desks import EngineDesk
from tests.door_rig import MAIL, Rig, open_rig, rules, until
from tests.doubles import RecordingDesk
from tests.downstream import RawSink
from tests.engine_rig import Rig as EngineRig
from tests.relay_rig import SystemClock, courier_to

EXAMPLES = 5000 if os.environ.get("SOAK") else 150
QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=EXAMPLES)

# What one server or another was found to take for the end of a mail (CVE-2023-51764 and its kin).
ENDS = (
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n\n.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\r.\r\r",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\n..\r\n",
)
SMUGGLED = b"MAIL FROM:<admin@example.com>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nNobody sent this.\r\n"
REPLY_LINE = re.compile(rb"[2-5][0-9][0-9][ -][\x20-\x7e]*")


def canonical(content: bytes) -> bytes:
    return re.sub(rb"(?<!\r)\n", b"\r\n", content)


def stuffed(content: bytes) -> bytes:
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", content)


def with_last_line_ended(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


@contextmanager
def served(**changed: Any) -> Iterator[tuple[asyncio.Runner, Rig]]:
    """A door for the many examples of one test."""
    with asyncio.Runner() as runner:
        opened = open_rig(**changed)
        rig = runner.run(opened.__aenter__())
        yield runner, rig
        runner.run(opened.__aexit__(None, None, None))


# -- any octets ----------------------------------------------------------------------------------------------


def test_any_octets_sent_as_data_arrive_as_the_bare_lf_rule_makes_them() -> None:
    """However the stream is cut."""

    async def send(rig: Rig, content: bytes, cuts: list[int]) -> bytes:
        client = await rig.greeted()
        octets = MAIL + stuffed(content) + b".\r\nQUIT\r\n"
        for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True):
            await client.send(octets[a:b])
            await asyncio.sleep(0)
        assert (await client.rest()).endswith(b"250 2.0.0 Ok: taken\r\n221 2.0.0 Bye\r\n")
        client.close()
        return rig.desk.mails.pop().message.raw

    with served() as (runner, rig):

        @QUIET
        @given(st.binary(max_size=300).map(with_last_line_ended), st.lists(st.integers(0, 80), max_size=4))
        def arrives(content: bytes, cuts: list[int]) -> None:
            assert runner.run(send(rig, content, sorted(cuts))) == canonical(content)

        arrives()
        rig.desk.ended = 0


@pytest.mark.fault("S5")
def test_any_octets_thrown_at_the_door_are_answered_or_end_the_session(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = [
        b"EHLO x",
        b"MAIL FROM:<>",
        b"RCPT TO:<a@b>",
        b"DATA",
        b".",
        b"QUIT",
        b"RSET",
        b"XFORWARD NAME=a",
    ]
    lines = st.sampled_from(words).map(lambda word: word + b"\r\n")
    session = st.lists(st.one_of(lines, st.binary(max_size=40)), max_size=12).map(b"".join)

    async def throw(rig: Rig, octets: bytes) -> bytes:
        client = await rig.connect()
        await client.send(octets)
        client.half_close()
        said = await client.rest()
        client.close()
        return said

    with served() as (runner, rig):

        @QUIET
        @given(session)
        def is_answered(octets: bytes) -> None:
            lines = runner.run(throw(rig, octets)).split(b"\r\n")
            assert lines[0].startswith(b"220 ") and lines[-1] == b""
            assert all(REPLY_LINE.fullmatch(line) for line in lines[:-1])
            assert rig.complaints == [] and rig.log.named("bug") == []

        is_answered()
        assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


# -- nothing else ends a mail --------------------------------------------------------------------------------


@pytest.mark.fault("S1")
@pytest.mark.parametrize("end", ENDS, ids=repr)
async def test_what_only_looks_like_an_end_of_data_is_content(end: bytes) -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.send(MAIL + b"first" + end + SMUGGLED + b".\r\nQUIT\r\n")
        await client.rest()
        (mail,) = rig.desk.mails
        assert [recipient.address.raw for recipient in mail.envelope.recipients] == ["b@example.net"]
        unstuffed = (end + SMUGGLED).replace(b"\r\n.", b"\r\n")
        assert mail.message.raw == canonical(b"first" + unstuffed)


@pytest.mark.fault("S1")
@pytest.mark.parametrize("end", ENDS, ids=repr)
async def test_no_smuggled_mail_reaches_a_sink_that_keeps_to_the_rfc(end: bytes) -> None:
    async with RawSink() as sink, topology_c(sink) as rig:
        await _smuggle(rig, end)
        assert [mail.rcpts for mail in sink.mails] == [(b"RCPT TO:<b@example.net>",)]


@pytest.mark.fault("S1")
@pytest.mark.parametrize("end", [end for end in ENDS if b"\x00" not in end], ids=repr)
async def test_no_smuggled_mail_reaches_even_a_careless_sink_when_lone_crs_are_replaced(end: bytes) -> None:
    """A lone CR that is kept is for downstream to judge: to stuff a dot behind it would change the mail."""
    async with RawSink(lenient=True) as sink, topology_c(sink, bare_cr=BareCr.REPLACE) as rig:
        await _smuggle(rig, end)
        assert [mail.rcpts for mail in sink.mails] == [(b"RCPT TO:<b@example.net>",)]


@pytest.mark.fault("S2")
@pytest.mark.parametrize(
    ("setting", "content", "reply"),
    [
        ({"bare_newline": BareNewline.REJECT}, b"a\nb\r\n", "554 5.6.0 Message has a bare LF"),
        ({"bare_cr": BareCr.REJECT}, b"a\rb\r\n", "554 5.6.0 Message has a bare CR"),
    ],
)
async def test_a_rejected_line_end_is_554_and_the_session_goes_on(
    setting: dict[str, Any], content: bytes, reply: str
) -> None:
    async with open_rig(**setting) as rig:
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(content + b".\r\n")).startswith(reply)
        await client.begin_data()
        assert await client.ask(b"fine\r\n.\r\n") == "250 2.0.0 Ok: taken"
        assert rig.desk.begun == 1


@pytest.mark.fault("S2")
async def test_nul_and_eight_bit_octets_and_a_lone_cr_are_kept() -> None:
    content = bytes(range(256)).replace(b"\n", b"\r\n") * 4 + b"\r\n"
    async with RawSink() as sink, topology_c(sink) as rig:
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(stuffed(content) + b".\r\n")).startswith("250 ")
        assert sink.mails[0].content == content


# -- long, and too long --------------------------------------------------------------------------------------


@pytest.mark.fault("S4")
@pytest.mark.parametrize("length", [999, 1001, 65_536, 262_143, 262_144, 5_000_000])
async def test_a_line_of_any_length_arrives_as_it_was(length: int) -> None:
    content = b"Subject: long\r\n\r\n" + b"x" * length + b"\r\n"
    async with RawSink() as sink, topology_c(sink) as rig:
        client = await rig.greeted()
        await client.begin_data()
        assert (await client.ask(content + b".\r\n")).startswith("250 ")
        assert sink.mails[0].content == content


@pytest.mark.fault("S8")
async def test_a_mail_that_grows_too_big_is_552_at_its_end_and_holds_nothing_meanwhile() -> None:
    async with open_rig(limits=rules(size_limit=100_000)) as rig:
        client = await rig.greeted()
        await client.begin_data()
        await client.send(b"x" * 1_000_000)
        await until(lambda: rig.budget.used == 0)
        assert await client.ask(b"\r\n.\r\n") == "552 5.3.4 Message too big"
        assert rig.desk.begun == 0
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 Ok"


@pytest.mark.fault("S3")
async def test_a_command_of_a_hundred_kilobytes_is_500_and_the_session_goes_on() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        assert (
            await client.ask(b"MAIL FROM:<" + b"a" * 100_000 + b">\r\n") == "500 5.5.2 Command line too long"
        )
        assert await client.ask(b"NOOP\r\n") == "250 2.0.0 Ok"


@pytest.mark.fault("S3")
async def test_a_command_that_never_ends_ends_the_session() -> None:
    async with open_rig() as rig:
        client = await rig.greeted()
        with pytest.raises(ConnectionError):
            while True:
                await client.send(b"x" * 65_536)
        await until(lambda: not rig.door.sessions)
        assert [told["reason"] for told in rig.log.named("refused_session")] == ["flood"]


@pytest.mark.fault("S9")
async def test_a_thousand_recipients_in_one_segment_are_taken_and_the_next_one_is_452() -> None:
    rcpts = b"".join(b"RCPT TO:<u%d@example.net>\r\n" % n for n in range(1001))
    async with open_rig() as rig:
        client = await rig.greeted()
        await client.send(b"MAIL FROM:<>\r\n" + rcpts + b"DATA\r\n.\r\nQUIT\r\n")
        said = (await client.rest()).split(b"\r\n")
        assert said.count(b"250 2.1.5 Ok") == 1000
        assert said.count(b"452 4.5.3 Too many recipients") == 1
        assert len(rig.desk.mails[0].envelope.recipients) == 1000


@asynccontextmanager
async def topology_c(sink: RawSink, **changed: Any) -> AsyncIterator[Rig]:
    """A door with a whole engine and a real courier behind it."""
    async with courier_to(sink) as courier:
        engine = EngineRig(courier=courier, clock=SystemClock()).engine
        desk = RecordingDesk(behind=EngineDesk(engine, DoorPolicy(trace_header=False)).settle)
        async with open_rig(desk=desk, **changed) as rig:
            yield rig


async def _smuggle(rig: Rig, end: bytes) -> None:
    client = await rig.greeted()
    await client.send(MAIL + b"first" + end + SMUGGLED + b".\r\nQUIT\r\n")
    assert b"221 2.0.0 Bye\r\n" in await client.rest()
