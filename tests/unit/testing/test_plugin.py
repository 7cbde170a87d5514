"""The plugin, as a project meets it: the example's own tests, run in its folder by a pytest of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgres import Cluster

REPOSITORY = Path(__file__).parents[3]
EXAMPLE = REPOSITORY / "examples" / "lists"
LIMIT_S = 300

# As docs/testing.md shows it.
ON_POSTGRESQL = """
import time

import psycopg
import pytest

@pytest.fixture
def lamson_database():
    name = f"test_{time.monotonic_ns()}"
    with psycopg.connect("SERVER/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"SERVER/{name}".replace("postgresql:", "postgresql+psycopg:")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    copy = tmp_path / "lists"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "var"))
    return copy


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest there, with the kit's plugin and no other."""
    words = ("-m", "pytest", "-p", "lamsonproxy.testing.plugin", "-p", "no:cacheprovider", "-W", "error")
    return subprocess.run(
        (sys.executable, *words, "--basetemp", folder.parent / "base", *arguments),
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_the_tests_of_the_example_pass_and_leave_nothing_behind(project: Path) -> None:
    before = sorted(project.rglob("*"))
    done = run(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(project.rglob("*")) == before


def test_the_tests_of_the_example_pass_on_postgresql(project: Path, postgresql: Cluster) -> None:
    server = postgresql.url("").removesuffix("/").replace("+psycopg", "")
    (project / "tests/conftest.py").write_text(ON_POSTGRESQL.replace("SERVER", server))
    done = run(project)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_is_found_from_above(project: Path) -> None:
    done = run(project, "--rootdir", "..", "-k", "newcomer")
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_an_application_the_fixture_says_what_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "test_nothing.py").write_text("def test_nothing(world): ...\n")
    done = run(folder)
    assert done.returncode == 1
    assert "there is no lamson.toml that names one" in done.stdout


def test_where_no_test_asks_for_a_world_the_service_is_not_imported(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    unwanted = '"sqlalchemy" in sys.modules or "aiosmtpd" in sys.modules'
    (folder / "test_other.py").write_text(f"import sys\n\ndef test_it():\n    assert not ({unwanted})\n")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
