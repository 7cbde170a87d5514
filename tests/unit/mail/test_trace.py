"""The Received line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.trace import count_own, received_line

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEER = Session(door="filter", peer="127.0.0.1", helo="mx.example.org")


def line(session: Session = PEER, instance: str = "inst-1") -> bytes:
    return received_line(
        session, hostname="filter.example.org", version="1.0", instance=instance, trace="7QF3T0A1B2", at=AT
    )


def test_it_says_who_whence_how_and_when_and_for_nobody() -> None:
    assert line() == (
        b"Received: from mx.example.org ([127.0.0.1])\r\n"
        b"\tby filter.example.org (lamsonproxy/1.0 inst-1) with ESMTP id 7QF3T0A1B2;\r\n"
        b"\tSun, 01 Mar 2026 12:00:00 +0000\r\n"
    )


@pytest.mark.parametrize(("helo", "peer"), [("", ""), ("", "127.0.0.1"), ("mx", "")])
def test_what_is_not_known_is_unknown(helo: str, peer: str) -> None:
    assert b"unknown" in line(Session(door="filter", peer=peer, helo=helo))


@pytest.mark.parametrize(
    ("peer", "literal"), [("2001:db8::1", b"[IPv6:2001:db8::1]"), ("fe80::1%eth0", b"[IPv6:fe80::1]")]
)
def test_an_ipv6_peer_is_written_as_a_literal_of_its_kind(peer: str, literal: bytes) -> None:
    assert literal in line(Session(door="filter", peer=peer, helo="mx"))


def test_a_unix_socket_has_no_address() -> None:
    assert b"from mx (unix socket)\r\n" in line(Session(door="lmtp", peer="/run/lamson/lmtp", helo="mx"))


@pytest.mark.fault("C6")
def test_an_instance_knows_its_own_lines_and_no_others() -> None:
    others = line(instance="inst-10") + b"Subject: (lamsonproxy/1.0 inst-2)\r\n"
    message = Message(line() + others + line() + b"\r\n" + line())
    assert (count_own(message, "inst-1"), count_own(message, "inst-10"), count_own(message, "i")) == (2, 1, 0)


@pytest.mark.fault("C4")
@given(st.text(), st.text())
def test_whatever_the_peer_said_it_is_one_field_of_printable_ascii(helo: str, peer: str) -> None:
    octets = line(Session(door="filter", peer=peer, helo=helo))
    assert Message(octets + b"Subject: x\r\n\r\n").received_count == 1
    assert len(Message(octets + b"\r\n").headers) == 1
    assert octets.count(b"\r\n") == 3 and octets.count(b"(") == octets.count(b")") == 2
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.isascii()
