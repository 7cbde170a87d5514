"""What a handler sees at RCPT."""

from dataclasses import replace

import pytest

from lamsonproxy.app.announced import announced
from lamsonproxy.mail.esmtp import NO_XFORWARD, parse_xforward
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction
from tests.relay_rig import envelope

XFORWARD = "NAME=[UNAVAILABLE] ADDR=192.0.2.7 PROTO=ESMTP HELO=client.example"
ENVELOPE = envelope(
    "bob@example.net NOTIFY=NEVER", sender="alice@example.org", params="SIZE=500 SMTPUTF8", xforward=XFORWARD
)
MAIL = Transaction("T1", Session("proxy", "127.0.0.1", helo="mx.test"), ENVELOPE, Message(b""))
SEEN = announced(MAIL, ENVELOPE.recipients[0], deadline=7.0)


def test_it_has_the_envelope_so_far() -> None:
    assert (str(SEEN.sender), str(SEEN.recipient), SEEN.deadline) == (
        "alice@example.org",
        "bob@example.net",
        7.0,
    )
    assert SEEN.params.get("SIZE") == "500"
    assert SEEN.recipient_params.get("NOTIFY") == "NEVER"


def test_the_client_is_the_one_before_postfix() -> None:
    assert (SEEN.client_address, SEEN.client_name, SEEN.client_helo) == ("192.0.2.7", "", "client.example")
    assert SEEN.xforward.get("PROTO") == "ESMTP"


def test_without_xforward_the_client_is_the_peer() -> None:
    bare = replace(SEEN, xforward=NO_XFORWARD)
    assert (bare.client_address, bare.client_name, bare.client_helo) == ("127.0.0.1", "", "mx.test")


@pytest.mark.parametrize("written", ["IPV6:2001:db8::7", "IPv6:2001:db8::7"])
def test_an_ipv6_address_has_no_prefix(written: str) -> None:
    six = replace(SEEN, xforward=parse_xforward(f"ADDR={written}"))
    assert six.client_address == "2001:db8::7"
