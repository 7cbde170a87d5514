"""From rewritten for a list: the author stays readable and reachable, and adds nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.dmarc_from import dmarc_safe_from
from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message

LIST = "cooks@lists.example.org"


def rewritten(head: bytes, via: str = LIST) -> Message:
    edits = Edits(Message(head + b"\r\n\r\nSoup?\r\n"))
    dmarc_safe_from(edits, via)
    left = b"".join(edits.content.parts())
    assert left.endswith(b"\r\n\r\nSoup?\r\n")
    return Message(left)


def boxes(message: Message, name: str) -> list[tuple[str, str]]:
    return [(box.name, box.address.raw) for box in message.mailboxes(name)]


@pytest.mark.parametrize(
    ("from_", "name", "author"),
    [
        (b"alice@example.com", "alice", ("", "alice@example.com")),
        (b"Alice <alice@example.com>", "Alice", ("Alice", "alice@example.com")),
        (b'"Soup, Alice" <alice@example.com>', "Soup, Alice", ("Soup, Alice", "alice@example.com")),
        (b"=?utf-8?q?Zo=C3=AB?= <zoe@example.com>", "Zoë", ("Zoë", "zoe@example.com")),
        ("Köchin <zoë@example.com>".encode(), "Köchin", ("Köchin", "zoë@example.com")),
    ],
)
def test_the_mail_is_from_the_list_and_answers_go_to_the_author(
    from_: bytes, name: str, author: tuple[str, str]
) -> None:
    message = rewritten(b"From: " + from_ + b"\r\nSubject: Soup")
    assert boxes(message, "From") == [(f"{name} via cooks", LIST)]
    assert boxes(message, "Reply-To") == [author]


def test_the_lists_own_name_is_used_where_it_has_one() -> None:
    message = rewritten(b"From: Alice <alice@example.com>", f"All Cooks <{LIST}>")
    assert boxes(message, "From") == [("Alice via All Cooks", LIST)]


def test_several_authors_are_all_named() -> None:
    message = rewritten(b"From: Alice <alice@example.com>, bob@example.net")
    assert boxes(message, "From") == [("Alice, bob via cooks", LIST)]
    assert boxes(message, "Reply-To") == [("Alice", "alice@example.com"), ("", "bob@example.net")]


def test_a_reply_to_that_is_there_stays() -> None:
    message = rewritten(b"From: alice@example.com\r\nReply-To: office@example.com")
    assert boxes(message, "Reply-To") == [("", "office@example.com")]


@pytest.mark.parametrize("head", [b"Subject: Soup", b"From:", b"From: nobody at all", b"From: <>"])
def test_mail_without_an_author_is_from_somebody(head: bytes) -> None:
    message = rewritten(head)
    assert boxes(message, "From") == [("Somebody via cooks", LIST)]
    assert "Reply-To" not in message.headers


def test_every_from_is_replaced() -> None:
    assert rewritten(b"From: alice@example.com\r\nFrom: eve@example.net").headers.count("From") == 1


@given(st.binary(max_size=200))
def test_whatever_stands_in_from_only_the_list_is_the_author(from_: bytes) -> None:
    octets = from_.replace(b"\r", b"").replace(b"\n", b"")
    message = rewritten(b"From: " + octets + b"\r\nSubject: Soup")
    assert [box.address.raw for box in message.mailboxes("From")] == [LIST]
    assert message.subject == "Soup"


def test_what_is_no_address_is_no_list() -> None:
    with pytest.raises(ValueError, match="an address is"):
        rewritten(b"From: alice@example.com", "cooks")
