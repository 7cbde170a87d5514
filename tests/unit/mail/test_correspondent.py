"""By which name the application knows who wrote a mail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.correspondent import correspondent_of, known_as, reachable
from lamsonproxy.mail.message import Message

FROM_BOB = Message(b"From: Bob <Bob@Example.NET>\r\n\r\n")


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@EXAMPLE.com", "alice@example.com"),
        ("jörg@Bücher.example", "jörg@xn--bcher-kva.example"),
        ("jörg@xn--BCHER-kva.example", "jörg@xn--bcher-kva.example"),
        ("prvs=0123abcdef=Alice@example.com", "alice@example.com"),
        ("SRS0=HHHH=TT=Example.com=Alice@forwarder.example", "alice@example.com"),
        ("SRS0=HHHH=TT=example.com=prvs=0123abcdef=alice@forwarder.example", "alice@example.com"),
        ("@route.example:alice@example.com", "alice@example.com"),
        ('"Two Words"@example.com', '"two words"@example.com'),
        ("Postmaster", "postmaster"),
        ("alice@[127.0.0.1]", "alice@[127.0.0.1]"),
    ],
)
def test_the_correspondent_is_the_envelope_sender_whatever_hosts_made_of_it(sender: str, name: str) -> None:
    assert correspondent_of(Address(sender), FROM_BOB) == name


def test_the_correspondent_of_the_null_sender_is_who_stands_in_from() -> None:
    assert correspondent_of(NULL_SENDER, FROM_BOB) == "bob@example.net"


def test_a_bounce_without_from_has_no_correspondent() -> None:
    assert correspondent_of(NULL_SENDER, Message(b"Subject: x\r\n\r\n")) == ""


@pytest.mark.fault("C7")
@pytest.mark.parametrize(
    ("sender", "to"),
    [
        ("Alice@example.com", "Alice@example.com"),
        ("prvs=0123abcdef=alice@example.com", "prvs=0123abcdef=alice@example.com"),
        ("SRS0=HHHH=TT=example.com=alice@evil.example", "alice@example.com"),
        ("bounces+SRS=44ldt=IX=example.com=alice@evil.example", "alice@example.com"),
        ("", ""),
    ],
)
def test_an_answer_goes_to_the_correspondents_own_host(sender: str, to: str) -> None:
    assert reachable(Address(sender)) == Address(to)


@given(st.text(st.characters(codec="utf-8"), max_size=80) | st.binary(max_size=80))
def test_whatever_a_sender_is_has_a_name(given: str | bytes) -> None:
    raw = given if isinstance(given, str) else given.decode("utf-8", "surrogateescape")
    assert isinstance(known_as(Address(raw)), str)
