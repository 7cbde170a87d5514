import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.headers import (
    FIELDS_LIMIT,
    OCTETS_LIMIT,
    Field,
    Headers,
    count_received,
    find_head,
)


def _headers(raw: bytes) -> tuple[Headers, Defects]:
    notes = Defects()
    head = find_head(raw, notes)
    return Headers(raw, head.start, head.end, notes), notes


def _body_start(raw: bytes) -> int:
    return find_head(raw, Defects()).body_start


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"A: b\r\n\r\nbody", b"body"),
        (b"A: b\n\nbody", b"body"),
        (b"A: b\r\n\r\r\nbody", b"body"),  # smtp_get(3) takes off every CR before the LF
        (b"A: b\r\n folded\r\n\r\nbody", b"body"),
        (b"A: b\r\n \r\n\r\nbody", b"body"),  # a continuation of blanks is no empty line
        (b"A: b\r\nno field\r\nC: d\r\n\r\nbody", b"no field\r\nC: d\r\n\r\nbody"),
        (b"A: b\r\n: no name\r\n", b": no name\r\n"),
        (b"A: b\r\nN\xc3\xa4me: c\r\n", b"N\xc3\xa4me: c\r\n"),
        (b"A: b\r\ntwo words: c\r\n", b"two words: c\r\n"),
        (b"A: b\r\n\0: c\r\n", b"\0: c\r\n"),
        (b"A : b\r\n\r\nbody", b"body"),
        (b"\r\nbody", b"body"),
        (b"\nbody", b"body"),
        (b" begins with a blank\r\n\r\n", b" begins with a blank\r\n\r\n"),
        (b"no head", b"no head"),
        (b"A: b", b""),
        (b"A: b\r\n", b""),
        (b"A: b\r\n\r\n", b""),
        (b"", b""),
        (b"A: b\rC: d\r\n\r\nbody", b"body"),  # a lone CR ends no line
        (b"From alice Thu Jan 1\r\nA: b\r\n\r\nbody", b"body"),
        (b">From alice Thu Jan 1\r\nA: b\r\n\r\nbody", b"body"),
    ],
)
def test_the_body_begins_where_postfix_sees_it_begin(raw: bytes, body: bytes) -> None:
    assert raw[_body_start(raw) :] == body


@pytest.mark.parametrize(
    ("raw", "defect"),
    [
        (b"A: b\r\njunk\r\n", "the head ends at a line that is neither a field nor empty"),
        (b"From a\r\nA: b\r\n\r\n", "the message begins with an mbox line"),
    ],
)
def test_a_head_that_is_wrong_says_so(raw: bytes, defect: str) -> None:
    _, notes = _headers(raw)
    assert list(notes) == [defect]


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        (b"Subject: Hello\r\n", "Subject", "Hello"),
        (b"subJect:Hello\n", "subJect", "Hello"),
        (b"Subject \t:\t Hello \t\r\n", "Subject", "Hello"),
        (b"Subject:\r\n", "Subject", ""),
        (b"Subject: a\r\n b\r\n\tc\r\n", "Subject", "a b\tc"),
        (b"Subject: a\r\r\n b\r\n", "Subject", "a b"),
        (b"Subject:\r\n \r\n a\r\n", "Subject", "a"),
        (b"Subject: a:b\r\n", "Subject", "a:b"),
        ("Subject: Grüße\r\n".encode(), "Subject", "Grüße"),
        ("Subject: Grüße\r\n".encode("latin-1"), "Subject", "Grüße"),
        (b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n", "Subject", "Grüße"),
        (b"Subject: a\rb\0c", "Subject", "a b c"),
    ],
)
def test_a_field_is_read(raw: bytes, name: str, value: str) -> None:
    field = Field(raw)
    assert (field.name, field.value) == (name, value)


def test_the_octets_of_a_value_keep_their_folding() -> None:
    assert Field(b"A:  b\r\n c \r\n").raw_value == b"  b\r\n c "


def test_names_are_found_whatever_their_capitals_and_duplicates_keep_their_order() -> None:
    headers, _ = _headers(b"X-A: 1\r\nB: 2\r\nx-a: 3\r\n\r\n")
    assert headers.get("x-A") == "1"
    assert headers.get_all("X-A") == ["1", "3"]
    assert headers.count("X-A") == 2
    assert "b" in headers
    assert "c" not in headers
    assert 5 not in headers
    assert [field.name for field in headers] == ["X-A", "B", "x-a"]
    assert len(headers) == 3


def test_what_is_not_there_is_empty_or_the_default() -> None:
    headers, _ = _headers(b"A: b\r\n\r\n")
    assert headers.get("X") == ""
    assert headers.get("X", "none") == "none"
    assert headers.get_all("X") == []
    assert headers.count("X") == 0
    assert headers.raw_value("X") == b""


def test_octets_that_are_not_utf_8_are_a_defect() -> None:
    headers, notes = _headers(b"Subject: \xff\r\n\r\n")
    assert headers.get("Subject") == "ÿ"
    assert list(notes) == ["a header holds octets that are not UTF-8"]


def test_reading_stops_at_ten_thousand_fields_and_says_so() -> None:
    raw = b"A: b\r\n" * (FIELDS_LIMIT + 5) + b"\r\nbody"
    headers, notes = _headers(raw)
    assert len(headers) == FIELDS_LIMIT
    assert headers.unread == b"A: b\r\n" * 5
    assert list(notes) == ["the head is too long to be read whole"]
    assert raw[_body_start(raw) :] == b"body"


def test_ten_thousand_fields_are_no_defect() -> None:
    headers, notes = _headers(b"A: b\r\n" * FIELDS_LIMIT + b"\r\n")
    assert len(headers) == FIELDS_LIMIT
    assert list(notes) == []


def test_reading_stops_at_one_mebibyte_of_head_and_says_so() -> None:
    long = b"A: " + b"b" * OCTETS_LIMIT + b"\r\n"
    headers, notes = _headers(b"First: 1\r\n" + long + b"Last: 2\r\n\r\nbody")
    assert [field.name for field in headers] == ["First"]
    assert headers.unread == long + b"Last: 2\r\n"
    assert list(notes) == ["the head is too long to be read whole"]


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"Received: a\r\n\tReceived: b\r\nreceived: c\r\nRECEIVED : d\r\n\r\nReceived: body\r\n", 3),
        (b"X-Received: a\r\nReceived-SPF: b\r\nReceivedx: c\r\n\r\n", 0),
        (b"Received", 0),
        (b"Received: a", 1),
        (b"\r\nReceived: body\r\n", 0),
        (b"From a\r\nReceived: a\r\n\r\n", 1),
        (b"", 0),
    ],
)
def test_received_fields_are_counted_in_the_head_alone(raw: bytes, count: int) -> None:
    assert count_received(raw, find_head(raw, Defects())) == count


@given(
    st.lists(st.sampled_from([b"A: b", b"\r\n", b"\n", b" ", b"\r", b"\0", b":", b"From ", b"x", b"\xff"]))
)
def test_fields_and_what_surrounds_them_are_all_octets(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    notes = Defects()
    head = find_head(raw, notes)
    fields = Headers(raw, head.start, head.end, notes)
    assert raw[: head.start] + b"".join(field.raw for field in fields) + raw[head.end :] == raw
    assert head.start <= head.end <= head.body_start <= len(raw)
    assert raw[head.end : head.body_start].strip(b"\r\n") == b""
    assert count_received(raw, head) == fields.count("Received")
