"""The quarantine: a Maildir of mail that somebody should look at.

Law: fulfils `ports.Quarantine`. `keep` returns when the mail is durable; a retry of the same mail overwrites its copy,
so the same mail is there once. What cannot be read is named, skipped and left alone (D4): nothing is deleted but on
request.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from lamsonproxy.errors import StorageError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Parts
from lamsonproxy.queues import durable, letter
from lamsonproxy.queues.letter import Letter


class MaildirQuarantine:
    """A Maildir at `path`; new mail is in new/, and what a mail reader has seen in cur/."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._tmp, self._new, self._cur = path / "tmp", path / "new", path / "cur"

    def open(self) -> None:
        """Make the folders. Raises StorageError."""
        durable.make_folders(self._tmp, self._new, self._cur)

    def keep(self, name: str, envelope: Envelope, content: Parts, reason: str) -> None:
        kept_at = datetime.now(UTC).isoformat(timespec="seconds")
        durable.write(self._tmp, self._new / name, letter.parts(envelope, content, reason, kept_at))

    def cancel(self, name: str) -> None:
        durable.remove(self._new / name)

    def names(self) -> Iterator[str]:
        """The names of what is kept, oldest first."""
        files = [path for folder in (self._new, self._cur) if folder.is_dir() for path in folder.iterdir()]
        regular = [path for path in files if path.is_file() and not path.is_symlink()]
        for path in sorted(regular, key=lambda path: path.stat().st_mtime_ns):
            yield path.name.partition(":")[0]

    def read(self, name: str) -> Letter:
        """A kept mail. Raises KeyError when there is none, ValueError when the file is not one of ours."""
        path = self._find(name)
        try:
            return Letter.parse(path.read_bytes())
        except OSError as error:
            raise StorageError(f"cannot read {path}", error) from error

    def delete(self, name: str) -> None:
        """Forget a kept mail. Raises KeyError when there is none, StorageError."""
        durable.remove(self._find(name))

    def _find(self, name: str) -> Path:
        # A name is compared, never joined to a path: it comes from a command line.
        for folder in self._new, self._cur:
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.partition(":")[0] == name and path.is_file() and not path.is_symlink():
                    return path
        raise KeyError(name)
