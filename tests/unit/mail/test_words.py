import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.words import decode, encode, from_base64


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a=20b_c?=", "a b c"),
        ("=?UTF-8?B?w6Q=?=", "ä"),
        ("=?utf-8?b?w6Q?=", "ä"),  # the padding is often missing
        ("=?us-ascii*en?q?hello?=", "hello"),  # RFC 2231 §5
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        ("=?utf-8?q?a?= \t =?latin-1?q?=E4?=", "aä"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),  # a character split between two words
        ("(=?utf-8?q?a?=)", "(a)"),
        ("=?utf-8?q?with blanks?=", "with blanks"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?never ended", "=?utf-8?q?never ended"),
        ("=??q?a?=", "=??q?a?="),
        ("=?utf-8?q??=", ""),
        ("=?koi8-r?b?8NLJ18XU?=", "Привет"),
        ("=?iso-2022-jp?b?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
        ("=?windows-1252?q?=80?=", "€"),
        ("=?utf-8?q?a=0D=0AX-Evil:_1?=", "a  X-Evil: 1"),
        ("=?utf-8?q?=00?=", " "),
        ("=?utf-8?q?a=07b=C2=85c=E2=80=A8d=7F?=", "a b c d "),
        ("a\x07b\tc", "a b\tc"),
    ],
)
def test_encoded_words_are_read(written: str, read: str) -> None:
    assert decode(written, Defects()) == read


@pytest.mark.parametrize(
    "charset", ["x-nobody", "zlib", "idna", "punycode", "unicode_escape", "a" * 1000, "rot13"]
)
def test_a_charset_that_is_none_gives_replacement_characters_and_a_defect(charset: str) -> None:
    notes = Defects()
    assert decode(f"=?{charset}?q?a=FFb?=", notes) == "a\ufffdb"
    assert list(notes) == ["text is in an unknown charset"]


@pytest.mark.parametrize(
    ("octets", "charset", "text"),
    [
        (b"abc", "", "abc"),
        ("ä".encode(), "", "ä"),
        (b"\xe4", "", "ä"),
        ("ä".encode(), "us-ascii", "ä"),
        (b"\xe4", "us-ascii", "\ufffd"),
        ("ä".encode(), "x-unknown", "ä"),
        (b"\xe4", " ISO-8859-1 ", "ä"),
        (b"\xa4", "iso-8859-15", "€"),
        (b"\xe0", "iso-8859-8-i", "א"),
        (b"+2AA-", "utf-7", "\ufffd"),
        (b"\xff\xfea\0", "utf-16", "a"),
        (b"\0\xd8a", "utf-16-le", "\ufffd"),
    ],
)
def test_octets_become_text(octets: bytes, charset: str, text: str) -> None:
    assert to_text(octets, charset, Defects()) == text


@given(
    st.binary(),
    st.sampled_from(["", "utf-7", "utf-16", "utf-32", "gb18030", "hz", "iso-2022-kr", "x", "cp932"]),
)
def test_any_octets_in_any_charset_are_text_that_can_be_written(octets: bytes, charset: str) -> None:
    to_text(octets, charset, Defects()).encode("utf-8")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1))
def test_what_is_encoded_reads_back_the_same(text: str) -> None:
    written = encode(text)
    assert decode(" ".join(written), Defects()) == text
    assert all(len(word) <= 75 and word.isascii() for word in written)


@given(st.text())
def test_any_text_is_decoded_to_one_line(text: str) -> None:
    assert not {"\r", "\n", "\0", "\x85", "\u2028"} & set(decode(text, Defects()))


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        (b"YWJj", b"abc"),
        (b"YW Jj\r\n", b"abc"),
        (b"YWI=", b"ab"),
        (b"YWI", b"ab"),
        (b"YWIx!Y", b"ab1"),
        (b"Y", b""),
        (b"", b""),
        (b"=", b""),
    ],
)
def test_base64_is_read_whatever_is_in_it(written: bytes, octets: bytes) -> None:
    assert from_base64(written) == octets


def test_base64_stops_at_its_limit() -> None:
    assert from_base64(b"YWJj" * 1000, limit=4) == b"abca"
