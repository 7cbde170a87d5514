"""The quarantine: a Maildir of mail that somebody should look at.

Law: fulfils `ports.Quarantine`. Mail that is held is in tmp/, mail that counts in new/, and in cur/ when a mail
reader has seen it. A retry of the same mail takes the place of its copy in new/. What cannot be read is named,
skipped and left alone (D4): nothing is deleted but on request.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lamsonproxy import durable
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Held, Parts
from lamsonproxy.queues import letter
from lamsonproxy.queues.letter import Letter


class MaildirQuarantine:
    """A Maildir at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tmp, self._new, self._cur = path / "tmp", path / "new", path / "cur"

    def open(self) -> None:
        """Make the folders, and clean up behind processes that died. Raises StorageError."""
        durable.make_folders(self._tmp, self._new, self._cur)
        durable.forget_held(self._tmp)

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> Held:
        kept_at = datetime.now(UTC).isoformat(timespec="seconds")
        return durable.hold(self._tmp, self._new / name, letter.parts(envelope, content, reason, kept_at))

    def names(self) -> Iterator[str]:
        """The names of what is kept, oldest first. Raises StorageError."""
        yield from dict.fromkeys(_name(path) for path in durable.files(self._new, self._cur))

    def read(self, name: str) -> Letter:
        """A kept mail. Raises KeyError when there is none, ValueError when the file is not one of ours,
        StorageError."""
        return Letter.parse(durable.read(self._find(name)[-1], letter.FIELD))

    def delete(self, name: str) -> None:
        """Forget a kept mail. Raises KeyError when there is none, StorageError."""
        for path in self._find(name):
            durable.remove(path)

    def _find(self, name: str) -> list[Path]:
        # It comes from a command line. There may be two: one that was seen, and one that a retry put into new/.
        if not name or "/" in name:
            raise KeyError(name)
        seen = [path for path in self._cur.iterdir() if _name(path) == name] if self._cur.is_dir() else []
        found = [path for path in (*seen, self._new / name) if durable.is_regular(path)]
        if not found:
            raise KeyError(name)
        return found


def _name(path: Path) -> str:
    # In cur/ a mail reader's flags follow a colon (maildir(5)).
    return path.name.partition(":")[0]
