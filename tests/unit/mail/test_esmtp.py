import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.esmtp import (
    NO_XFORWARD,
    XFORWARD_COMMAND_LIMIT,
    Params,
    Xforward,
    decode_xtext,
    encode_xtext,
    parse_params,
    parse_xforward,
)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("", ()),
        ("SIZE=100", ("SIZE=100",)),
        ("BODY=8BITMIME  SMTPUTF8", ("BODY=8BITMIME", "SMTPUTF8")),
        ("notify=NEVER orcpt=rfc822;a+2Bb@example.com", ("notify=NEVER", "orcpt=rfc822;a+2Bb@example.com")),
        ("X-UNKNOWN=a=b", ("X-UNKNOWN=a=b",)),
    ],
)
def test_parameters_keep_their_spelling_and_order(text: str, raw: tuple[str, ...]) -> None:
    assert parse_params(text).raw == raw


@pytest.mark.parametrize("text", ["=5", "SIZE=", "SI_ZE", "-X", "SIZE=1 size=2", "A=\x01", "ä"])
def test_what_is_no_parameter_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_params(text)


def test_a_parameter_is_found_whatever_its_capitals() -> None:
    params = Params(("size=5", "SMTPUTF8"))
    assert params.get("SIZE") == "5"
    assert params.get("SMTPUTF8") == ""
    assert params.get("BODY") is None
    assert params.without("SIZE").raw == ("SMTPUTF8",)
    assert str(params) == "size=5 SMTPUTF8"
    assert list(params) == ["size=5", "SMTPUTF8"]
    assert params and not Params()


@pytest.mark.parametrize(
    ("xtext", "text"),
    [
        ("plain", "plain"),
        ("a+2Bb", "a+b"),
        ("a+3Db", "a=b"),
        ("+C3+A4", "ä"),
        ("ä+41", "äA"),  # bare UTF-8 beside it, as Postfix may send
        ("+FF", "\ufffd"),
        ("+ZZ", "+ZZ"),
        ("+", "+"),
    ],
)
def test_xtext_is_decoded(xtext: str, text: str) -> None:
    assert decode_xtext(xtext) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_xtext_round_trips(text: str) -> None:
    encoded = encode_xtext(text)
    assert decode_xtext(encoded) == text
    assert encoded.isascii() and not set(encoded) & set(" =\r\n\0")


def test_xforward_attributes_are_read_and_handed_on_verbatim() -> None:
    xforward = parse_xforward("NAME=spike.example ADDR=192.0.2.1 ident=4Xyz HELO=[UNAVAILABLE] SOURCE=REMOTE")
    assert xforward.get("NAME") == "spike.example"
    assert xforward.get("HELO") == ""
    assert xforward.get("PORT") == ""
    assert xforward.ident == "4Xyz"
    assert xforward.commands(frozenset(("NAME", "HELO"))) == [
        b"XFORWARD NAME=spike.example HELO=[UNAVAILABLE]"
    ]
    assert xforward.commands(frozenset()) == []


def test_a_later_xforward_command_goes_over_an_earlier_one() -> None:
    merged = parse_xforward("NAME=a ADDR=b").merged(parse_xforward("NAME=c"))
    assert (merged.get("NAME"), merged.get("ADDR")) == ("c", "b")
    assert merged and not NO_XFORWARD


def test_of_an_attribute_given_twice_the_last_counts() -> None:
    assert parse_xforward("NAME=a NAME=b").raw == (("NAME", "b"),)


@pytest.mark.parametrize(
    "text", ["", "X=1", "NAME", "NAME=", "NAME=" + "a" * 256, "NAME=a+0D+0Ab", "NAME=" + "+41" * 256]
)
def test_an_xforward_that_is_wrong_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_xforward(text)


def test_long_xforward_commands_are_split() -> None:
    names = ("NAME", "ADDR", "PORT", "HELO", "IDENT")
    commands = Xforward(tuple((name, "x" * 200) for name in names)).commands(frozenset(names))
    assert all(len(command) + 2 <= XFORWARD_COMMAND_LIMIT for command in commands)
    assert b" ".join(command.removeprefix(b"XFORWARD ") for command in commands).count(b"=") == len(names)
