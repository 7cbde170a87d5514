import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.doors.inbox import FLOOD, Flood, Inbox

LIMIT = 20


def lines_of(blocks: list[bytes]) -> list[bytes]:
    inbox, lines = Inbox(LIMIT), []
    for block in blocks:
        inbox.feed(block)
        while (line := inbox.line()) is not None:
            lines.append(line)
    return lines


def test_a_line_ends_at_its_lf_and_keeps_it() -> None:
    assert lines_of([b"NOOP\r\nQUIT\n\r\n"]) == [b"NOOP\r\n", b"QUIT\n", b"\r\n"]


def test_a_line_of_the_limit_is_read_and_a_longer_one_is_empty() -> None:
    longest = b"x" * (LIMIT - 2) + b"\r\n"
    assert lines_of([longest + b"x" + longest + b"NOOP\r\n"]) == [longest, b"", b"NOOP\r\n"]


def test_data_begins_where_the_last_command_ended() -> None:
    inbox = Inbox(LIMIT)
    inbox.feed(b"DATA\r\nSubject: x\r\n")
    assert inbox.line() == b"DATA\r\n"
    assert inbox.take_all() == b"Subject: x\r\n"
    assert not inbox
    assert inbox.line() is None


@pytest.mark.fault("S3")
def test_a_line_that_never_ends_is_a_flood_after_a_mebibyte() -> None:
    inbox = Inbox(LIMIT)
    with pytest.raises(Flood):
        for _ in range(FLOOD // 1000 + 2):
            inbox.feed(b"x" * 1000)
            assert inbox.line() is None
            assert not inbox, "of a line that is too long only its length is kept"


@given(st.binary(max_size=200), st.data())
def test_lines_are_the_same_whatever_the_blocks(octets: bytes, data: st.DataObject) -> None:
    octets = octets.replace(b"\x00", b"\n").replace(b"\x01", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    blocks = [octets[a:b] for a, b in zip([0, *cuts], [*cuts, len(octets)], strict=True)]
    whole = octets.split(b"\n")[:-1]
    assert lines_of(blocks) == [line + b"\n" if len(line) < LIMIT else b"" for line in whole]
