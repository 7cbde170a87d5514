"""Conversations in a journal: one file, to which every unit of work is added when it is committed.

    4 octets: length    4 octets: CRC-32    the record, pickled

Law: what a unit wrote counts when all of it is on disk, and not before. One process has the file; it reads it once, and
from then on everything is in memory as well. What a crash has cut off was never committed, and is taken off.

docs/howto/state-store.md tells what of this each store must do, and what is left out here.
"""

import copyreg
import fcntl
import os
import pickle
import struct
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from lamsonproxy.errors import StoreError
from lamsonproxy.mail.conversation import Asked
from lamsonproxy.ports import Clock, Unit
from lamsonproxy.state.locks import Turns
from lamsonproxy.state.memory import Contents, MemoryConversations, MemoryUnit, apply

HEAD = struct.Struct(">II")

# Values have read-only mappings in them, which pickle does not know; it gives back dicts, which are as good.
copyreg.pickle(MappingProxyType, lambda mapping: (dict, (dict(mapping),)))


class Journal:
    """The file: records, in the order in which they were committed."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError when another process has it."""
        self._path, self._is_doubtful = path, False
        # Readable by us alone: there is mail in it.
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise StoreError(f"{path}: another process has this journal") from None
        # A new file is there after a power cut when its folder is on disk too (fsync(2)).
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(folder)
        os.close(folder)

    def read(self) -> Iterator[tuple[Any, ...]]:
        """All records, oldest first. To be read to the end before anything is added."""
        octets, end = self._path.read_bytes(), 0
        while len(octets) - end >= HEAD.size:
            length, checksum = HEAD.unpack_from(octets, end)
            record = octets[end + HEAD.size : end + HEAD.size + length]
            if len(record) < length or zlib.crc32(record) != checksum:
                break
            # Nobody but us has written it, or pickle would run what somebody else has put there.
            yield pickle.loads(record)
            end += HEAD.size + length
        os.ftruncate(self._file, end)

    def add(self, *record: Any) -> None:
        """Durable on return. Raises StoreError; then nobody knows whether it is there, and nothing more is added until
        the file has been read anew: after a failed fsync a second one proves nothing."""
        if self._is_doubtful:
            raise StoreError("the journal: an earlier write has failed; start again")
        octets = pickle.dumps(record)
        framed = HEAD.pack(len(octets), zlib.crc32(octets)) + octets
        try:
            if os.write(self._file, framed) != len(framed):
                raise OSError("only a part was written")
            os.fsync(self._file)
        except OSError as error:
            self._is_doubtful = True
            raise StoreError(f"the journal: {error}") from error

    def close(self) -> None:
        os.close(self._file)


class JournalUnit(MemoryUnit):
    """Fulfils `ports.Unit`."""

    def __init__(
        self,
        journal: Journal,
        contents: Contents,
        turns: Turns,
        clock: Clock,
        asked: Asked,
        lock_wait_s: float,
    ) -> None:
        super().__init__(contents, turns, clock, asked, lock_wait_s)
        self._journal = journal

    async def commit(self) -> None:
        if self.is_open:
            # The loop stands still for one fsync. In a thread a cancellation could come between disk and memory.
            self._journal.add("unit", self._asked, self._work)
        await super().commit()


class JournalConversations(MemoryConversations):
    """Fulfils `ports.Conversations`."""

    def __init__(self, path: Path, clock: Clock, *, lock_wait_s: float = 30.0) -> None:
        """Raises StoreError when another process has the journal."""
        super().__init__(clock, lock_wait_s=lock_wait_s)
        self._journal = Journal(path)
        for kind, *words in self._journal.read():
            self._happened(kind, *words)

    def unit(self, asked: Asked) -> Unit:
        return JournalUnit(self._journal, self.contents, self._turns, self._clock, asked, self._lock_wait_s)

    async def failed(self, key: str, now: datetime) -> int:
        self._journal.add("failed", key)
        return await super().failed(key, now)

    async def forget(self, keys: Sequence[str]) -> None:
        self._journal.add("forgotten", keys)
        await super().forget(keys)

    def close(self) -> None:
        self._journal.close()

    def _happened(self, kind: str, *words: Any) -> None:
        match kind, *words:
            case "unit", asked, work:
                apply(self.contents, asked, work)
            case "failed", key:
                self.contents.failures[key] += 1
            case "forgotten", keys:
                for key in keys:
                    self.contents.settled.pop(key, None)
