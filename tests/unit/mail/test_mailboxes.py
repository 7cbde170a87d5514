import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import Mailbox, write_mailboxes
from lamsonproxy.mail.mailboxes import MAILBOXES_LIMIT, first_address, read_mailboxes


def _read(value: str) -> list[tuple[str, str]]:
    return [(each.name, each.address.raw) for each in read_mailboxes(value.encode(), Defects())]


@pytest.mark.parametrize(
    ("value", "mailboxes"),
    [
        (" a@example.com", [("", "a@example.com")]),
        (" Ann Lee <a@example.com>, <b@example.com>", [("Ann Lee", "a@example.com"), ("", "b@example.com")]),
        (' "Lee, Ann" <a@example.com>', [("Lee, Ann", "a@example.com")]),
        (r' "a \"b\" c" <a@example.com>', [('a "b" c', "a@example.com")]),
        (' "b@example.net" <a@example.com>', [("b@example.net", "a@example.com")]),
        (" a@example.com (Ann)", [("Ann", "a@example.com")]),
        (" Ann (the (other) one) <a@example.com>", [("Ann", "a@example.com")]),
        (" cooks: a@example.com, Ben <b@example.com>;, c@example.com",
         [("", "a@example.com"), ("Ben", "b@example.com"), ("", "c@example.com")]),
        (" undisclosed-recipients:;", []),
        (" =?utf-8?q?J=C3=BCrgen?=\r\n <j@example.com>", [("Jürgen", "j@example.com")]),
        (" Jürgen <jürgen@bücher.example>", [("Jürgen", "jürgen@bücher.example")]),
        (' "a b"@example.com', [("", '"a b"@example.com')]),
        (' "a b"@[IPv6:::1], c@[IPv6:::1]', [("", '"a b"@[IPv6:::1]'), ("", "c@[IPv6:::1]")]),
        (' Ann <"<a>"@example.com>, <"b@x>', [("Ann", '"<a>"@example.com'), ("", '"b@x')]),
        (" <@route.example:a@example.com>", [("", "@route.example:a@example.com")]),
        (" <a\0b@example.com>, \0@x", [("", "a b@example.com")]),
        ("", []),
        (" nobody", []),
        (" ,,;:,", []),
    ],
)  # fmt: skip
def test_mailboxes_are_read(value: str, mailboxes: list[tuple[str, str]]) -> None:
    assert _read(value) == mailboxes


def test_too_many_mailboxes_are_not_all_read() -> None:
    notes = Defects()
    assert len(read_mailboxes(b"a@b," * 20_000, notes)) == MAILBOXES_LIMIT
    assert list(notes) == ["a header has too many addresses to be read whole"]


@pytest.mark.fault("C4")
@pytest.mark.parametrize("literal", ["[,b@x]", "[;]", "[<b@x>]", "[(]", '["]'])
def test_a_literal_that_a_reader_would_take_for_more_than_one_address_is_not_written(literal: str) -> None:
    with pytest.raises(ValueError, match="name of a domain"):
        write_mailboxes("To", [Mailbox(Address(f"a@{literal}"))])
    assert write_mailboxes("To", [Mailbox(Address("a@[IPv6:fe80::1]"))]).value == "a@[IPv6:fe80::1]"


def test_a_blank_beyond_ascii_in_a_local_part_is_quoted() -> None:
    address = Address('"a\xa0b"@example.com')
    (read,) = read_mailboxes(write_mailboxes("To", [Mailbox(address)]).raw_value, Defects())
    assert read.address == address


@given(st.binary(max_size=200) | st.text('"\\()<>,:;@ a=?').map(str.encode))
def test_any_octets_are_read(octets: bytes) -> None:
    for mailbox in read_mailboxes(octets, Defects()):
        assert not set("\r\n\0") & set(mailbox.name + mailbox.address.raw)
    assert not set("\r\n\0") & set(first_address(octets))
