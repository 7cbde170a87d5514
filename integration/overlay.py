"""Somebody else's mail system from unpacked packages, in a mount namespace where it finds its paths and accounts.

Law: the machine's own files are neither written nor read differently by anybody else; nothing is installed.

unshare(1), overlayfs with lower layers alone.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
_MOUNTS = (
    'mount -t overlay overlay -o "lowerdir=$1:/etc" /etc && '
    'mount -t overlay overlay -o "lowerdir=$2/usr:/usr" /usr && '
    'shift 2 && exec "$@"'
)


def unpacked(name: str) -> Path:
    """The folder of the packages; without them, or without root's rights, the test is skipped."""
    script = REPOSITORY / "scripts" / "get-mta"
    done = subprocess.run([script, name], capture_output=True, text=True, timeout=300)
    if done.returncode != 0 or os.geteuid() != 0:
        pytest.skip(f"{name} cannot be had: {done.stderr.strip()[-200:] or 'only root may start it'}")
    return Path(done.stdout.strip())


def over_ours(etc: Path, packages: Path, *command: str) -> list[str]:
    """The command, with these files over /etc and those of the packages over /usr."""
    return [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        _MOUNTS,
        "sh",
        str(etc),
        str(packages),
        *command,
    ]


def with_accounts(etc: Path, accounts: Mapping[str, int]) -> None:
    """passwd and group of the machine, and these accounts with groups of their own."""
    users = "".join(f"{name}:x:{number}:{number}::/:/usr/sbin/nologin\n" for name, number in accounts.items())
    groups = "".join(f"{name}:x:{number}:\n" for name, number in accounts.items())
    (etc / "passwd").write_text(Path("/etc/passwd").read_text() + users)
    (etc / "group").write_text(Path("/etc/group").read_text() + groups)
