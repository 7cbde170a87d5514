import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.verp import Verp, decode, encode


def test_the_recipient_is_written_into_the_sender() -> None:
    address = encode("bounces@lists.example.org", "alice@example.com")
    assert address == "bounces+alice=example.com@lists.example.org"
    assert decode(address) == Verp("bounces@lists.example.org", "alice@example.com")


def test_other_delimiters_may_be_used() -> None:
    address = encode("bounces@lists.example.org", "alice+x@example.com", "-=")
    assert address == "bounces-alice+x=example.com@lists.example.org"
    assert decode(address, "-=") == Verp("bounces@lists.example.org", "alice+x@example.com")


@pytest.mark.parametrize(
    "recipient",
    [
        "alice+tag@example.com",
        "a=b@example.com",
        '"alice smith"@example.com',
        '"a@b"@example.com',
        '"a\\"b"@example.com',
        "jürgen@bücher.example",
    ],
)
def test_a_recipient_comes_back_as_it_was(recipient: str) -> None:
    verp = decode(encode("bounces@lists.example.org", recipient))
    assert verp == Verp("bounces@lists.example.org", recipient)


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("list+bounces@example.org", "alice@example.com"),
        ("", "alice@example.com"),
        ("bounces@example.org", ""),
        ("bounces@example.org", "postmaster"),
        ("bounces@example.org", '""@example.com'),
        ('""@example.org', "alice@example.com"),
        ("bounces@example.org", "alice@exam=ple.com"),
    ],
)
def test_what_could_not_be_taken_apart_again_is_refused(sender: str, recipient: str) -> None:
    with pytest.raises(ValueError, match="VERP"):
        encode(sender, recipient)


@pytest.mark.parametrize(
    "address",
    ["", "bounces@example.org", "bounces+alice@example.org", "+alice=example.com@example.org", "a+b=c"],
)
def test_an_address_that_is_no_verp_is_none(address: str) -> None:
    assert decode(address) is None


@pytest.mark.parametrize("delimiters", ["", "+", "++", "+=-"])
def test_delimiters_are_two_different_ones(delimiters: str) -> None:
    with pytest.raises(ValueError, match="delimiters"):
        decode("a+b=c@d", delimiters)


@given(st.text(max_size=60))
def test_whatever_comes_is_taken_apart_or_is_none(address: str) -> None:
    verp = decode(address)
    assert verp is None or "@" in verp.recipient


_ATOMS = st.text("abcXYZ019!#$%&'*/=?^_`{|}~.-+", min_size=1, max_size=20)


@given(_ATOMS, _ATOMS)
def test_every_pair_that_is_written_is_read_back(local: str, recipient: str) -> None:
    sender = f"{local.replace('+', '')}x@lists.example.org"
    assert decode(encode(sender, f"{recipient}@example.com")) == Verp(sender, f"{recipient}@example.com")
