"""Addresses that two expressions share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.app.overlap import Overlaps


def shared(one: str, other: str) -> list[str]:
    patterns = re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE)
    return list(Overlaps(patterns).shared_by(*patterns))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("[a-z]+@x", "[a-z]+-confirm-[0-9]+@x"),
        ("a@x", "b@x"),
        (r".+@lists\.example\.org", r".+@lists\.example\.net"),
        ("postmaster", "postmaster|abuse"),
        ("(?!cooks).+@x", "cooks@x"),
        ("(?:a{500}){500}", ".*"),
        ("$^", ".+"),
    ],
)
def test_expressions_without_a_common_address_share_nothing(one: str, other: str) -> None:
    assert shared(one, other) == []


@pytest.mark.parametrize(
    ("one", "other", "address"),
    [
        (".+@x", "cooks@.+", "cooks@x"),
        ("[a-z0-9-]+@x", "[a-z]+-confirm-[0-9]+@x", "a-confirm-0@x"),
        ("COOKS@x", "(?:cooks|bakers)@X", "cooks@x"),
        ("(?P<a>[^@]+)@(?P<b>.+)", "(?P<c>.+)@x", "a@x"),
        (r"\w+@x", "r\xe9sum\xe9@x", "r\xe9sum\xe9@x"),
        ("(?=a).+@x", "[a-c]+@x", "a@x"),
    ],
)
def test_expressions_with_a_common_address_share_it(one: str, other: str, address: str) -> None:
    assert address.lower() in map(str.lower, shared(one, other))


_PART = st.sampled_from([".+", "[a-z]+", "a", "ab?", "[^@-]+", "(?:a|b-)*", r"\w+", "-", "[0-9]{2}"])
_EXPRESSION = st.builds("{}{}@{}".format, _PART, _PART, st.sampled_from(["x", ".+", r"x\.y"]))


@given(_EXPRESSION, _EXPRESSION)
def test_what_is_shared_is_matched_by_both_and_the_order_does_not_matter(one: str, other: str) -> None:
    addresses = shared(one, other)
    assert all(re.fullmatch(e, address, re.IGNORECASE) for e in (one, other) for address in addresses)
    assert bool(addresses) == bool(shared(other, one))
