"""The help desk, as people see it, and what the web site finds. `world` is a fixture that lamsonproxy ships."""

from tickets import mail as desk
from tickets.models import Message, Ticket

DESK, DONE = "desk@help.example.org", "desk-done@help.example.org"
ALICE = "alice@example.com"


def tickets():
    return [(ticket.pk, ticket.is_open, ticket.messages.count()) for ticket in Ticket.objects.order_by("pk")]


def test_a_question_opens_a_ticket_and_its_number_is_the_answer(world):
    world.correspondent(ALICE).says("My chair is broken", to=DESK).hears("Ticket 1")
    assert tickets() == [(1, True, 1)]
    assert Message.objects.get().text.strip() == "My chair is broken"


def test_what_follows_goes_to_the_open_ticket_until_it_is_closed(world):
    alice = world.correspondent(ALICE)
    alice.says("My chair is broken", to=DESK).hears("Ticket 1")
    alice.says("Hello?", to=DESK).hears_nothing()
    alice.says("Thank you", to=DONE).hears("Ticket 1 is closed")
    alice.says("My table too", to=DESK).hears("Ticket 2")
    assert tickets() == [(1, False, 3), (2, True, 1)]


def test_everybody_has_a_ticket_of_their_own(world):
    world.correspondent(ALICE).says("My chair is broken", to=DESK).hears("Ticket 1")
    world.correspondent("bob@example.com").says("Mine too", to=DESK).hears("Ticket 2")


def test_a_mail_that_comes_again_is_filed_once_and_answered(world, monkeypatch):
    alice = world.correspondent(ALICE)
    with monkeypatch.context() as patch:
        patch.delattr(desk, "WAITING")  # so that START fails when Django has committed
        alice.says("My chair is broken", to=DESK).is_deferred()
    assert tickets() == [(1, True, 1)]
    assert world.state(ALICE, desk.START) == "START"
    assert not world.sent
    world.again()
    alice.hears("Ticket 1")
    assert tickets() == [(1, True, 1)]


def test_who_closes_again_does_not_close_what_was_opened_since(world, monkeypatch):
    alice = world.correspondent(ALICE)
    alice.says("My chair is broken", to=DESK).hears("Ticket 1")
    with monkeypatch.context() as patch:
        patch.delattr(desk, "START")
        alice.says("Thank you", to=DONE).is_deferred()
    Ticket.objects.create(correspondent=ALICE)
    world.again()
    alice.hears("Ticket 1 is closed")
    assert tickets() == [(1, False, 2), (2, True, 0)]


def test_a_bounce_opens_nothing(world):
    world.send("", DESK, text="I could not deliver your mail.")
    assert tickets() == []
