"""Which routes an address matches, in which order."""

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy import AppError
from lamsonproxy.app.routing import ADDRESS_LIMIT, REMEMBERED, Match, Route, Routes, compile_format

CAPTURES = {"host": r"lists\.example\.org", "list": "[a-z]+", "any": ".+"}


def nothing(mail: object, **captures: object) -> None:
    """A handler that says nothing."""


def route(format: str, name: str, captures: Mapping[str, str] = CAPTURES) -> Route:
    return Route(format, compile_format(format, captures), nothing, name)


def routes(*formats: str) -> Routes:
    """Routes that are named by their formats."""
    return Routes(route(format, format) for format in formats)


def names(matches: Sequence[Match] | Routes, address: str = "") -> list[str]:
    found = matches.matches(address) if isinstance(matches, Routes) else matches
    return [match.route.name for match in found]


@pytest.mark.parametrize(
    ("format", "address", "captures"),
    [
        ("(list)@(host)", "cooks@lists.example.org", {"list": "cooks", "host": "lists.example.org"}),
        ("(list)@(host)", "Cooks@Lists.Example.ORG", {"list": "Cooks", "host": "Lists.Example.ORG"}),
        ("(list)@(host)", "cooks@listsXexample.org", None),
        ("(list)@lists.example.org", "cooks@listsXexample.org", {"list": "cooks"}),
        ("(list)@(host)", "cooks-confirm@lists.example.org", None),
        ("(list)@(host)", "cooks@lists.example.org.evil.example", None),
        ("(list)@(host)", "cooks@lists.example.org\n", None),
        ("a@x|b@y", "b@y", {}),
        ("a@x|b@y", "a@xyz", None),
        ("^(list)@(host)$", "cooks@lists.example.org", {"list": "cooks", "host": "lists.example.org"}),
        ("(list)(?:-(any))?@(host)", "cooks@lists.example.org", {"list": "cooks", "any": None}),
        ("(list)(?:-(any))?@(host)", "cooks-x@lists.example.org", {"list": "cooks", "any": "x"}),
        (r"(?P<id>\d+)@(any)", "42@x", {"id": "42", "any": "x"}),
        ("(any)@(host)", '"a b"@lists.example.org', {"any": '"a b"'}),
        ("(any)", "r\xe9sum\xe9@x", {"any": "r\xe9sum\xe9@x"}),
        ("R\xc9SUM\xc9@x", "r\xe9sum\xe9@x", {}),
        ("(any)", "\udc80@x", {"any": "\udc80@x"}),
        ("postmaster", "Postmaster", {}),
        (".*", "", {}),
    ],
)
def test_an_address_matches_as_a_whole_and_captures_keep_its_case(
    format: str, address: str, captures: dict[str, str | None] | None
) -> None:
    found = list(routes(format).matches(address))
    if captures is None:
        assert found == []
    else:
        assert {name: found[0].captures[name] for name in captures} == captures


@pytest.mark.parametrize(
    ("written", "tried"),
    [  # format, handler: in the order in which they stand in the modules
        ([("x@y", "one"), (".+", "two"), ("x@.+", "three")], ["one", "two", "three"]),
        ([(".+", "one"), ("x@y", "two")], ["one", "two"]),
        ([("x@y", "one"), (".+", "two"), ("x@y", "three")], ["one", "three", "two"]),
        ([("(any)", "one"), ("x@y", "two"), ("(?P<any>.+)", "three")], ["one", "three", "two"]),
        ([("no@y", "one"), ("x@y", "two"), ("no@y", "three")], ["two"]),
        ([("X@Y", "one"), ("x@y", "two")], ["one", "two"]),
        ([], []),
    ],
)
def test_routes_are_tried_in_lamsons_order(written: list[tuple[str, str]], tried: list[str]) -> None:
    assert names(Routes(route(format, name) for format, name in written), "x@y") == tried


def test_the_same_format_with_other_captures_is_another_route() -> None:
    first = route("(list)@x", "letters")
    second = route("(list)@x", "digits", {"list": r"\d+"})
    both = Routes([first, second])
    assert names(both, "7@x") == ["digits"]
    assert names(both, "a@x") == ["letters"]


def test_routes_can_be_listed_in_the_order_in_which_they_are_tried() -> None:
    listed = Routes([route("a", "one"), route("b", "two"), route("a", "three")])
    assert [r.name for r in listed] == ["one", "three", "two"]
    assert len(listed) == 3


def test_no_routes_match_nothing() -> None:
    assert list(Routes(()).matches("a@b")) == []


def test_a_match_gives_its_handler() -> None:
    (match,) = routes("(any)").matches("a@b")
    assert match.handler is nothing


def test_nobody_can_change_what_is_remembered_of_an_address() -> None:
    everybody = routes("(any)")
    (match,) = everybody.matches("a@b")
    with pytest.raises(TypeError):
        match.captures["any"] = "changed"  # type: ignore[index]
    assert list(everybody.matches("a@b")) == [match]


@pytest.mark.fault("C8")
def test_an_address_that_is_too_long_matches_nothing() -> None:
    everybody = routes(".*")
    assert names(everybody, "a" * ADDRESS_LIMIT) == [".*"]
    assert names(everybody, "a" * (ADDRESS_LIMIT + 1)) == []


@pytest.mark.fault("C8")
def test_the_memory_for_addresses_is_bounded() -> None:
    everybody = routes(".*")
    for n in range(REMEMBERED + 100):
        assert names(everybody, f"{n}@x") == [".*"]
    assert repr(everybody) == f"<1 routes, {REMEMBERED} addresses remembered>"


@pytest.mark.parametrize(
    ("format", "sentence"),
    [
        ("(lost)@x", "undefined capture (lost)"),
        ("(list", "it is no regular expression: missing )"),
        ("(list)@(list)", "it is no regular expression: redefinition of group name 'list'"),
        ("(?P<mail>.+)", "it captures into 'mail'"),
        (r"(\w+\.?)+@x", "it can back-track catastrophically"),
        ("a{99999999999}", "it is no regular expression"),
        ("(?:a?" * 400 + ")?" * 400, "it is no regular expression: maximum recursion depth exceeded"),
        ("(?:" * 5000 + ")" * 5000, "it is no regular expression"),
        ("[a-z]{2000}", "it is too large to be judged"),
    ],
)
def test_a_format_that_cannot_be_used_is_told_in_a_sentence(format: str, sentence: str) -> None:
    with pytest.raises(AppError, match=f"^{re.escape(sentence)}"):
        compile_format(format, CAPTURES)


FORMATS = ["(list)@(host)", "(list)-(any)@(host)", ".+@(host)", "(any)", "a.*", "[^a]*"]


@given(st.lists(st.sampled_from(FORMATS), max_size=8), st.text(st.sampled_from("aA-@b."), max_size=8))
def test_what_matches_is_what_matches_by_itself_in_the_order_of_first_writing(
    written: list[str], address: str
) -> None:
    found = names(routes(*written), address)
    alone = [f for f in dict.fromkeys(written) for _ in range(written.count(f)) if names(routes(f), address)]
    assert found == alone


@given(st.text(max_size=40))
def test_captures_that_take_everything_give_the_address_back(address: str) -> None:
    for match in routes("(?s:(?P<all>.*))").matches(address):
        assert match.captures["all"] == address


@given(st.from_regex(r"[a-z]{1,8}@lists\.example\.org", fullmatch=True))
def test_the_case_of_an_address_changes_nothing(address: str) -> None:
    everybody = routes(*FORMATS[:4])
    assert names(everybody, address) == names(everybody, address.upper()) == names(everybody, address.title())
