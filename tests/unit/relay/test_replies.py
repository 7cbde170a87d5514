"""Replies, out of blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.reply import Reply
from lamsonproxy.relay.replies import LINES_LIMIT, SIZE_LIMIT, ReplyReader


def read(*blocks: bytes) -> list[Reply]:
    reader = ReplyReader()
    return [reply for block in blocks for reply in reader.feed(block)]


@pytest.mark.parametrize(
    ("wire", "replies"),
    [
        (b"250 2.1.0 Ok\r\n", [Reply(250, "2.1.0", "Ok")]),
        (b"250\r\n", [Reply(250, "", "")]),
        (b"250 Ok\n", [Reply(250, "", "Ok")]),
        (b"550-5.7.1 no\r\n550 5.7.1 never\r\n", [Reply(550, "5.7.1", "no\nnever")]),
        (b"250 a\r\n354 b\r\n", [Reply(250, "", "a"), Reply(354, "", "b")]),
        (b"250-half", []),
        (b"250-half\r\n", []),
    ],
)
def test_a_reply_is_read_when_its_last_line_is_there(wire: bytes, replies: list[Reply]) -> None:
    assert read(wire) == replies


@pytest.mark.parametrize(
    "wire",
    [
        b"999 what\r\n",
        b"199 too low\r\n",
        b"600 too high\r\n",
        b"hello\r\n",
        b"\r\n",
        b"25 0\r\n",
        b"250_Ok\r\n",
        b"2500 Ok\r\n",
        b"250-one code\r\n550 and another\r\n",
        b"250 a bare\rCR\r\n",
        b"250-more\r\n" * (LINES_LIMIT + 1),
        b"250 " + b"x" * SIZE_LIMIT + b"\r\n",
        b"250 " + b"x" * SIZE_LIMIT,
        b"250-" + b"x" * (SIZE_LIMIT // 2) + b"\r\n250-" + b"x" * (SIZE_LIMIT // 2),
    ],
    ids=lambda wire: repr(wire[:30]),
)
@pytest.mark.fault("2.2")
def test_what_is_no_reply_is_never_made_into_one(wire: bytes) -> None:
    with pytest.raises(ValueError, match="repl"):
        read(wire)


def test_a_reply_in_front_of_nonsense_is_still_given() -> None:
    replies = ReplyReader().feed(b"250 Ok\r\nnonsense\r\n")
    assert next(replies).code == 250
    with pytest.raises(ValueError, match="not an SMTP reply"):
        next(replies)


def test_the_limits_are_those_of_one_reply_not_of_all() -> None:
    assert len(read(*[b"250 " + b"x" * 1000 + b"\r\n"] * 100)) == 100
    assert len(read(b"250-x\r\n250 x\r\n" * 1000)) == 1000


def test_a_reader_knows_that_it_is_amid_a_reply() -> None:
    reader = ReplyReader()
    seen = []
    for block in (b"25", b"0-a\r\n", b"250 b", b"\r\n"):
        list(reader.feed(block))
        seen.append(reader.is_amid)
    assert seen == [True, True, True, False]


@given(st.lists(st.sampled_from([b"250-a\r\n250 b\r\n", b"354 go\r\n", b"550 5.1.1 x\r\n"])), st.data())
def test_where_the_blocks_end_makes_no_difference(replies: list[bytes], draw: st.DataObject) -> None:
    wire = b"".join(replies)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(wire)))))
    blocks = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    assert read(*blocks) == read(wire)


@given(st.lists(st.binary()))
def test_garbage_is_a_reply_or_a_value_error(blocks: list[bytes]) -> None:
    try:
        replies = read(*blocks)
    except ValueError:
        return
    assert all(200 <= reply.code <= 599 for reply in replies)
