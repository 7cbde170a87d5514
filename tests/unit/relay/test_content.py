"""Content, as blocks for the wire."""

import pytest

from lamsonproxy.mail.wire import BLOCK
from lamsonproxy.ports import Parts
from lamsonproxy.relay.content import blocks


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        ((), b".\r\n"),
        ((b"",), b".\r\n"),
        ((b"x\r\n",), b"x\r\n.\r\n"),
        ((b".x\r\n", b"..\r\n"), b"..x\r\n...\r\n.\r\n"),
        ((b"Received: x\r\n", memoryview(b".\r\n")), b"Received: x\r\n..\r\n.\r\n"),
        ((b"no end",), b"no end\r\n.\r\n"),
        ((b"half\r",), b"half\r\r\n.\r\n"),
    ],
)
def test_the_dot_stands_on_a_line_of_its_own(content: Parts, wire: bytes) -> None:
    assert b"".join(block for block, _ in blocks(content)) == wire


def test_a_small_mail_is_one_write() -> None:
    assert list(blocks([b"a\r\n", b"b\r\n", b"c\r\n"])) == [(b"a\r\nb\r\nc\r\n.\r\n", True)]


def test_a_large_mail_is_many_small_blocks_of_which_the_last_has_the_dot() -> None:
    written = list(blocks([b"a\r\n", memoryview(b".\r\n" * BLOCK)]))
    assert max(len(block) for block, _ in written) <= 2 * BLOCK
    assert [is_last for _, is_last in written] == [False] * (len(written) - 1) + [True]
    assert written[-1][0].endswith(b"\r\n.\r\n")
