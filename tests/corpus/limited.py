"""Starts the program that reads and edits under limits (`under_limits`), and gives what it found."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def outcomes_of(what: str) -> dict[str, str]:
    """How each went: "" for what kept to the limits, else a sentence."""
    program = [sys.executable, "-m", "tests.corpus.under_limits", what]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, timeout=600, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
