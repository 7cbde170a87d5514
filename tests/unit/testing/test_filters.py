"""The kit with an application that has no state, behind each kind of door."""

from typing import Literal

import pytest

from lamsonproxy import App
from lamsonproxy.config import Settings
from lamsonproxy.config.settings import Door
from lamsonproxy.testing.world import World

BOB, CAROL, NOBODY = "bob@example.net", "carol@example.net", "nobody@example.net"
RAW = b"From: Alice <alice@example.com>\nSubject: =?utf-8?q?S=C3=BCp?=\n\n.dot\n\xff\n"


@pytest.fixture
def lamson_app() -> App:
    return App("tests.unit.testing.apps.filtering", captures={"host": ".+"})


@pytest.fixture
def kind() -> str:
    return "filter"


@pytest.fixture
def lamson_settings(kind: Literal["filter", "lmtp", "proxy"]) -> Settings:
    return Settings(hostname="filter.example.org", door=(Door(kind=kind, name=kind),))


every_door = pytest.mark.parametrize("kind", ["filter", "lmtp", "proxy"])


@every_door
def test_mail_passes_with_what_the_handler_added_and_nothing_else(world: World) -> None:
    (reply,) = world.send("alice@example.com", BOB, raw=RAW)
    (letter,) = world.relayed
    assert reply.is_positive
    head, _, body = letter.raw.partition(b"\r\n\r\n")
    assert body == b".dot\r\n\xff\r\n"
    assert head.endswith(b"\r\nSubject: =?utf-8?q?S=C3=BCp?=\r\nX-Checked-By: lamsonproxy")
    assert (letter.envelope_sender, letter.recipients) == ("alice@example.com", (BOB,))
    assert world.correspondent(BOB).hears("Süp") is letter


@every_door
def test_who_is_refused_at_rcpt_is_no_recipient(world: World) -> None:
    refused, taken = world.send("alice@example.com", [NOBODY, BOB], subject="Soup?", text="Any?")
    assert (str(refused), taken.code) == ("550 5.1.1 Nobody lives here", 250)
    assert [letter.recipients for letter in world.sent] == [(BOB,)]
    world.correspondent("alice@example.com").says("Hello", to=NOBODY).is_refused(
        "nobody lives"
    ).hears_nothing()


@pytest.mark.parametrize(
    ("kind", "codes"), [("lmtp", [550, 250]), ("filter", [250, 250]), ("proxy", [250, 250])]
)
def test_each_door_has_its_own_answers(world: World, codes: list[int]) -> None:
    replies = world.send("alice@example.com", [BOB, CAROL], subject="spam", text="Buy!")
    assert [reply.code for reply in replies] == codes
    world.correspondent(CAROL).hears("Buy!")
    world.correspondent(BOB).hears_nothing()


def test_a_recipient_refused_beside_others_is_told_to_the_sender(world: World) -> None:
    alice = world.correspondent("alice@example.com")
    notice = alice.says("Buy!", to=[BOB, CAROL], subject="spam").hears("Bob wants no spam")
    assert (notice.envelope_sender, notice.was_relayed) == ("", False)
    (kept,) = world.quarantined
    assert kept.recipients == (BOB,)


def test_what_is_in_quarantine_can_be_read(world: World) -> None:
    world.send("alice@example.com", BOB, subject="odd", text="Look at this")
    (kept,) = world.quarantined
    assert (kept.reason, kept.subject, kept.text.strip()) == ("odd", "odd", "Look at this")
    assert not world.sent


def test_what_downstream_refuses_is_refused(world: World) -> None:
    world.downstream_says("550 5.2.1 Mailbox disabled", to="Bob@Example.NET")
    (reply,) = world.send("alice@example.com", BOB, text="Soup?")
    assert (reply.code, reply.status) == (550, "5.2.1")


def test_the_same_octets_again_are_another_mail(world: World) -> None:
    for _ in range(2):
        world.send("alice@example.com", BOB, raw=RAW)
    assert len(world.relayed) == 2


def test_who_has_no_database_is_told_so(world: World) -> None:
    world.later(days=1)
    with pytest.raises(AssertionError, match="has no database"), world.db():
        pass
