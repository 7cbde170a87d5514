"""The port `Inquiry`: what holds for the real one over SMTP, and for its double."""

from dataclasses import replace

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.ports import Courier, Inquiry
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.contract.worlds import World
from tests.downstream import FakeCourier, ScriptedDownstream
from tests.relay_rig import SystemClock, envelope, soon

CONTENT = (b"Subject: hello\r\n\r\n.dot\r\n",)
BOB, CAROL, DAVE = (Recipient(Address(f"{name}@example.net")) for name in ("bob", "carol", "dave"))


def to(*recipients: Recipient, sender: str = "alice@example.org") -> Envelope:
    return replace(envelope(sender=sender), recipients=recipients)


async def asked(inquiry: Inquiry, *recipients: Recipient) -> list[int]:
    return [(await inquiry.ask(recipient, deadline=soon())).code for recipient in recipients]


async def delivered(inquiry: Inquiry, mail: Envelope) -> tuple[list[int], str]:
    async with inquiry.offer(mail, deadline=soon()) as offer:
        assert offer.refusal is None
        return [reply.code for reply in offer.recipients], str(await offer.deliver(CONTENT))


async def test_what_was_asked_about_one_by_one_is_delivered_to_all_at_once(world: World) -> None:
    inquiry = world.courier.inquiry(to())
    assert await asked(inquiry, BOB, CAROL) == [250, 250]
    codes, final = await delivered(inquiry, to(BOB, CAROL))
    await inquiry.end()
    assert (codes, final[:3]) == ([250, 250], "250")
    assert world.arrived() == [(2, CONTENT[0])]


async def test_a_refused_recipient_is_heard_at_once_and_may_be_left_out(world: World) -> None:
    world.answers({str(CAROL.address): "550 5.1.1 no such"})
    inquiry = world.courier.inquiry(to())
    assert await asked(inquiry, BOB, CAROL, DAVE) == [250, 550, 250]
    assert (await delivered(inquiry, to(BOB, DAVE)))[0] == [250, 250]
    await inquiry.end()
    assert world.arrived() == [(2, CONTENT[0])]


async def test_a_refused_recipient_may_stand_in_the_offer_with_its_reply(world: World) -> None:
    world.answers({str(CAROL.address): "450 4.2.1 later"})
    inquiry = world.courier.inquiry(to())
    await asked(inquiry, BOB, CAROL)
    assert (await delivered(inquiry, to(BOB, CAROL)))[0] == [250, 450]
    await inquiry.end()


@pytest.mark.parametrize(
    "other",
    [to(BOB), to(BOB, DAVE), to(BOB, CAROL, DAVE), to(BOB, CAROL, sender="bounces@example.org")],
    ids=["fewer", "others", "more", "another sender"],
)
async def test_an_offer_of_another_envelope_is_asked_anew(world: World, other: Envelope) -> None:
    inquiry = world.courier.inquiry(to())
    await asked(inquiry, BOB, CAROL)
    codes, final = await delivered(inquiry, other)
    await inquiry.end()
    assert (codes, final[:3]) == ([250] * len(other.recipients), "250")
    assert world.arrived() == [(len(other.recipients), CONTENT[0])]


async def test_what_is_refused_when_asked_anew_is_told(world: World) -> None:
    inquiry = world.courier.inquiry(to())
    await asked(inquiry, BOB, CAROL)
    world.answers({str(BOB.address): "550 5.1.1 no more"})
    async with inquiry.offer(to(BOB), deadline=soon()) as offer:
        assert [reply.code for reply in offer.recipients] == [550]
    await inquiry.end()
    assert world.arrived() == []


async def test_an_end_without_an_offer_leaves_nothing_and_mails_go_on(world: World) -> None:
    for _ in range(2):
        inquiry = world.courier.inquiry(to())
        await asked(inquiry, BOB, CAROL)
        await inquiry.end()
    await world.courier.inquiry(to()).end()
    assert world.arrived() == []
    inquiry = world.courier.inquiry(to())
    await asked(inquiry, BOB)
    await delivered(inquiry, to(BOB))
    await inquiry.end()
    assert world.arrived() == [(1, CONTENT[0])]


async def test_an_offer_of_which_nobody_was_asked_is_an_ordinary_one(world: World) -> None:
    inquiry = world.courier.inquiry(to())
    assert (await delivered(inquiry, to(BOB)))[0] == [250]
    await inquiry.end()


async def test_a_refused_sender_is_the_reply_to_every_recipient(world: World) -> None:
    world.answers({"MAIL": "552 5.3.4 too big"})
    inquiry = world.courier.inquiry(to())
    assert await asked(inquiry, BOB, CAROL) == [552, 552]
    await inquiry.end()
    assert world.arrived() == []


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("kind", ["smtp", "fake"])
async def test_a_failure_while_asking_is_the_failure_of_all_that_follows(kind: str) -> None:
    async with ScriptedDownstream("rcpt1", "rst") as script:
        fake = FakeCourier()
        fake.trouble = RemoteError("rcpt", "reset")
        smtp = SmtpCourier(RelaySettings(script.host, script.port, "relay.test"), SystemClock())
        courier: Courier = smtp if kind == "smtp" else fake
        inquiry = courier.inquiry(to())
        for recipient in BOB, CAROL:
            with pytest.raises(RemoteError, match="reset at rcpt"):
                await inquiry.ask(recipient, deadline=soon())
        with pytest.raises(RemoteError, match="reset at rcpt"):
            async with inquiry.offer(to(BOB), deadline=soon()):
                raise AssertionError("nobody is there")
        await inquiry.end()
