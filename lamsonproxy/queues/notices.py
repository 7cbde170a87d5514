"""DSNs that wait: first for their mail to be relayed, then for downstream to take them.

Law: fulfils `ports.Notices`. A notice in held/ belongs to a mail whose answer is not known yet: it is never sent
from there, because a crash before the relay leaves it behind and the retry makes its own. A notice in new/ is
sent until downstream answers for good.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from lamsonproxy import durable
from lamsonproxy.errors import StorageError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Held, Parts
from lamsonproxy.queues import letter
from lamsonproxy.queues.letter import Letter


class NoticeFolder:
    """A folder at `path`, beside the quarantine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held, self._new = path / "held", path / "new"

    def open(self) -> None:
        """Make the folders. Raises StorageError."""
        durable.make_folders(self._held, self._new)

    def hold(self, name: str, envelope: Envelope, content: Parts) -> Held:
        return durable.hold(self._held, self._new / name, letter.parts(envelope, content, "", ""))

    def waiting(self) -> Sequence[str]:
        return [path.name for path in durable.files(self._new)]

    def read(self, name: str) -> tuple[Envelope, bytes]:
        kept = Letter.parse(durable.read(self._new / name, letter.FIELD))
        return kept.envelope, kept.content

    def done(self, name: str) -> None:
        durable.remove(self._new / name)

    def forget_orphans(self) -> None:
        durable.forget_held(self._held)

    def claim(self) -> AbstractContextManager[None] | None:
        self.open()  # Somebody may have deleted the folders since.
        # flock(2): the lock ends with the process, however that ends.
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"cannot lock {self.path}", error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise StorageError(f"cannot lock {self.path}", error) from error
        return _until_left(descriptor)


@contextmanager
def _until_left(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
