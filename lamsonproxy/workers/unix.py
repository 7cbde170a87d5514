"""Unix sockets: files that outlive the process that bound them, and whose permissions are their lock.

Law: what somebody serves is never taken away, and neither is a file that is no socket; only a socket that nobody
answers on is stale and is replaced. Nobody can ever connect who is not meant to: a socket is made closed to
everybody, and then opened to whom the settings name.

unix(7); Postfix's lmtp(8) connects as the user `postfix`.
"""

import errno
import os
import shutil
import socket
import stat
from contextlib import suppress

from lamsonproxy.config import UnixSocket


class UnixListener(socket.socket):
    """A listening socket that takes its file away when it is closed. Raises OSError when it cannot be bound."""

    def __init__(self, path: str, backlog: int) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self._path = path
        self._file: tuple[int, int] | None = None
        try:
            _clear(path)
            # The file gets the mode of the descriptor, less the umask.
            os.fchmod(self.fileno(), 0)
            self.bind(path)
            self._file = _identity(path)
            self.listen(backlog)
            self.setblocking(False)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close it; the file goes too, unless another process has put its own in that place."""
        with suppress(OSError):
            if self._file and _identity(self._path) == self._file:
                os.unlink(self._path)
        super().close()


def permit(place: UnixSocket) -> None:
    """Let in whom the settings name. Raises OSError."""
    if place.group:
        try:
            shutil.chown(place.path, group=place.group)
        except LookupError:
            raise OSError(errno.EINVAL, f"There is no group {place.group}") from None
    os.chmod(place.path, place.mode)


def _identity(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino


def _clear(path: str) -> None:
    """Take away a socket that nobody serves. Raises OSError when the place is taken."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "There is something else that is no socket")
    except FileNotFoundError:
        return
    if _is_served(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    os.unlink(path)


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.setblocking(False)
        try:
            knocking.connect(path)
        except ConnectionRefusedError:
            return False
        except BlockingIOError:
            return True  # Somebody listens, and is busy.
    return True
