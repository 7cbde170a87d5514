"""What a correspondent writes, and what is said when nothing is heard."""

from collections.abc import Callable

import pytest

from lamsonproxy import App
from lamsonproxy.testing.correspondent import Correspondent
from lamsonproxy.testing.world import World
from tests.unit.testing.apps.guestbook import Base

BOOK = "guestbook@example.org"


@pytest.fixture
def lamson_app() -> App:
    return App("tests.unit.testing.apps.guestbook", captures={"host": r"example\.org"}, tables=Base)


@pytest.fixture
def alice(correspondent: Callable[[str], Correspondent]) -> Correspondent:
    return correspondent("Älice <alice@example.com>")


def test_the_same_address_is_the_same_correspondent(world: World, alice: Correspondent) -> None:
    assert world.correspondent("ALICE@Example.com") is alice
    assert repr(alice) == "<Correspondent alice@example.com>"


def test_a_mail_is_complete(world: World, alice: Correspondent) -> None:
    bob = world.correspondent("bob@example.net")
    alice.says("Grüße,\nAlice\n", to="bob@example.net", html="<b>Grüße</b>")
    letter = bob.hears("Grüße")
    assert letter.subject == "Grüße,"
    assert (letter.text.replace("\r", ""), letter.html.strip()) == ("Grüße,\nAlice\n", "<b>Grüße</b>")
    assert str(letter.message.mailboxes("From")[0].name) == "Älice"
    assert all(letter.headers.get(name) for name in ("Date", "Message-ID", "To", "MIME-Version"))


def test_an_answer_names_what_it_answers(world: World, alice: Correspondent) -> None:
    welcome = alice.says("Hello", to=BOOK).hears("welcome")
    alice.says("You are welcome", to=welcome.sender)
    alice.says("Hello, Bob", to="bob@example.net")
    own = welcome.headers.get("Message-ID")
    alice.says("See above", to=["bob@example.net", BOOK])
    plain, answer = world.relayed
    assert "In-Reply-To" not in plain.headers
    assert answer.headers.get("In-Reply-To") == own
    assert answer.headers.get("References").split()[-1] == own
    assert answer.subject == "Re: Welcome"


def test_a_test_may_write_any_header_and_sender(world: World, alice: Correspondent) -> None:
    bob = world.correspondent("bob@example.net")
    alice.says(
        "x",
        to="bob@example.net",
        headers={"subject": "Mine", "Auto-Submitted": "auto-replied"},
        sender="a@b.example",
    )
    letter = bob.hears("Mine")
    assert letter.headers.get_all("Subject") == ["Mine"]
    assert (letter.headers.get("Auto-Submitted"), letter.envelope_sender) == ("auto-replied", "a@b.example")


def test_letters_are_heard_once_and_in_any_order(alice: Correspondent, world: World) -> None:
    for text in ("one", "two"):
        world.send("bob@example.net", "alice@example.com", subject="Counting", text=text)
    assert alice.hears("two").text.strip() == "two"
    assert alice.hears("counting").text.strip() == "one"
    alice.hears_nothing()
    assert len(alice.letters) == 2


def test_whoever_hears_nothing_is_shown_replies_mailbox_and_log(alice: Correspondent) -> None:
    alice.says("Hello", to=BOOK)
    with pytest.raises(AssertionError) as caught:
        alice.says("burn", to=BOOK).hears("phoenix")
    told = str(caught.value)
    assert told.startswith(
        "alice@example.com has heard nothing with 'phoenix'.\nSaid to the last mail:\n  451 4.3.0"
    )
    assert "  Subject: Welcome\n" in told
    assert "RuntimeError: the guestbook is on fire" in told
    assert "guestbook.KNOWN" in told


def test_what_was_not_expected_is_told_in_a_sentence(alice: Correspondent) -> None:
    with pytest.raises(
        AssertionError, match=r"was not refused with 'spam'\.\nSaid to the last mail:\n  nothing"
    ):
        alice.is_refused("spam")
    alice.says("Hello", to=BOOK)
    with pytest.raises(AssertionError, match=r"was not deferred\."):
        alice.is_deferred()
    with pytest.raises(AssertionError, match=r"has heard something\.(.|\n)*Subject: Welcome"):
        alice.hears_nothing()


def test_a_long_letter_is_shown_in_part(world: World, alice: Correspondent) -> None:
    world.send("bob@example.net", "alice@example.com", subject="Long", text="line\n" * 100)
    shown = str(alice.hears("long")).splitlines()
    assert (shown[1], shown[-1], len(shown)) == ("Subject: Long", "...", 12)
