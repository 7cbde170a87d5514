"""Octets that came and are not yet understood: command lines out of blocks.

Law: bounded. A line may have `limit` octets; of a longer one only its length is kept, and a line that goes on for
`FLOOD` octets raises, so that no peer can make us read for ever (S3).
"""

FLOOD = 1024 * 1024
"""Octets of one line after which nobody means well."""


class Flood(Exception):
    """The peer sends a line that never ends."""


class Inbox:
    """What was read from one connection, ahead of what was asked for."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skipped = 0

    def __bool__(self) -> bool:
        return bool(self._buffer)

    def feed(self, block: bytes) -> None:
        self._buffer += block

    def take_all(self) -> bytes:
        """Everything there is: DATA begins, or goes on, where the last command ended."""
        block = bytes(self._buffer)
        self._buffer.clear()
        return block

    def line(self) -> bytes | None:
        """The next line with its LF; b"" for one that was too long; None when more must be read first.

        Raises Flood.
        """
        end = self._buffer.find(b"\n") + 1
        if not end:
            self._drop_what_is_too_long()
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[:end]
        skipped, self._skipped = self._skipped, 0
        return b"" if skipped or len(line) > self._limit else line

    def _drop_what_is_too_long(self) -> None:
        if self._skipped or len(self._buffer) > self._limit:
            self._skipped += len(self._buffer)
            self._buffer.clear()
        if self._skipped > FLOOD:
            raise Flood
