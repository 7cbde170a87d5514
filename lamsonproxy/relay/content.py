"""Content as it goes behind a 354: blocks, dots put on, the last one with the end of data.

Law: no block is larger than a block of `mail.wire` and what goes with it, so a mail is never held a second time,
and small pieces go together, so a small mail is one write. The dot always stands on a line of its own.

RFC 5321 §4.5.2 (transparency), §4.1.1.4 (the end of data).
"""

from collections.abc import Iterator

from lamsonproxy.mail.wire import BLOCK, END_OF_DATA, stuffed
from lamsonproxy.ports import Parts


def blocks(content: Parts) -> Iterator[tuple[bytes, bool]]:
    """The blocks to write; true stands with the last, which ends with the dot."""
    pending: list[bytes] = []
    size = 0
    end = b"\r\n"
    for block in stuffed(content):
        if size and size + len(block) > BLOCK:
            yield b"".join(pending), False
            pending, size = [], 0
        pending.append(block)
        size += len(block)
        end = block[-2:]
    # Content ought to end with its line. If it does not, the dot would stand within that line and end nothing.
    pending.append(END_OF_DATA if end == b"\r\n" else b"\r\n" + END_OF_DATA)
    yield b"".join(pending), True
