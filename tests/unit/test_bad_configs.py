"""Settings and applications that must not work, each with the sentences that the operator must see (K5)."""

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent / "bad-configs"
FILES = sorted(HERE.glob("*.toml"))
LIMIT_S = 60


@dataclass(frozen=True)
class Case:
    environment: dict[str, str]
    sentences: list[str]


def case_of(path: Path) -> Case:
    lines = path.read_text().splitlines()
    variables = (line.removeprefix("#$ ").split("=", 1) for line in lines if line.startswith("#$ "))
    sentences = [
        line.removeprefix("#! ").replace("here/", f"{HERE}/") for line in lines if line.startswith("#! ")
    ]
    return Case({name: value for name, value in variables}, sentences)


def as_expected(told: str, sentence: str) -> str:
    """The sentence, if what was told begins as it says; else what was told."""
    begins = sentence.endswith("...") and told.startswith(sentence.removesuffix("..."))
    return sentence if begins else told


@pytest.mark.fault("K5")
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_mistake_is_told_in_a_sentence(path: Path) -> None:
    case = case_of(path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAMSON_")}
    done = subprocess.run(
        (sys.executable, "-m", "lamsonproxy", "check", "--config", str(path)),
        env=clean | case.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    told = done.stderr.splitlines()
    assert [as_expected(*pair) for pair in zip_longest(told, case.sentences, fillvalue="")] == case.sentences
    assert done.returncode == 1
    assert "canary" not in done.stdout + done.stderr


def test_there_are_enough_of_them() -> None:
    assert len(FILES) >= 20
