import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.folding import LINE_LENGTH, LINE_LIMIT, NAME_LIMIT, write_field


@pytest.mark.parametrize(
    ("name", "value", "raw"),
    [
        ("X-A", "b", b"X-A: b\r\n"),
        ("X-A", "", b"X-A:\r\n"),
        ("X-A", "  b  ", b"X-A: b\r\n"),
        (
            "From",
            "Jürgen Müller <j@example.com>",
            b"From: =?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <j@example.com>\r\n",
        ),
        ("Subject", "Привет", b"Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\n"),
        ("Subject", "a\u2028b", b"Subject: =?utf-8?q?a=E2=80=A8b?=\r\n"),
        ("Subject", "a\x85b", b"Subject: =?utf-8?q?a=C2=85b?=\r\n"),
        ("Subject", "a\x0bb", b"Subject: =?utf-8?q?a=0Bb?=\r\n"),
        ("Subject", "a =?x?q?y?=", b"Subject: a =?utf-8?b?PT94P3E/eT89?=\r\n"),
        ("X-A", "a\tb", b"X-A: a\tb\r\n"),
    ],
)
def test_a_field_is_written(name: str, value: str, raw: bytes) -> None:
    assert write_field(name, value).raw == raw


def test_a_long_value_is_folded_before_its_blanks() -> None:
    field = write_field("References", " ".join(f"<{n:030}@example.com>" for n in range(5)))
    lines = field.raw.split(b"\r\n")
    assert all(len(line) <= LINE_LENGTH for line in lines)
    assert all(line.startswith(b" <") for line in lines[1:-1])
    assert len(lines) == 6


def test_a_word_too_long_for_a_line_is_encoded() -> None:
    field = write_field("X" * NAME_LIMIT, "y" * 5000)
    assert max(map(len, field.raw.split(b"\r\n"))) <= LINE_LIMIT
    assert field.value == "y" * 5000


@pytest.mark.parametrize("value", ["a\r\nb", "a\rb", "a\nb", "a\0b", "\udcff", "\ud800"])
def test_a_value_that_is_no_line_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="a header's value"):
        write_field("X-A", value)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\nb", "ä", "a\0", "a\n", "\x7f", "x" * (NAME_LIMIT + 1)]
)
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a header's name"):
        write_field(name, "b")


@pytest.mark.parametrize(("name", "value"), [(b"X", "y"), ("X", b"y"), ("X", None), ("X", 5)])
def test_what_is_no_text_is_refused(name: str, value: str) -> None:
    with pytest.raises(TypeError, match="are str"):
        write_field(name, value)


_NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=76
)
_VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=1500
) | st.text(st.sampled_from(" \tab\xe4=?\u2028"), max_size=300)
# What many take for the end of a line, or do not show, is read as a blank.
_READ_AS_BLANK = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


@pytest.mark.fault("C4")
@given(_NAMES, _VALUES)
def test_what_is_written_is_one_field_and_reads_back_the_same(name: str, value: str) -> None:
    field = write_field(name, value)
    *lines, end = field.raw.split(b"\r\n")
    assert end == b""
    assert field.name == name
    assert field.value == _READ_AS_BLANK.sub(" ", value.strip(" \t"))
    assert all(line[:1] in (b" ", b"\t") and line.strip(b" \t") for line in lines[1:])
    assert all(len(line) <= LINE_LIMIT and line.isascii() for line in lines)
    assert not {b"\r", b"\n", b"\0"} & {bytes((octet,)) for octet in b"".join(lines)}
