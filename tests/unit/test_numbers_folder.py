"""The folder of numbers: fresh, locked while it is used, and taken away."""

import subprocess
import sys
from pathlib import Path

import pytest

from lamsonproxy.errors import ConfigError
from lamsonproxy.workers.folder import folder_of_numbers, make_anew

KILLED = """
import os, signal, sys
from lamsonproxy.workers.folder import folder_of_numbers
with folder_of_numbers(sys.argv[1]) as folder:
    (folder / "counter_0.db").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_goes_with_its_supervisor(tmp_path: Path) -> None:
    with folder_of_numbers(str(tmp_path)) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("K1")
def test_that_of_a_supervisor_that_was_killed_is_removed_by_the_next(tmp_path: Path) -> None:
    subprocess.run((sys.executable, "-c", KILLED, str(tmp_path)), timeout=60, check=False)
    (abandoned,) = tmp_path.iterdir()
    with folder_of_numbers(str(tmp_path)) as folder:
        assert list(tmp_path.iterdir()) == [folder] != [abandoned]


def test_that_of_a_living_supervisor_is_left_alone(tmp_path: Path) -> None:
    with folder_of_numbers(str(tmp_path)) as one, folder_of_numbers(str(tmp_path)) as other:
        assert set(tmp_path.iterdir()) == {one, other}


def test_one_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    with folder_of_numbers(str(tmp_path)) as folder:
        make_anew(folder)
        folder.rmdir()
        make_anew(folder)
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.fault("K5")
def test_no_place_for_it_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no place for the metrics: No such file or directory \("):
        with folder_of_numbers(str(tmp_path / "none")):
            pass
