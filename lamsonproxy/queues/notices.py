"""DSNs that wait: first for their mail to be relayed, then for downstream to take them.

Law: fulfils `ports.Notices`. A notice in held/ belongs to a mail whose answer is not known yet: it is never sent from
there, because a crash before the relay leaves it behind and the retry overwrites it. A notice in new/ is sent until
downstream answers for good.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lamsonproxy.errors import StorageError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Parts
from lamsonproxy.queues import durable, letter
from lamsonproxy.queues.letter import Letter

HELD_FOR_S = 6 * 24 * 3600
"""Seconds after which a held notice is an orphan: longer than Postfix tries (`maximal_queue_lifetime`, 5 days)."""


class NoticeFolder:
    """A folder at `path`, beside the quarantine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tmp, self._held, self._new = path / "tmp", path / "held", path / "new"

    def open(self) -> None:
        """Make the folders. Raises StorageError."""
        durable.make_folders(self._tmp, self._held, self._new)

    def hold(self, name: str, envelope: Envelope, content: Parts) -> None:
        durable.write(self._tmp, self._held / name, letter.parts(envelope, content, "", ""))

    def release(self, name: str) -> None:
        durable.move(self._held / name, self._new / name)

    def cancel(self, name: str) -> None:
        durable.remove(self._held / name)

    def waiting(self) -> list[str]:
        try:
            paths = [path for path in self._new.iterdir() if path.is_file() and not path.is_symlink()]
            return [path.name for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns)]
        except FileNotFoundError:
            return []

    def read(self, name: str) -> tuple[Envelope, bytes]:
        try:
            kept = Letter.parse((self._new / name).read_bytes())
        except OSError as error:
            raise StorageError(f"cannot read the notice {name}", error) from error
        return kept.envelope, kept.content

    def done(self, name: str) -> None:
        durable.remove(self._new / name)

    def forget_orphans(self) -> None:
        for path in self._held.iterdir():
            if path.stat().st_mtime < time.time() - HELD_FOR_S:
                durable.remove(path)

    @contextmanager
    def claim(self) -> Iterator[bool]:
        # flock(2): the lock ends with the process, however that ends.
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            yield _locked(descriptor)
        finally:
            os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
