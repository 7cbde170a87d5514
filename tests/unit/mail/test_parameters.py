import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.parameters import OCTETS_LIMIT, PARAMETERS_LIMIT, parse


@pytest.mark.parametrize(
    ("written", "value", "params"),
    [
        (b"text/plain", "text/plain", {}),
        (b" Text/PLAIN ; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        (b'text/plain; charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        (b"text/plain;charset=utf-8;", "text/plain", {"charset": "utf-8"}),
        (b"text/plain;\r\n\tcharset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"text/plain (a comment); charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b'a/b; n="a\\"b;c\\\\"', "a/b", {"n": 'a"b;c\\'}),
        (b'a/b; n="never ended', "a/b", {"n": "never ended"}),
        (b"a/b; n=two words.pdf ; m=x", "a/b", {"n": "two words.pdf", "m": "x"}),
        (b"a/b; n = blank", "a/b", {"n": "blank"}),
        (b"a/b; n=first; n=second", "a/b", {"n": "first"}),
        (b"a/b; n=", "a/b", {"n": ""}),
        (b"a/b; novalue; n=x", "a/b", {"n": "x"}),
        (b'a/b; n="=?utf-8?q?=C3=A4?="', "a/b", {"n": "ä"}),
        ("a/b; n=ä".encode(), "a/b", {"n": "ä"}),
        ("a/b; n=ä".encode("latin-1"), "a/b", {"n": "ä"}),
        (b"a/b; n*=utf-8'en'%C3%A4%20b", "a/b", {"n": "ä b"}),
        (b"a/b; n*=iso-8859-1''%E4", "a/b", {"n": "ä"}),
        (b"a/b; n=plain; n*=utf-8''extended", "a/b", {"n": "extended"}),
        (b"a/b; n*0=one; n*1=two", "a/b", {"n": "onetwo"}),
        (b"a/b; n*1=two; n*0=one", "a/b", {"n": "onetwo"}),
        (b"a/b; n*0*=utf-8''%C3; n*1*=%A4; n*2=%41", "a/b", {"n": "ä%41"}),
        (b"a/b; n*=%41", "a/b", {"n": "A"}),
        (b"a/b; n*0*=us-ascii''a%0D%0Ab", "a/b", {"n": "a  b"}),
        (b"", "", {}),
        (b";", "", {}),
        (b"=", "=", {}),
    ],
)
def test_parameters_are_read(written: bytes, value: str, params: dict[str, str]) -> None:
    read = parse(written, Defects())
    assert (read.value, dict(read.params)) == (value, params)


@pytest.mark.parametrize(
    ("written", "boundary"),
    [
        (b'multipart/mixed; boundary="=?utf-8?q?a?="', b"=?utf-8?q?a?="),
        (b"multipart/mixed; boundary=\xff\xfe", b"\xff\xfe"),
        (b"multipart/mixed", b""),
    ],
)
def test_a_boundary_is_octets_and_never_decoded(written: bytes, boundary: bytes) -> None:
    assert parse(written, Defects()).boundary == boundary


@pytest.mark.parametrize(
    ("written", "defect"),
    [
        (b"a/b; n=" + b"x" * OCTETS_LIMIT, "a header with parameters is too long to be read whole"),
        (b"a/b" + b";n=x" * (PARAMETERS_LIMIT + 1), "a header has too many parameters to be read whole"),
        (b"a/b; n*0=a; n*2=b", "a parameter lacks a segment"),
        (b"a/b; n*=x-none''%FF", "text is in an unknown charset"),
    ],
)
def test_what_was_not_read_is_said(written: bytes, defect: str) -> None:
    notes = Defects()
    parse(written, notes)
    assert list(notes) == [defect]


@given(st.binary(max_size=300) | st.text(";=\"*'%0 \\(n").map(str.encode))
def test_any_octets_are_read(octets: bytes) -> None:
    read = parse(octets, Defects())
    "".join(read.params.values()).encode("utf-8")
