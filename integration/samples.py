"""Mails to send through: the corpus, the odd ones that we make, and those of CPython's own tests.

Law: each is given as it lies there, but for line ends: a file with LF alone gets CRLF, because on the wire a
bare LF is something else (and has samples of its own).
"""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.corpus.odd import ODD

REPOSITORY = Path(__file__).parents[1]

Sample = Callable[[], bytes]


def samples() -> dict[str, Sample]:
    """Every sample by its name; read or made when called, for some are large."""
    files = sorted((REPOSITORY / "tests/corpus/mails").glob("*.eml")) + _cpython()
    return {path.name: partial(_read, path) for path in files} | ODD


def _cpython() -> list[Path]:
    """None where they are not to be had: they are a welcome addition, not a condition."""
    script = REPOSITORY / "scripts/get-test-email"
    done = subprocess.run([script, sys.executable], capture_output=True, text=True, timeout=120)
    return sorted(Path(done.stdout.strip()).glob("msg_*.txt")) if done.returncode == 0 else []


def _read(path: Path) -> bytes:
    octets = path.read_bytes()
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
