"""Files that are there after a power cut: the one place that writes mail to disk.

Law: mail is written in two steps, as Maildir does it. `hold` makes the content durable under a name of its own
that nobody looks at; `release` puts it where it counts, and returns when that is durable too. What is held can
be taken back without a look at anything else, so an attempt that fails never takes away what an earlier
attempt at the same mail has promised. An fsync that failed is never tried again: the kernel may have dropped
the pages and would say yes (D2). Files are 0600 and folders 0700, whatever the umask.

maildir(5) for tmp/, new/ and cur/; Postfix's mail_stream_finish() for the order.
"""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lamsonproxy.crash import crash_at
from lamsonproxy.errors import StorageError

HELD_FOR_S = 6 * 24 * 3600
"""Seconds after which a file that is still held belongs to a process that died. An attempt lasts ten minutes;
maildir(5) says 36 hours, but a clock may jump by two days (D7), and the few octets can wait."""


@dataclass(frozen=True, slots=True)
class Held:
    """Fulfils `ports.Held`: a file at `path`, meant for `target` in the same file system."""

    path: Path
    target: Path

    def release(self) -> None:
        # When this fails behind the rename, the file stays: it may stand in the place of one that was promised.
        with _told(f"cannot keep {self.target}"):
            try:
                os.rename(self.path, self.target)
            except FileNotFoundError:
                # The folder went while the mail was under way; if the file did, this fails again.
                make_folders(self.target.parent)
                os.rename(self.path, self.target)
            crash_at("file-renamed")
            _sync_folder(self.target.parent)
            crash_at("folder-synced")

    def cancel(self) -> None:
        with _told(f"cannot delete {self.path}"), suppress(FileNotFoundError):
            os.unlink(self.path)


def hold(folder: Path, target: Path, content: Iterable[bytes | memoryview]) -> Held:
    """Write a file into `folder` that can become `target`; its content is durable on return. Folders that somebody
    has deleted are made anew.

    Raises StorageError, and leaves nothing then.
    """
    path = folder / f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}"
    # That of the target too: after downstream's 250, at the release, would be late to find out. A few stat(2)
    # cost nothing beside the fsync.
    make_folders(folder, target.parent)
    try:
        with _told(f"cannot keep {target}"):
            _write_synced(path, content)
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
    return Held(path, target)


def make_folders(*folders: Path) -> None:
    """Make folders, and those above them, durable. Raises StorageError."""
    for folder in folders:
        with _told(f"cannot make the folder {folder}"):
            missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
            for path in reversed(missing):
                path.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(path.parent)


def remove(path: Path) -> bool:
    """Delete a file; False when it was not there. Raises StorageError."""
    with _told(f"cannot delete {path}"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        _sync_folder(path.parent)
    return True


def read(path: Path, beginning: bytes) -> bytes:
    """The octets of a file, never through a symbolic link.

    Raises ValueError when it begins otherwise, before the rest is read; StorageError.
    """
    with _told(f"cannot read {path}"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if file.read(len(beginning)) != beginning:
                raise ValueError("the first line is not ours")
            return beginning + file.read()


def files(*folders: Path) -> list[Path]:
    """The regular files in these folders, oldest first; what is anything else is left alone (D4).

    Raises StorageError.
    """
    ages = {}
    with _told("cannot list the kept mail"):
        for folder in folders:
            for entry in _entries(folder):
                # Another process may have taken it away in the meantime.
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        ages[Path(entry.path)] = entry.stat(follow_symlinks=False).st_mtime_ns
    return sorted(ages, key=ages.__getitem__)


def is_regular(path: Path) -> bool:
    """Whether this is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def forget_held(folder: Path) -> None:
    """Delete what a process that died has left held. Raises StorageError."""
    too_old = time.time() - HELD_FOR_S
    for path in files(folder):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < too_old:
                remove(path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _write_synced(path: Path, content: Iterable[bytes | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for part in content:
            _write_all(descriptor, memoryview(part))
        crash_at("file-written")
        os.fsync(descriptor)
        crash_at("file-synced")
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, part: memoryview) -> None:
    while part:
        part = part[os.write(descriptor, part) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(what, error) from error
