"""Files that are there after a power cut: the one place that writes mail to disk.

Law: a name appears in its folder only when its content and the folder's entry are on disk. What fails leaves nothing
behind but, at worst, a file in tmp/. An fsync that failed is never tried again: the kernel may have dropped the pages
and would say yes (D2). Files are 0600 and folders 0700, whatever the umask.

maildir(5) for tmp/, new/ and cur/; Postfix's mail_stream_finish() for the order.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lamsonproxy.errors import StorageError


def make_folders(*folders: Path) -> None:
    """Make folders, and those above them, durable. Raises StorageError."""
    for folder in folders:
        try:
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                path.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(path.parent)
        except OSError as error:
            raise StorageError(f"cannot make the folder {folder}", error) from error


def write(tmp: Path, target: Path, content: Iterable[bytes | memoryview]) -> None:
    """Write `target` by way of the folder `tmp`, overwriting; durable on return. Raises StorageError."""
    draft = tmp / f"{target.name}.{os.getpid()}"
    try:
        _write_synced(draft, content)
        os.rename(draft, target)
        _sync_folder(target.parent)
    except OSError as error:
        # Whatever the failure was, this file was never promised to anybody.
        with suppress(OSError):
            os.unlink(draft)
        raise StorageError(f"cannot keep {target}", error) from error


def move(source: Path, target: Path) -> None:
    """Rename within one file system, overwriting; durable on return. Raises StorageError."""
    try:
        os.rename(source, target)
        _sync_folder(target.parent)
        _sync_folder(source.parent)
    except OSError as error:
        raise StorageError(f"cannot move {source} to {target}", error) from error


def remove(path: Path) -> bool:
    """Delete a file; False when it was not there. Raises StorageError."""
    try:
        os.unlink(path)
        _sync_folder(path.parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"cannot delete {path}", error) from error
    return True


def _write_synced(path: Path, content: Iterable[bytes | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for part in content:
            _write_all(descriptor, memoryview(part))
        os.fsync(descriptor)
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
