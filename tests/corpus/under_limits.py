"""Run as a program: reads every bomb in a child process that may use so much CPU and memory, and prints how it went.

Law: resource limits, not stopwatches: a busy machine changes nothing. The children are forked from a process that has
imported everything, so what is limited is what reading costs.
"""

import json
import os
import resource
import signal
from pathlib import Path

from tests.corpus.bombs import BOMBS
from tests.corpus.reading import read_everything

CPU_LIMIT_S = 1
MEMORY_LIMIT = 64 * 1024 * 1024


def outcome(raw: bytes) -> str:
    """ "" when reading kept to the limits, else a sentence."""
    child = os.fork()
    if child == 0:
        os._exit(_read_limited(raw))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        killer = os.WTERMSIG(status)
        return "took too much CPU" if killer == signal.SIGXCPU else f"died of {signal.Signals(killer).name}"
    return {0: "", 1: "raised", 2: "took too much memory"}[os.waitstatus_to_exitcode(status)]


def _read_limited(raw: bytes) -> int:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY_LIMIT,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 1))
    try:
        read_everything(raw)
    except MemoryError:
        return 2
    except BaseException:
        return 1
    return 0


if __name__ == "__main__":
    print(json.dumps({name: outcome(make()) for name, make in BOMBS.items()}))
