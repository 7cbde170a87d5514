"""The crash points: that they kill, when they kill, and that their list is true."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from lamsonproxy.crash import POINTS, mistakes

ROOT = Path(__file__).parents[2]
LIMIT_S = 60

PASSING = """
from lamsonproxy.crash import crash_at
for place in "after-lock before-commit before-commit before-commit".split():
    crash_at(place)
    print(place, flush=True)
"""


def passed(**variables: str) -> tuple[int, list[str]]:
    """The status of a process that comes by four points, and those that it survived."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAMSON_CRASH")}
    words = [sys.executable, "-c", PASSING]
    done = subprocess.run(
        words, env={**clean, **variables}, capture_output=True, text=True, timeout=LIMIT_S, cwd=ROOT
    )
    return done.returncode, done.stdout.split()


def test_without_the_variable_nobody_dies() -> None:
    assert passed()[0] == 0


@pytest.mark.parametrize(("aim", "survived"), [("before-commit", 1), ("before-commit:3", 3)])
def test_it_kills_at_the_named_point_and_at_the_named_time(aim: str, survived: int) -> None:
    status, points = passed(LAMSON_CRASH_AT=aim)
    assert (status, len(points)) == (-signal.SIGKILL, survived)


def test_it_kills_only_while_the_file_is_there_and_takes_it_along(tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    variables = {"LAMSON_CRASH_AT": "before-commit", "LAMSON_CRASH_ONCE": str(armed)}
    assert passed(**variables)[0] == 0
    armed.touch()
    assert passed(**variables)[0] == -signal.SIGKILL
    assert passed(**variables)[0] == 0


@pytest.mark.parametrize("aim", ["", "before-commit", "before-commit:2"])
def test_a_point_that_there_is_is_no_mistake(aim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMSON_CRASH_AT", aim)
    assert not list(mistakes())


@pytest.mark.parametrize(
    "aim", ["before-comit", "before-comit:1", ":2", "before-commit:0", "before-commit:x"]
)
def test_a_slip_of_the_pen_is_a_mistake(aim: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMSON_CRASH_AT", aim)
    assert len(list(mistakes())) == 1


def test_the_list_the_code_and_the_page_name_the_same_points() -> None:
    calls: Counter[str] = Counter()
    for path in (ROOT / "lamsonproxy").rglob("*.py"):
        calls.update(re.findall(r'\bcrash_at\("([a-z-]+)"\)', path.read_text()))
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/crashes.md").read_text(), re.MULTILINE)
    assert set(calls) == POINTS
    assert Counter(rows) == Counter(POINTS)
    assert len(POINTS) >= 25
