"""What the private servers of the tests have in common: whose they are, where they listen, how they are found."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
START_S = 60.0
PASSWORD = "a-canary-that-no-text-may-hold"


def printed_by(script: str, *, require: str) -> list[str]:
    """The lines of a `scripts/get-…`. Skips the test where it has nothing, or fails it where the variable `require`
    is 1."""
    command = (str(REPOSITORY / "scripts" / script),)
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        if os.environ.get(require) == "1":
            pytest.fail(f"{require}=1, but: {done.stderr.strip()}")
        pytest.skip(done.stderr.strip() or f"{script} has nothing")
    return done.stdout.splitlines()


def give_to_nobody(*paths: Path) -> None:
    """Databases refuse to run as root: where that is us, another user runs them."""
    if os.getuid() == 0:
        for path in paths:
            shutil.chown(path, *_nobody())


def as_nobody() -> tuple[str, ...]:
    """How a command line begins that such a user runs."""
    if os.getuid() != 0:
        return ()
    uid, gid = _nobody()
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")


def _nobody() -> tuple[int, int]:
    import pwd

    user = pwd.getpwnam("nobody")
    return user.pw_uid, user.pw_gid


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
