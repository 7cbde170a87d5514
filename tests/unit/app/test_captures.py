"""`(name)` in a format."""

import re
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy import AppError
from lamsonproxy.app.captures import expand, mistakes_in, names_in

CAPTURES = {"host": r"lists\.example\.org", "list_name": "[a-z]+", "a": "x|y", "nested": "(host)"}


@pytest.mark.parametrize(
    ("format", "expression"),
    [
        ("plain@x", "plain@x"),
        ("(list_name)@(host)", r"(?P<list_name>[a-z]+)@(?P<host>lists\.example\.org)"),
        ("(list_name)-confirm@.+", "(?P<list_name>[a-z]+)-confirm@.+"),
        ("(a)", "(?P<a>x|y)"),
        ("(?:host)@x", "(?:host)@x"),
        ("(?P<host>.+)@x", "(?P<host>.+)@x"),
        ("(list-name)@x", "(list-name)@x"),
        ("(.+)@(host)", r"(.+)@(?P<host>lists\.example\.org)"),
        (r"\(host\)@x", r"\(host\)@x"),
        (r"\\(a)", r"\\(?P<a>x|y)"),
        ("[(host)]", "[(host)]"),
        ("[](host)]", "[](host)]"),
        ("[^](host)](a)", "[^](host)](?P<a>x|y)"),
        (r"[\](host)]", r"[\](host)]"),
        ("(nested)@x", "(?P<nested>(host))@x"),
        ("", ""),
    ],
)
def test_a_capture_is_put_in_where_its_name_stands_as_a_group(format: str, expression: str) -> None:
    assert expand(format, CAPTURES) == expression


def test_undefined_captures_are_all_told() -> None:
    with pytest.raises(AppError) as raised:
        expand("(host)-(lost)-(found)-(lost)", CAPTURES)
    assert raised.value.problems == (
        "undefined capture (lost): define it, or write (?:lost) if only those letters are meant",
        "undefined capture (found): define it, or write (?:found) if only those letters are meant",
    )


def test_names_are_read_from_left_to_right() -> None:
    assert list(names_in(r"(b)-(a)\(c)[(d)](?:e)(b)")) == ["b", "a", "b"]


@pytest.mark.parametrize(
    ("name", "regex", "sentence"),
    [
        (
            "list-name",
            ".+",
            "capture 'list-name': its name is no Python identifier, so no handler could take it",
        ),
        (7, ".+", "capture 7: its name is no Python identifier, so no handler could take it"),
        ("mail", ".+", "capture 'mail': the name is taken by the mail itself"),
        ("host", None, "capture 'host': a regular expression is a str, not a value of type NoneType"),
        (
            "host",
            "a)(b",
            "capture 'host': 'a)(b' is no regular expression: unbalanced parenthesis at position 1",
        ),
    ],
)
def test_a_capture_that_cannot_be_used_is_told_in_a_sentence(name: Any, regex: Any, sentence: str) -> None:
    assert list(mistakes_in(cast(dict[str, str], {name: regex}))) == [sentence]


def test_captures_that_can_be_used_have_no_mistakes() -> None:
    assert list(mistakes_in(CAPTURES)) == []


@given(st.text(st.sampled_from(r"ab()[]\?:^-.@"), max_size=30))
def test_a_format_is_read_or_refused_and_nothing_else(format: str) -> None:
    try:
        expression = expand(format, {"a": "x", "ab": "y"})
    except AppError:
        return
    assert expression == format or "(?P<a" in expression


@given(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20))
def test_what_a_capture_took_is_the_text_itself(text: str) -> None:
    match = re.fullmatch(expand("(word)@x", {"word": r"\w+"}), f"{text}@x")
    assert match is not None
    assert match["word"] == text
