"""examples/django, as its reader meets it: its tests, its migrations, and what `lamson check` says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.testing.test_plugin import LIMIT_S, REPOSITORY, run

EXAMPLE = REPOSITORY / "examples" / "django"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    unwanted = shutil.ignore_patterns("__pycache__", "var", "*.sqlite3*")
    return shutil.copytree(EXAMPLE, tmp_path / "django", ignore=unwanted)


def say(folder: Path, *words: str) -> str:
    done = subprocess.run(
        (sys.executable, *words),
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "DJANGO_SETTINGS_MODULE": "helpdesk.settings"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_the_example_pass_and_leave_nothing_behind(project: Path) -> None:
    before = sorted(project.rglob("*"))
    done = run(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(project.rglob("*")) == before


def test_the_migration_is_that_of_the_models_and_the_settings_are_well(project: Path) -> None:
    assert "No changes" in say(project, "manage.py", "makemigrations", "--check", "--dry-run")
    say(project, "manage.py", "migrate")
    assert (project / "django.sqlite3").is_file()
    assert "All is well" in say(project, "-m", "lamsonproxy", "check")
