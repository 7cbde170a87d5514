"""Django's tables in the transaction of the mail: nothing of it is there before all of it is."""

import pytest
from tickets import straight as desk
from tickets.models import Message, Ticket

from lamsonproxy import App

DESK, DONE = "desk@help.example.org", "desk-done@help.example.org"
ALICE = "alice@example.com"


@pytest.fixture
def lamson_app():
    return App("tickets.straight", captures={"host": r"help\.example\.org", "done": "done"})


@pytest.fixture
def lamson_database(django_database):
    return f"sqlite:///{django_database}"


def test_django_finds_what_handlers_wrote(world):
    alice = world.correspondent(ALICE)
    alice.says("My chair is broken", to=DESK).hears("Ticket 1")
    alice.says("Thank you", to=DONE).hears("Ticket 1 is closed")
    ticket = Ticket.objects.get()
    assert (ticket.correspondent, ticket.is_open, ticket.messages.count()) == (ALICE, False, 2)
    assert all(message.received_at for message in Message.objects.all())


def test_of_a_mail_that_failed_django_finds_nothing(world, monkeypatch):
    alice = world.correspondent(ALICE)
    with monkeypatch.context() as patch:
        patch.delattr(desk, "WAITING")
        alice.says("My chair is broken", to=DESK).is_deferred()
    assert not Ticket.objects.exists()
    world.again()
    alice.hears("Ticket 1")
    assert Ticket.objects.get().messages.count() == 1
