import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.srs import Srs
from lamsonproxy.mail.wrapped import unwrapped

TODAY = 20_000
OURS = Srs("forward.example", [b"secret"])
THEIRS = Srs("second.example", [b"another"])
THIRD = Srs("third.example", [b"the third"])
ALICE = Address("alice@example.com")


def test_a_sender_is_rewritten_and_read_again() -> None:
    rewritten = OURS.forward(ALICE, TODAY)
    assert rewritten.raw.startswith("SRS0=")
    assert rewritten.raw.endswith("=example.com=alice@forward.example")
    assert OURS.reverse(rewritten, TODAY) == ALICE
    assert unwrapped(rewritten) == ALICE


def test_a_sender_that_others_forwarded_goes_back_by_way_of_the_first() -> None:
    once = OURS.forward(ALICE, TODAY)
    twice = THEIRS.forward(once, TODAY)
    thrice = THIRD.forward(twice, TODAY)
    assert twice.raw.startswith("SRS1=")
    assert len(thrice.raw) <= len(twice.raw)
    assert THIRD.reverse(thrice, TODAY) == once
    assert THEIRS.reverse(twice, TODAY) == once
    assert unwrapped(thrice) == ALICE


@pytest.mark.parametrize(
    "sender",
    [NULL_SENDER, Address("alice@forward.example"), Address("bob@FORWARD.example"), Address("postmaster")],
)
def test_some_senders_stay_as_they_are(sender: Address) -> None:
    assert OURS.forward(sender, TODAY) is sender


@pytest.mark.parametrize(
    "address",
    [
        Address("alice@forward.example"),
        Address("SRS0=AAAA=AA=example.com=alice@forward.example"),
        Address("SRS1=AAAA=example.com==AAAA=AA=example.com=alice@forward.example"),
        Address(OURS.forward(ALICE, TODAY).raw.replace("=alice", "=mallory")),
        Address(OURS.forward(ALICE, TODAY).raw.replace("=example.com", "=example.net")),
        Address("SRS0=\udc80=AA=example.com=alice@forward.example"),
        NULL_SENDER,
    ],
)
def test_what_we_did_not_rewrite_is_refused(address: Address) -> None:
    with pytest.raises(ValueError, match="rewritten"):
        OURS.reverse(address, TODAY)


def test_a_bounce_that_comes_too_late_is_refused() -> None:
    rewritten = OURS.forward(ALICE, TODAY)
    assert OURS.reverse(rewritten, TODAY + 21) == ALICE
    with pytest.raises(ValueError, match="too long ago"):
        OURS.reverse(rewritten, TODAY + 22)
    with pytest.raises(ValueError, match="too long ago"):
        OURS.reverse(rewritten, TODAY - 1)


def test_a_secret_can_be_changed() -> None:
    old = OURS.forward(ALICE, TODAY)
    assert Srs("forward.example", [b"new", b"secret"]).reverse(old, TODAY) == ALICE
    with pytest.raises(ValueError, match="not rewritten here"):
        Srs("forward.example", [b"new"]).reverse(old, TODAY)


@pytest.mark.parametrize(("domain", "secrets"), [("", [b"s"]), ("a.example", []), ("a.example", [b""])])
def test_a_scheme_without_a_secret_is_none(domain: str, secrets: list[bytes]) -> None:
    with pytest.raises(ValueError, match="SRS needs"):
        Srs(domain, secrets)


def test_hosts_may_change_the_capitals() -> None:
    rewritten = OURS.forward(ALICE, TODAY)
    assert OURS.reverse(Address(rewritten.raw.lower()), TODAY) == ALICE


LOCALS = st.from_regex(r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~.ä-]{1,30}", fullmatch=True)


@given(LOCALS, st.integers(0, 100_000), st.booleans())
def test_any_local_part_comes_back(local: str, day: int, is_quoted: bool) -> None:
    sender = Address(f'"{local} x"@example.com' if is_quoted else f"{local}@example.com")
    first = OURS.forward(sender, day)
    assert OURS.reverse(first, day) == sender
    assert THEIRS.reverse(THEIRS.forward(first, day), day) == first
