import pytest

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.wrapped import unwrapped


@pytest.mark.parametrize(
    ("wrapped", "inner"),
    [
        ("SRS0=HHHH=TT=example.com=alice@forwarder.example", "alice@example.com"),
        ("srs0+hhhh=tt=example.com=alice@forwarder.example", "alice@example.com"),
        ("SRS0-4c1f=TT=example.com=Alice@forwarder.example", "Alice@example.com"),
        ("SRS0=HHHH=TT=example.com=a=b@forwarder.example", "a=b@example.com"),
        ("SRS1=GGGG=first.example==HHHH=TT=example.com=alice@second.example", "alice@example.com"),
        ("SRS1=GGGG=first.example=-HHHH=TT=example.com=alice@second.example", "alice@example.com"),
        ("bounces+SRS=44ldt=IX=example.com=alice@forwarder.example", "alice@example.com"),
        ("prvs=0123abcDEF=alice@example.com", "alice@example.com"),
        ("SRS0=HHHH=TT=example.com=prvs=0123abcdef=alice@forwarder.example", "alice@example.com"),
        ("@route.example:prvs=0123abcdef=alice@example.com", "alice@example.com"),
        ("SRS0=HHHH=TT=bücher.example=jörg@forwarder.example", "jörg@bücher.example"),
    ],
)
def test_a_wrapping_is_taken_off(wrapped: str, inner: str) -> None:
    assert unwrapped(Address(wrapped)) == Address(inner)


@pytest.mark.parametrize(
    "plain",
    [
        "",
        "alice@example.com",
        "alice+tag=x@example.com",
        "prvs=alice@example.com",
        "prvs=0123abcdeg=alice@example.com",
        "SRS0=HHHH=TT=@forwarder.example",
        "SRS0=HHHH=TT=example.com=@forwarder.example",
        "SRS1=GGGG=first.example=HHHH=TT=example.com=alice@second.example",
        '"SRS0=HHHH=TT=example.com=alice"@forwarder.example',
        "SRS0=HHHH=TT=example.com=alice",
        "postmaster",
    ],
)
def test_what_is_no_wrapping_stays_the_same_address(plain: str) -> None:
    address = Address(plain)
    assert unwrapped(address) is address


def test_the_null_sender_is_nobody_wrapped() -> None:
    assert unwrapped(NULL_SENDER) is NULL_SENDER


def test_wrappings_without_end_are_taken_off_a_few_times_only() -> None:
    endless = Address("prvs=0123abcdef=" * 10_000 + "alice@example.com")
    assert unwrapped(endless).local.count("prvs=") == 9_995
