"""What the relay says on the wire, octet for octet."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamsonproxy.errors import AppError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.wire import BLOCK, canonical
from lamsonproxy.ports import Parts
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.downstream import RawSink
from tests.relay_rig import XFORWARD, SystemClock, courier_to, envelope, hand_over, soon

CONTENT = b"Subject: hello\r\n\r\nbody\r\n"


async def test_a_mail_for_one_goes_out_in_two_writes() -> None:
    mail = envelope(
        "bob@example.net ORCPT=rfc822;Bob@example.net", params="SIZE=24 ENVID=A+2BB", xforward=XFORWARD
    )
    async with RawSink() as sink, courier_to(sink) as courier:
        reply = await hand_over(courier, mail, (CONTENT,))
    assert str(reply) == "250 2.0.0 Ok: queued as S000000001"
    assert sink.sessions[0].blocks[0] == b"EHLO relay.test\r\n"
    assert (
        sink.sessions[0].blocks[1]
        == (
            f"XFORWARD {XFORWARD}\r\n"
            "MAIL FROM:<alice@example.org> SIZE=24 ENVID=A+2BB\r\n"
            "RCPT TO:<bob@example.net> ORCPT=rfc822;Bob@example.net\r\n"
            "DATA\r\n"
        ).encode()
    )
    assert sink.mails[0].wire == CONTENT


async def test_data_waits_for_the_answers_where_there_are_two_recipients() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope("bob@example.net", "carol@example.net"), (CONTENT,))
    assert sink.sessions[0].blocks[1].endswith(b"RCPT TO:<carol@example.net>\r\n")
    assert sink.sessions[0].blocks[2] == b"DATA\r\n"


async def test_without_pipelining_each_command_waits_for_its_answer() -> None:
    async with RawSink(without={"PIPELINING"}) as sink, courier_to(sink) as courier:
        await hand_over(
            courier, envelope("bob@example.net", "carol@example.net", xforward=XFORWARD), (CONTENT,)
        )
    blocks = sink.sessions[0].blocks[:6]
    assert [block.split()[0] for block in blocks] == [
        b"EHLO",
        b"XFORWARD",
        b"MAIL",
        b"RCPT",
        b"RCPT",
        b"DATA",
    ]
    assert all(block.count(b"\r\n") == 1 for block in blocks)


async def test_each_recipient_keeps_its_own_parameters() -> None:
    recipients = (
        "Bob+Tag@example.net NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2BTag@example.net",
        '"a b"@example.net NOTIFY=NEVER',
        "carol@example.net",
        "dürst@exämple.net XOORG=somebody",
    )
    mail = envelope(*recipients, sender="", params="BODY=8BITMIME SMTPUTF8 RET=HDRS")
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, mail, (CONTENT,))
    assert sink.mails[0].mail == b"MAIL FROM:<> BODY=8BITMIME SMTPUTF8 RET=HDRS"
    assert sink.mails[0].rcpts == (
        b"RCPT TO:<Bob+Tag@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Bob+2BTag@example.net",
        b'RCPT TO:<"a b"@example.net> NOTIFY=NEVER',
        b"RCPT TO:<carol@example.net>",
        "RCPT TO:<dürst@exämple.net> XOORG=somebody".encode(),
    )


async def test_octets_that_are_no_utf_8_go_on_in_an_address() -> None:
    address = b"b\xe9b@example.net".decode("utf-8", "surrogateescape")
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope(address), (CONTENT,))
    assert sink.mails[0].rcpts == (b"RCPT TO:<b\xe9b@example.net>",)


async def test_long_xforward_attributes_are_split_over_commands() -> None:
    name, helo = "n" * 255, "h" * 255
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope(xforward=f"NAME={name} HELO={helo} IDENT=4F0"), (CONTENT,))
    assert sink.mails[0].xforward == (
        f"XFORWARD NAME={name}".encode(),
        f"XFORWARD HELO={helo} IDENT=4F0".encode(),
    )


async def test_xforward_is_left_out_where_it_is_not_offered() -> None:
    async with RawSink(without={"XFORWARD"}) as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope(xforward=XFORWARD), (CONTENT,))
    assert sink.mails[0].xforward == ()


async def test_parameters_that_change_nothing_are_left_out_where_they_are_not_offered() -> None:
    mail = envelope(
        "bob@example.net NOTIFY=NEVER ORCPT=rfc822;b@example.net XOORG=x",
        params="SIZE=24 BODY=7BIT RET=FULL ENVID=x AUTH=<>",
    )
    async with RawSink(without={"SIZE", "DSN", "8BITMIME"}) as sink, courier_to(sink) as courier:
        await hand_over(courier, mail, (CONTENT,))
    assert sink.mails[0].mail == b"MAIL FROM:<alice@example.org> AUTH=<>"
    assert sink.mails[0].rcpts == (b"RCPT TO:<bob@example.net> XOORG=x",)


@pytest.mark.fault("2.2")
@pytest.mark.parametrize(
    ("lacking", "params", "remedy"),
    [
        ("SMTPUTF8", "SMTPUTF8", "smtputf8_enable"),
        ("8BITMIME", "BODY=8BITMIME", "smtpd_discard_ehlo_keywords"),
    ],
)
async def test_what_the_mail_needs_and_downstream_lacks_is_an_error_that_names_the_remedy(
    lacking: str, params: str, remedy: str
) -> None:
    async with RawSink(without={lacking}) as sink, courier_to(sink) as courier:
        with pytest.raises(RemoteError, match=remedy):
            await hand_over(courier, envelope(params=params), (CONTENT,))
        assert "0 busy and 1 idle" in repr(courier)
    assert sink.mails == []


async def test_an_address_with_a_line_break_never_becomes_a_command() -> None:
    address = Address("bob@example.net>\r\nRCPT TO:<eve@example.net")
    async with RawSink() as sink, courier_to(sink) as courier:
        with pytest.raises(AppError, match="control character"):
            await hand_over(courier, replace(envelope(), recipients=(Recipient(address),)), (CONTENT,))
    assert [command[:4] for command in sink.sessions[0].commands] == [b"EHLO", b"QUIT"]


@pytest.mark.fault("2.2")
async def test_a_thousand_recipients_are_each_answered() -> None:
    mail = envelope(*(f"r{n}@example.net ORCPT=rfc822;{'x' * 400}" for n in range(1000)))
    codes = [(250, 550, 450)[n % 3] for n in range(1000)]
    answers = {f"RCPT TO:<r{n}@": f"{code} said" for n, code in enumerate(codes) if code != 250}
    async with RawSink(answers=answers) as sink, courier_to(sink) as courier:
        async with courier.offer(mail, deadline=soon(30)) as offer:
            await offer.deliver((CONTENT,))
    assert [reply.code for reply in offer.recipients] == codes
    assert len(sink.mails[0].rcpts) == 334


@pytest.mark.parametrize("refused", ["MAIL", "RCPT"])
async def test_no_empty_mail_is_delivered_where_data_was_sent_along_and_nobody_took_it(refused: str) -> None:
    # A downstream that answers 354 although it has refused everything.
    answers = {refused: "550 5.7.1 no", "DATA": "354 go ahead"}
    async with RawSink(answers=answers) as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(), deadline=soon()) as offer:
            first = offer.refusal or offer.recipients[0]
        assert first.code == 550
        assert "0 busy and 0 idle" in repr(courier)
    assert sink.mails == []
    assert sink.sessions[0].commands[-1] == b"DATA"


async def test_a_refused_mail_says_so_and_the_connection_stays_good() -> None:
    async with RawSink(answers={"MAIL FROM:<no": "550 5.1.8 no"}) as sink, courier_to(sink) as courier:
        refused = await hand_over(courier, envelope(sender="no@example.org"), (CONTENT,))
        taken = await hand_over(courier, envelope(), (CONTENT,))
    assert (str(refused), taken.code, len(sink.sessions)) == ("550 5.1.8 no", 250, 1)
    assert sink.sessions[0].commands[4] == b"RSET"


async def test_an_offer_that_is_left_is_undone() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope("bob@example.net", "carol@example.net"), deadline=soon()):
            pass
        assert "0 busy and 1 idle" in repr(courier)
    assert sink.mails == []
    assert sink.sessions[0].commands[-2:] == [b"RSET", b"QUIT"]


async def test_an_offer_that_is_left_behind_354_ends_the_connection_without_a_dot() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        async with courier.offer(envelope(), deadline=soon()):
            pass
        assert "0 busy and 0 idle" in repr(courier)
    assert sink.mails == []
    assert sink.sessions[0].commands[-1] == b"DATA"


@pytest.mark.fault("2.2")
async def test_an_exception_within_the_offer_ends_the_connection_without_a_dot() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        with pytest.raises(ZeroDivisionError):
            async with courier.offer(envelope("bob@example.net", "carol@example.net"), deadline=soon()):
                raise ZeroDivisionError
        assert "0 busy and 0 idle" in repr(courier)
    assert sink.mails == []


async def test_content_that_does_not_end_its_line_still_ends() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope(), (b"Subject: x\r\n\r\n", b"no end"))
    assert sink.mails[0].wire == b"Subject: x\r\n\r\nno end\r\n"


async def test_a_mail_without_any_content_arrives() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        await hand_over(courier, envelope(), ())
    assert sink.mails[0].wire == b""


async def test_the_probe_says_ehlo_and_goes() -> None:
    async with RawSink() as sink, courier_to(sink) as courier:
        reply = await courier.probe(deadline=soon())
    assert reply.code == 250
    assert sink.sessions[0].commands == [b"EHLO relay.test", b"QUIT"]


class Line:
    """A courier and its sink that stay up for many mails."""

    def __init__(self, runner: asyncio.Runner, sink: RawSink, courier: SmtpCourier) -> None:
        self.runner, self.sink, self.courier = runner, sink, courier

    def carries(self, parts: Parts) -> bytes:
        """What arrives of this content; exactly one mail does."""
        self.sink.mails.clear()
        self.runner.run(hand_over(self.courier, envelope(), parts))
        (mail,) = self.sink.mails
        return mail.content


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    async def opened() -> SmtpCourier:
        return SmtpCourier(RelaySettings(sink.host, sink.port, "relay.test"), SystemClock())

    with RawSink.threaded() as sink, asyncio.Runner() as runner:
        courier = runner.run(opened())
        yield Line(runner, sink, courier)
        runner.run(courier.close())


_PIECES = st.sampled_from(
    [b".", b"..", b"\r\n", b"\n", b"\r", b"\0", b"a", b"\xff", b"\r\n.\r\n", b"\n.\n", b"\r.\r"]
)
_CONTENT = st.one_of(st.binary(), st.lists(_PIECES).map(b"".join))


@given(st.lists(_CONTENT, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_octets_arrive_as_they_were_given(line: Line, parts: list[bytes]) -> None:
    canonical_parts = [canonical(part) for part in parts]
    assert line.carries(canonical_parts) == b"".join(canonical_parts)


@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 2, 3 * BLOCK + 1])
@pytest.mark.parametrize("text", [b"\r\n", b".\r\n", b"\r\n.", b"..\r\n", b"\r"])
def test_nothing_happens_at_the_border_of_two_blocks(line: Line, text: bytes, size: int) -> None:
    content = canonical((text * size)[:size])
    assert line.carries([b"Received: x\r\n", memoryview(content)]) == b"Received: x\r\n" + content
