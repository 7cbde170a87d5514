from dataclasses import replace

import pytest

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Xforward
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace

BOB = Recipient(Address("bob@example.org"))
ENVELOPE = Envelope(Address("a@example.com"), (BOB,), xforward=Xforward((("IDENT", "4Xyz"),)))
MAIL = Transaction("T1", Session("filter", "127.0.0.1"), ENVELOPE, Message(b"A: b\r\n\r\n"))


def test_a_retry_has_the_same_key_though_its_trace_and_port_differ() -> None:
    again = replace(
        MAIL, trace="T2", session=replace(MAIL.session, port=99), message=Message(b"A: b\r\n\r\n")
    )
    assert again.key(BOB) == MAIL.key(BOB)


@pytest.mark.parametrize(
    "other",
    [
        replace(MAIL, session=Session("lmtp", "127.0.0.1")),
        replace(MAIL, message=Message(b"A: c\r\n\r\n")),
        replace(MAIL, envelope=replace(ENVELOPE, sender=NULL_SENDER)),
        replace(MAIL, envelope=replace(ENVELOPE, xforward=Xforward((("IDENT", "4Xyzz"),)))),
    ],
)
def test_another_mail_has_another_key(other: Transaction) -> None:
    assert other.key(BOB) != MAIL.key(BOB)


def test_another_recipient_has_another_key() -> None:
    assert MAIL.key(Recipient(Address("Bob@example.org"))) != MAIL.key(BOB)


def test_words_of_a_key_do_not_run_into_each_other() -> None:
    def key(sender: str, recipient: str) -> str:
        mail = replace(MAIL, envelope=replace(ENVELOPE, sender=Address(sender)))
        return mail.key(Recipient(Address(recipient)))

    assert key("ab", "c") != key("a", "bc")


def test_a_key_is_made_of_octets_that_are_no_utf_8_too() -> None:
    assert len(MAIL.key(Recipient(Address("\udcff@example.org")))) == 64


FIRST = b"Received: by mx (Postfix);\r\n\tSun, 1 Mar 2026 12:00:00 +0000\r\n"
LATER = b"received : by mx (Postfix);\r\n\tSun, 1 Mar 2026 12:15:00 +0000 (UTC)\r\n"
BELOW = b"Received: by elsewhere\r\nA: b\r\n\r\nbody\r\n"


def before_the_queue(content: bytes) -> str:
    """The key of a mail that came with IDENT=[UNAVAILABLE]."""
    xforward = Xforward((("IDENT", "[UNAVAILABLE]"),))
    return replace(MAIL, envelope=replace(ENVELOPE, xforward=xforward), message=Message(content)).key(BOB)


def test_before_the_queue_a_retry_has_another_topmost_received_and_the_same_key() -> None:
    assert before_the_queue(FIRST + BELOW) == before_the_queue(LATER + BELOW)
    # What PREPEND puts in stands above it (access(5)).
    assert before_the_queue(b"X-Client: a\r\n" + FIRST + BELOW) == before_the_queue(FIRST + BELOW)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FIRST + BELOW, FIRST + BELOW.replace(b"elsewhere", b"nowhere")),
        (FIRST + BELOW, FIRST + BELOW.replace(b"body", b"Body")),
        (b"A: b\r\n\r\n", b"A: c\r\n\r\n"),
        (b"A: b\r\n\r\n" + FIRST, b"A: c\r\n\r\n" + FIRST),
    ],
    ids=["the second Received", "the body", "no Received", "a Received in the body"],
)
def test_before_the_queue_everything_below_the_topmost_received_counts(one: bytes, other: bytes) -> None:
    assert before_the_queue(one) != before_the_queue(other)


def test_behind_the_queue_every_octet_counts() -> None:
    keys = {replace(MAIL, message=Message(top + BELOW)).key(BOB) for top in (FIRST, LATER)}
    assert len(keys) == 2


def test_traces_are_ten_letters_and_not_the_same() -> None:
    traces = {new_trace() for _ in range(100)}
    assert len(traces) == 100
    assert all(
        len(trace) == 10 and not set(trace) - set("0123456789ABCDEFGHJKMNPQRSTVWXYZ") for trace in traces
    )
