"""`lamson db`: the schema as an operator sees it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 60


def lamson(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lamsonproxy", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "lamson.toml"
    path.write_text(f'database = "sqlite:///{tmp_path}/lamson.db"\n')
    return path


def test_upgrade_makes_the_tables_and_says_so_and_a_second_one_has_nothing_to_do(config: Path) -> None:
    first, second = lamson("db", "upgrade", "-c", config), lamson("db", "upgrade", "-c", config)
    assert first.returncode == second.returncode == 0
    assert first.stdout.endswith(", from nothing.\n") and "from" not in second.stdout
    shown = json.loads(lamson("db", "version", "--json", "-c", config).stdout)
    assert shown["database"] == shown["program"] != ""


def test_a_database_that_cannot_be_reached_is_a_sentence_and_exit_1(config: Path) -> None:
    config.write_text('database = "postgresql+psycopg://lamson:canary@127.0.0.1:1/lamson"\n')
    told = lamson("db", "upgrade", "-c", config)
    assert told.returncode == 1 and "canary" not in told.stderr and "Traceback" not in told.stderr
    assert told.stderr.strip()
