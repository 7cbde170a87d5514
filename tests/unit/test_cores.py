"""A worker keeps to one of the cores that it was given."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")

_SCRIPT = """
import os, sys
from lamsonproxy.workers.cores import keep_to_one_core
given = set(map(int, sys.argv[2].split(",")))
os.sched_setaffinity(0, given)
if sys.argv[3] == "refused":
    def refuse(*_):
        raise PermissionError
    os.sched_setaffinity = refuse
if sys.argv[3] == "without /proc":
    def miss(*_):
        raise FileNotFoundError
    os.readlink = os.listdir = os.scandir = miss
if sys.argv[3].startswith("pid:"):
    os.readlink = lambda _: sys.argv[3]
    os.getppid = lambda: 1
keep_to_one_core(int(sys.argv[1]))
print(*sorted(os.sched_getaffinity(0)))
"""


def cores_of(number: int, given: set[int], kernel: str = "") -> set[int]:
    words = (sys.executable, "-c", _SCRIPT, str(number), ",".join(map(str, given)), kernel)
    printed = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
    return {int(core) for core in printed.split()}


def test_neighbours_keep_to_a_core_each_while_there_are_some() -> None:
    given = os.sched_getaffinity(0)
    taken = [cores_of(number, given) for number in range(len(given))]
    assert all(len(cores) == 1 for cores in taken)
    assert set.union(*taken) == given


def test_a_core_that_was_not_given_is_never_taken() -> None:
    one = {max(os.sched_getaffinity(0))}
    assert [cores_of(number, one) for number in range(3)] == [one, one, one]


def test_where_the_kernel_says_no_it_goes_on_with_all() -> None:
    given = os.sched_getaffinity(0)
    assert cores_of(0, given, "refused") == given


def test_where_there_is_no_proc_it_goes_on_with_all() -> None:
    given = os.sched_getaffinity(0)
    assert cores_of(0, given, "without /proc") == given


def test_first_workers_of_containers_do_not_all_keep_to_the_same_core() -> None:
    given = os.sched_getaffinity(0)
    taken = [cores_of(0, given, f"pid:[{number}]") for number in range(4026532300, 4026532316, 2)]
    assert len(set.union(*taken)) > 1 or len(given) == 1
