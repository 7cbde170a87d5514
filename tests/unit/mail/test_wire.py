import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail import wire
from lamsonproxy.mail.wire import END_OF_DATA, BareCr, BareNewline, DataReader, Refused, canonical, stuffed

MIB = 1024 * 1024


def _read(
    *blocks: bytes, limit: int = MIB, newline: BareNewline = BareNewline.NORMALIZE
) -> tuple[bytes, bytes]:
    """The message, and what follows it."""
    reader = DataReader(limit, newline)
    for n, block in enumerate(blocks):
        rest = reader.feed(block)
        if rest is not None:
            assert reader.refused is None
            return reader.message(), rest + b"".join(blocks[n + 1 :])
    raise AssertionError("no end of data")


@pytest.mark.parametrize(
    ("sent", "message", "rest"),
    [
        (b".\r\n", b"", b""),
        (b"a\r\n.\r\n", b"a\r\n", b""),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b".a\r\n.\r\n", b"a\r\n", b""),
        (b"a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", b""),
        (b"a.b\r\n.\r\n", b"a.b\r\n", b""),
        (b"\r\n.\r\n", b"\r\n", b""),
        (b"\0\xff\r\n.\r\n", b"\0\xff\r\n", b""),
        (b"a\rb\r\n.\r\n", b"a\rb\r\n", b""),
        (b"a\r\r\n.\r\n", b"a\r\r\n", b""),
        (b"a\nb\r\n.\r\n", b"a\r\nb\r\n", b""),
        (b"\n\n\r\n.\r\n", b"\r\n\r\n\r\n", b""),
    ],
)
def test_a_message_is_read_to_its_end(sent: bytes, message: bytes, rest: bytes) -> None:
    assert _read(sent) == (message, rest)


SMUGGLERS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r.\n",
    b"\n.\r",
    b"\r\n\0.\r\n",
]


@pytest.mark.parametrize(
    "almost", [*SMUGGLERS, b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\r\n.\r\r\n", b"\n\n.\r\n"]
)
def test_what_only_looks_like_the_end_is_content(almost: bytes) -> None:
    sent = b"one" + almost + b"MAIL FROM:<evil@example.com>\r\n.\r\n"
    message, rest = _read(sent)
    assert b"MAIL FROM" in message
    assert rest == b""
    assert b"\r\n.\r\n" not in b"".join(stuffed([message]))


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b"\0"]), max_size=30), st.data()
)
def test_blocks_may_be_cut_anywhere(pieces: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(pieces) + b"x\r\n.\r\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    blocks = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert _read(*blocks) == _read(sent)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\xff"]), max_size=40).map(b"".join))
def test_what_is_sent_is_what_is_read_after_the_bare_lf_rule(content: bytes) -> None:
    content = canonical(content)
    sent = b"".join(stuffed([content])) + END_OF_DATA
    assert _read(sent) == (content, b"")


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n"]), max_size=40).map(b"".join))
def test_canonical_content_has_no_bare_lf_and_ends_its_last_line(content: bytes) -> None:
    made = canonical(content)
    assert not re.search(rb"(?<!\r)\n", made)
    assert made == b"" or made.endswith(b"\r\n")
    assert canonical(made) == made


@given(
    st.lists(
        st.sampled_from([b"a\r\n", b".\r\n", b"\r\r\n", b"..\r\n", b"\r.\r\n", b"\r\n"]), max_size=30
    ).map(b"".join),
    st.integers(2, 9),
)
def test_stuffing_does_not_depend_on_where_blocks_end(content: bytes, block: int) -> None:
    whole = b"".join(stuffed([content]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "BLOCK", block)
        assert b"".join(stuffed([content])) == whole
    assert not any(line.startswith(b".") and not line.startswith(b"..") for line in whole.split(b"\r\n"))


def test_each_part_begins_a_line() -> None:
    assert b"".join(stuffed([b".a\r\n", memoryview(b".b\r\n"), b""])) == b"..a\r\n..b\r\n"


@pytest.mark.parametrize(
    ("sent", "bare_cr", "message"),
    [
        (b"a\rb\r\n.\r\n", BareCr.KEEP, b"a\rb\r\n"),
        (b"a\rb\r\r\n.\r\n", BareCr.REPLACE, b"a b \r\n"),
        (b"a\r\nb\r\n.\r\n", BareCr.REPLACE, b"a\r\nb\r\n"),
    ],
)
def test_a_lone_cr_becomes_what_the_setting_says(sent: bytes, bare_cr: BareCr, message: bytes) -> None:
    reader = DataReader(MIB, bare_cr=bare_cr)
    assert reader.feed(sent) == b""
    assert (reader.refused, reader.message()) == (None, message)


@pytest.mark.parametrize(
    ("reader", "sent", "why"),
    [
        (DataReader(MIB, BareNewline.REJECT), b"a\nb\r\n", Refused.BARE_LF),
        (DataReader(MIB, bare_cr=BareCr.REJECT), b"a\rb\r\n", Refused.BARE_CR),
        (DataReader(3), b"abcd\r\n", Refused.TOO_BIG),
    ],
)
def test_a_refused_message_is_read_to_its_end_and_thrown_away(
    reader: DataReader, sent: bytes, why: Refused
) -> None:
    assert reader.feed(sent) is None
    assert reader.feed(b"more\r\n" * 1000) is None
    assert reader.feed(b".\r\nQUIT\r\n") == b"QUIT\r\n"
    assert reader.refused is why
    assert reader.message() == b""


def test_a_message_of_just_the_limit_is_taken() -> None:
    assert _read(b"abc\r\n.\r\n", limit=5) == (b"abc\r\n", b"")


def test_the_first_refusal_is_the_one_that_counts() -> None:
    reader = DataReader(MIB)
    reader.refuse(Refused.NO_ROOM)
    reader.refuse(Refused.TOO_BIG)
    assert reader.refused is Refused.NO_ROOM
