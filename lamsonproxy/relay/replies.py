"""Replies, read from the blocks in which they arrive.

Law: what is not a reply is never made into one. Downstream's word decides whether mail is kept or bounced, so
a line without a code from 200 to 599, two codes in one reply, or a reply without end is an error, not a
guess.

RFC 5321 §4.2, §4.2.1.
"""

from collections.abc import Iterator

from lamsonproxy.mail.reply import Reply, from_lines, parse_line

LINES_LIMIT = 64
"""Lines in one reply; an EHLO reply has about fifteen."""

SIZE_LIMIT = 32 * 1024
"""Octets in one reply, which bounds the memory that a flood can take."""


class ReplyReader:
    """Takes blocks and gives replies."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self._size = 0

    @property
    def is_amid(self) -> bool:
        """Whether a reply has begun and not ended."""
        return bool(self._rest or self._lines)

    def feed(self, block: bytes) -> Iterator[Reply]:
        """The replies that are complete now, each as soon as it is. Raises ValueError where there is none."""
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._count(len(line) + 1)
            if self._is_last(line):
                yield self._finished()
        if self._size + len(self._rest) > SIZE_LIMIT:
            raise ValueError("the reply is too long")

    def _count(self, octets: int) -> None:
        self._size += octets
        if self._size > SIZE_LIMIT or len(self._lines) >= LINES_LIMIT:
            raise ValueError("the reply is too long")

    def _is_last(self, line: bytes) -> bool:
        code, is_last, text = parse_line(line)
        if self._lines and code != self._code:
            raise ValueError(f"one reply with two codes, {self._code} and {code}")
        self._code = code
        self._lines.append(text)
        return is_last

    def _finished(self) -> Reply:
        lines, self._lines, self._size = self._lines, [], 0
        return from_lines(self._code, lines)
