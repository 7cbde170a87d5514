"""A kept mail with its envelope: there and back, and what is none."""

import email
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.queues import letter
from lamsonproxy.queues.letter import FIELD, Letter
from tests.relay_rig import envelope

ENVELOPE = envelope("bob@example.net NOTIFY=NEVER", params="RET=HDRS", xforward="IDENT=4F0 NAME=x+2By")
FIELDS = json.loads(ENVELOPE.to_json())


def octets(content: bytes = b"Subject: Soup\r\n\r\n", reason: str = "") -> bytes:
    return b"".join(letter.parts(ENVELOPE, (content,), reason, "2026-03-01T12:00:00+00:00"))


@given(content=st.binary(), reason=st.text(st.characters()))
def test_what_was_written_is_read(content: bytes, reason: str) -> None:
    assert Letter.parse(octets(content, reason)) == Letter(
        ENVELOPE, content, reason, "2026-03-01T12:00:00+00:00"
    )


def test_a_mail_reader_sees_the_mail_below_one_more_field() -> None:
    read = email.message_from_bytes(octets(reason="a\r\nBcc: b\u2028c"))
    assert read.keys() == ["X-Lamson-Kept", "Subject"]


@pytest.mark.fault("D4")
@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00" * 100,
        b"Subject: Soup",
        FIELD,
        FIELD + b"{",
        FIELD + b"[]",
        FIELD + b"\xff",
        FIELD + b"[" * 100_000,
        FIELD + b"{}",
        FIELD + b'{"envelope": []}',
        FIELD + b'{"envelope": {"sender": "a"}}',
        FIELD + json.dumps({"envelope": FIELDS | {"sender": 5}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"params": 5}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"params": [5]}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"recipients": 5}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"recipients": [[]]}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"recipients": [[5]]}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"xforward": [["IDENT"]]}}).encode(),
        FIELD + json.dumps({"envelope": FIELDS | {"xforward": [["IDENT", 5]]}}).encode(),
    ],
    ids=lambda line: ascii(line[len(FIELD) : len(FIELD) + 60]),
)
def test_what_is_no_letter_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        Letter.parse(line + b"\r\nSubject: Soup\r\n\r\n")


@given(st.binary())
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(ValueError):
        Letter.parse(garbage)


@given(st.integers(min_value=0, max_value=len(octets().partition(b"\r\n")[0])))
def test_a_first_line_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(ValueError):
        Letter.parse(octets()[:length])
