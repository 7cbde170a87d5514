"""The folder of numbers: where workers keep what they count, for the supervisor to sum.

Law: it is fresh, so that no number of an earlier run is in the sums, and it is gone with its supervisor, at the latest
when the next one starts. A lock shows that it is in use: to the next supervisor, and to systemd-tmpfiles(8), which
leaves a locked folder alone however old it is.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lamsonproxy.errors import ConfigError

PREFIX = "lamson-metrics-"


@contextmanager
def folder_of_numbers(place: str | None) -> Iterator[Path]:
    """A folder in this place, by default where temporary files are. Raises ConfigError when there can be none."""
    try:
        parent = Path(place or tempfile.gettempdir())
        _remove_abandoned(parent)
        folder, lock = _made(parent)
    except OSError as error:
        raise ConfigError(
            f"There is no place for the metrics: {error.strerror} ({error.filename})."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def make_anew(folder: Path) -> None:
    """Make it again if somebody has deleted it; where that fails, workers count for themselves."""
    with suppress(OSError):
        folder.mkdir(mode=0o700)


def _made(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # Another supervisor that starts at this moment may have found it unlocked, and remove it.
        with suppress(FileNotFoundError):
            if (lock := _locked(folder)) is not None:
                if folder.exists():
                    return folder, lock
                os.close(lock)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{PREFIX}*"):
        # Somebody else's, or removed by another supervisor just now.
        with suppress(OSError):
            if folder.lstat().st_uid == os.geteuid() and (lock := _locked(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """A lock on the folder, flock(2); it ends with the process, however that ends. None when another has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
