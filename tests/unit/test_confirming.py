"""Confirmations on a real database: the engine and the store keep what `app/confirm.py` counts on."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from lamsonproxy import Mail, Reject
from lamsonproxy.app.confirm import Confirmation
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.state import tables
from tests.doubles import FakeClock
from tests.engine_rig import mail, state
from tests.unit.test_conversing import World

TAKEN = "250 2.0.0 Ok"
REFUSED = "550 5.7.1 That is not the code we sent you"
COOKS = "cooks@lists.example.org"
joining = Confirmation("join")


def asks(mail: Mail) -> object:
    joining.ask(mail)
    return hears


def hears(mail: Mail, secret: str) -> object:
    asked = joining.answered(mail, secret)
    if asked is None:
        return Reject("5.7.1", "That is not the code we sent you")
    mail.reply(text=f"You wrote: {asked.message.subject}")
    return posts


def posts(mail: Mail, **captures: str) -> None:
    mail.reply(text="It is you." if mail.is_confirmed else "Who are you?")


ROUTES = (
    state("cooks@.+", asks),
    state("cooks-confirm-(?P<secret>[0-9a-z]{32})@.+", hears, "hears"),
    state("cooks.*@.+", posts, "posts"),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "lamson.db", *ROUTES, clock=FakeClock())
    yield made
    await made.close()


def says(subject: str, to: str = COOKS, sender: str = "alice@example.com") -> Transaction:
    content = f"From: {sender}\r\nSubject: {subject}\r\n\r\n".encode()
    return mail(to, content=content, sender=sender)


def sent(world: World) -> list[str]:
    with world.looking() as connection:
        rows = connection.execute(select(tables.content.c.octets).order_by(tables.content.c.id)).scalars()
        return [octets.decode() for octets in rows]


async def asked_from(world: World) -> str:
    assert await world.settle(says("Let me in")) == TAKEN
    found = re.search(r"^From: (\S+)\r$", sent(world)[-1], re.MULTILINE)
    assert found
    return found[1]


async def test_who_answers_is_confirmed_and_what_he_asked_for_is_known(world: World) -> None:
    address = await asked_from(world)
    assert await world.settle(says("Yes", address)) == TAKEN
    assert "You wrote: Let me in" in sent(world)[-1]
    assert world.count(tables.confirmation) == 0
    assert await world.settle(says("Soup")) == TAKEN
    assert "It is you." in sent(world)[-1]


@pytest.mark.fault("C7")
async def test_a_wrong_code_is_refused_and_moves_nothing(world: World) -> None:
    address = await asked_from(world)
    wrong = re.sub("[0-9a-f]{32}", "0" * 32, address)
    assert await world.settle(says("Yes", wrong)) == REFUSED
    assert world.state(correspondent="alice@example.com") == "hears"
    assert await world.settle(says("Yes", address)) == TAKEN


@pytest.mark.fault("C7")
async def test_a_foreign_sender_with_the_right_code_is_refused_and_the_question_stays(world: World) -> None:
    address = await asked_from(world)
    for step in (says("Me too", sender="mallory@example.net"), says("Yes", address, "mallory@example.net")):
        answer = await world.settle(step)
    assert answer == REFUSED
    assert await world.settle(says("Yes", address)) == TAKEN


@pytest.mark.fault("C7")
async def test_a_code_is_refused_when_its_time_is_over(world: World) -> None:
    address = await asked_from(world)
    world.clock.advance(timedelta(days=8).total_seconds())
    assert await world.settle(says("Yes", address)) == REFUSED


@pytest.mark.fault("C7")
async def test_the_secret_is_not_in_the_row_of_its_question(world: World) -> None:
    secret = (await asked_from(world)).partition("-confirm-")[2].partition("@")[0]
    with world.looking() as connection:
        (row,) = connection.execute(select(tables.confirmation)).all()
    assert secret not in repr(row)


@pytest.mark.fault("C6")
async def test_who_writes_again_and_again_is_asked_twenty_times_an_hour(world: World) -> None:
    for n in range(25):
        await world.settle(says(f"Let me in, {n}", f"cooks@list{n}.example.org"))
        with world.looking() as connection:
            connection.exec_driver_sql("DELETE FROM lamson_conversation")
            connection.commit()
    assert len(sent(world)) == 20
    reasons = [told["reason"] for told in world.rig.log.named("reply_withheld")]
    assert reasons == ["too many within an hour"] * 5
