import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import NULL_SENDER, Address, parse_path


@pytest.mark.parametrize(
    ("text", "raw", "rest"),
    [
        ("<>", "", ""),
        ("<a@example.com>", "a@example.com", ""),
        (" <a@example.com> SIZE=5", "a@example.com", "SIZE=5"),
        ("<Alice@Example.COM>", "Alice@Example.COM", ""),
        ('<"odd > local"@example.com> X', '"odd > local"@example.com', "X"),
        ('<"q\\"uoted"@example.com>', '"q\\"uoted"@example.com', ""),
        ("<@relay:a@example.com>", "@relay:a@example.com", ""),
        ("<postmaster>", "postmaster", ""),
        ("<a@[192.0.2.1]>", "a@[192.0.2.1]", ""),
        ("<jürgen@müller.example>", "jürgen@müller.example", ""),
        ("a@example.com SIZE=5", "a@example.com", "SIZE=5"),
    ],
)
def test_a_path_is_read_in_its_own_spelling(text: str, raw: str, rest: str) -> None:
    assert parse_path(text) == (Address(raw), rest)


@pytest.mark.parametrize(
    "text",
    ["", " ", "<", "<a", "a>", "<a>b", "<<a>>", "<a\r\nb>", "<a\0>", "<a\tb>", '<"a@b>', "<a>SIZE=5"],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_path(text)


@pytest.mark.parametrize(
    ("raw", "local", "domain"),
    [
        ("a@example.com", "a", "example.com"),
        ("A.B@Example.com", "A.B", "Example.com"),
        ('"a@b"@example.com', '"a@b"', "example.com"),
        ("@one,@two:a@example.com", "a", "example.com"),
        ("postmaster", "postmaster", ""),
        ("a@", "a", ""),
        ('"a@b"', '"a@b"', ""),
        ("", "", ""),
    ],
)
def test_an_address_is_taken_apart_for_reading(raw: str, local: str, domain: str) -> None:
    address = Address(raw)
    assert (address.local, address.domain) == (local, domain)
    assert str(address) == raw


def test_the_null_sender_is_false_and_others_are_not() -> None:
    assert not NULL_SENDER
    assert Address("a@example.com")
    assert Address("a").is_ascii
    assert not Address("ä").is_ascii


@pytest.mark.parametrize(
    ("raw", "needs"), [("a@x", False), ("ä@x", True), ("a@例え.jp", True), ("\udce4@x", False), ("", False)]
)
def test_text_beyond_ascii_needs_smtputf8_and_raw_octets_do_not(raw: str, needs: bool) -> None:
    assert Address(raw).needs_smtputf8 is needs


@given(st.binary())
def test_octets_that_are_no_utf_8_come_back_unchanged(octets: bytes) -> None:
    assert Address(octets.decode("utf-8", "surrogateescape")).wire == octets


@given(st.text())
def test_any_text_is_a_path_or_a_value_error(text: str) -> None:
    try:
        address, rest = parse_path(text)
    except ValueError:
        return
    assert address.raw in text and rest in text
    assert isinstance(address.spec + address.local + address.domain, str)


@given(st.text(alphabet='"\\@a\r\n', max_size=40))
def test_an_at_sign_in_a_quotation_is_none_and_one_behind_a_quote_that_never_ends_is(text: str) -> None:
    outside = re.sub(r'"(?:[^"\\\r\n]|\\[^\r\n])*"', "", Address(text).spec)
    assert (Address(text).local == Address(text).spec) == ("@" not in outside)


@pytest.mark.fault("C2")
def test_quotations_without_an_end_are_read_once() -> None:
    address = Address(')~!\\"@' * 20_000 + "x")
    assert address.domain == "x"
