"""What a process tree used, read from /proc.

Law: figures are the kernel's own (proc(5)), of the process and its living children; nothing is sampled.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """The process and all its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from tree(int(child))


def cpu_s(pid: int) -> float:
    """User and system seconds of the tree."""
    return sum(_own_cpu_s(member) for member in tree(pid))


def peak_kib(pid: int) -> int:
    """The largest peak of resident memory of one process in the tree, in KiB."""
    return max(_status(member, "VmHWM") for member in tree(pid))


def resident_kib(pid: int) -> int:
    """The resident memory of the tree's largest process, in KiB."""
    return max(_status(member, "VmRSS") for member in tree(pid))


def _own_cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _status(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0
