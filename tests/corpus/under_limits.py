"""Run as a program: reads and edits every bomb, or every mutation of the corpus, each in a child process that may use
so much CPU and memory, and prints how it went. Its one argument is "bombs" or "mutations".

Law: resource limits, not stopwatches. The children are forked from a process that has imported everything, so what is
limited is what reading costs. On a busy machine a processor's second holds half the work (its caches and its other
half belong to somebody else): what took too long has to do so ATTEMPTS times, as what is slow by itself does.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.corpus.bombs import BOMBS
from tests.corpus.editing import edit_everything
from tests.corpus.mutations import COUNT, mutation
from tests.corpus.reading import read_everything

CPU_LIMIT_S = 1
MEMORY_LIMIT = 64 * 1024 * 1024

ATTEMPTS = 3
TOO_SLOW = "took too much CPU"

EDITING_CPU_LIMIT_S = 10
EDITING_MEMORY_LIMIT = 128 * 1024 * 1024
"""For some forty edits, of mails of up to 10 MB."""

EDITED_MUTATIONS = 10
"""One in so many mutations is edited too."""


def reading(raw: bytes) -> str:
    """ "" when reading kept to the limits, else a sentence."""
    return _outcome(raw, read_everything, CPU_LIMIT_S, MEMORY_LIMIT)


def editing(raw: bytes) -> str:
    """The same for editing."""
    return _outcome(raw, edit_everything, EDITING_CPU_LIMIT_S, EDITING_MEMORY_LIMIT)


def _outcome(raw: bytes, act: Callable[[bytes], object], cpu_limit_s: int, memory_limit: int) -> str:
    attempts = (_attempt(raw, act, cpu_limit_s, memory_limit) for _ in range(ATTEMPTS))
    return next((outcome for outcome in attempts if outcome != TOO_SLOW), TOO_SLOW)


def _attempt(raw: bytes, act: Callable[[bytes], object], cpu_limit_s: int, memory_limit: int) -> str:
    child = os.fork()
    if child == 0:
        os._exit(_limited(raw, act, cpu_limit_s, memory_limit))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        killer = os.WTERMSIG(status)
        return TOO_SLOW if killer == signal.SIGXCPU else f"died of {signal.Signals(killer).name}"
    return {0: "", 1: "raised", 2: "took too much memory"}[os.waitstatus_to_exitcode(status)]


def _limited(raw: bytes, act: Callable[[bytes], object], cpu_limit_s: int, memory_limit: int) -> int:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + memory_limit,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 1))
    try:
        act(raw)
    except MemoryError:
        return 2
    except BaseException:
        return 1
    return 0


def _bombs() -> Iterator[tuple[str, str]]:
    for name, make in BOMBS.items():
        yield f"reading {name}", reading(make())
        yield f"editing {name}", editing(make())


def _mutations() -> Iterator[tuple[str, str]]:
    folder = Path(__file__).parent / "mails"
    mails = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
    for number in range(COUNT):
        yield f"reading {number}", reading(mutation(number, mails))
        if number % EDITED_MUTATIONS == 0:
            yield f"editing {number}", editing(mutation(number, mails))


if __name__ == "__main__":
    print(json.dumps(dict({"bombs": _bombs, "mutations": _mutations}[sys.argv[1]]())))
