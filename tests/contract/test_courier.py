"""The port `Courier`: what holds for the real one over SMTP, and for its double."""

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Courier
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.contract.worlds import World
from tests.downstream import FakeCourier, ScriptedDownstream
from tests.relay_rig import SystemClock, envelope, soon

CONTENT = (b"Received: from here\r\n", memoryview(b"Subject: hello\r\n\r\n.dot\r\n..\r\n"))
MESSAGE = b"Received: from here\r\nSubject: hello\r\n\r\n.dot\r\n..\r\n"

BOB, CAROL, DAVE = "bob@example.net", "carol@example.net", "dave@example.net"


async def outcome(world: World, mail: Envelope) -> tuple[list[int], str]:
    async with world.courier.offer(mail, deadline=soon()) as offer:
        assert offer.refusal is None
        return [reply.code for reply in offer.recipients], str(await offer.deliver(CONTENT))


async def test_a_mail_that_is_delivered_is_there_octet_for_octet(world: World) -> None:
    codes, final = await outcome(world, envelope(BOB, CAROL))
    assert codes == [250, 250]
    assert final.startswith("250 2.0.0 Ok: queued as ")
    assert world.arrived() == [(2, MESSAGE)]


async def test_an_offer_without_a_delivery_leaves_nothing(world: World) -> None:
    for recipients in ((BOB,), (BOB, CAROL)):
        async with world.courier.offer(envelope(*recipients), deadline=soon()) as offer:
            assert [reply.code for reply in offer.recipients] == [250] * len(recipients)
    assert world.arrived() == []


async def test_an_exception_within_the_offer_leaves_nothing_and_goes_on(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        async with world.courier.offer(envelope(BOB, CAROL), deadline=soon()):
            raise ZeroDivisionError
    assert world.arrived() == []


async def test_each_recipient_is_answered_in_envelope_order(world: World) -> None:
    world.answers({CAROL: "550 5.1.1 no such", DAVE: "450 4.2.1 later"})
    codes, final = await outcome(world, envelope(CAROL, BOB, DAVE))
    assert (codes, final[:3]) == ([550, 250, 450], "250")
    assert world.arrived() == [(1, MESSAGE)]


async def test_a_refused_sender_is_a_refusal_without_recipients(world: World) -> None:
    world.answers({"MAIL": "452 4.3.1 full"})
    async with world.courier.offer(envelope(BOB), deadline=soon()) as offer:
        assert (str(offer.refusal), list(offer.recipients)) == ("452 4.3.1 full", [])
        assert str(await offer.deliver(CONTENT)) == "452 4.3.1 full"
    assert world.arrived() == []


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "554 5.7.1 never"])
async def test_the_reply_to_the_final_dot_is_given_as_it_was_said(world: World, reply: str) -> None:
    world.answers({".": reply})
    assert await outcome(world, envelope(BOB)) == ([250], reply)
    assert world.arrived() == []


async def test_nothing_can_be_delivered_to_nobody(world: World) -> None:
    world.answers({BOB: "550 5.1.1 no such"})
    async with world.courier.offer(envelope(BOB), deadline=soon()) as offer:
        with pytest.raises(ValueError, match="no recipient"):
            await offer.deliver(CONTENT)
    assert world.arrived() == []


async def test_mails_follow_one_another_whatever_became_of_the_one_before(world: World) -> None:
    world.answers({CAROL: "550 5.1.1 no such"})
    for recipients in ((BOB,), (CAROL,), (BOB, CAROL)):
        async with world.courier.offer(envelope(*recipients), deadline=soon()) as offer:
            if BOB in recipients:
                assert (await offer.deliver(CONTENT)).code == 250
    assert world.arrived() == [(1, MESSAGE), (1, MESSAGE)]


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("kind", ["smtp", "fake"])
async def test_downstream_that_cannot_be_talked_to_is_a_remote_error_on_entering(kind: str) -> None:
    async with ScriptedDownstream("connect", "refused") as script:
        fake = FakeCourier()
        fake.trouble = RemoteError("connect", "refused")
        smtp = SmtpCourier(RelaySettings(script.host, script.port, "relay.test"), SystemClock())
        courier: Courier = smtp if kind == "smtp" else fake
        with pytest.raises(RemoteError, match="refused at connect") as caught:
            async with courier.offer(envelope(BOB), deadline=soon()):
                raise AssertionError("nobody is there")
    assert not caught.value.ambiguous


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("kind", ["smtp", "fake"])
async def test_a_connection_that_dies_behind_the_final_dot_is_ambiguous(kind: str) -> None:
    async with ScriptedDownstream("after_dot", "fin") as script:
        fake = FakeCourier()
        fake.trouble = RemoteError("end", "closed", ambiguous=True)
        smtp = SmtpCourier(RelaySettings(script.host, script.port, "relay.test"), SystemClock())
        courier: Courier = smtp if kind == "smtp" else fake
        with pytest.raises(RemoteError, match="closed at end") as caught:
            async with courier.offer(envelope(BOB), deadline=soon()) as offer:
                await offer.deliver(CONTENT)
    assert caught.value.ambiguous
