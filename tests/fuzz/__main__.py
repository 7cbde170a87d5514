"""`python -m tests.fuzz [--seconds N] [TARGET ...]`: atheris makes up mail, and keeps what reaches new lines of code.

Law: a finding ends the run, and is left as a file that shows it again: `python -m tests.fuzz --again FILE TARGET`.
What was learnt stays in var/fuzz, so that the next run begins there. Where there is no atheris, nothing is fuzzed,
and that is said.
"""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.fuzz.seeds import LEARNT, REPOSITORY, folders_of
from tests.fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads mail.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=450, help="for each target (default: %(default)s)")
    parser.add_argument("--again", type=Path, metavar="FILE", help="run the targets once, on this finding")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        print("No atheris here (it has no wheel for this Python): nothing was fuzzed.")
        return 0
    names = given.targets or list(TARGETS)
    if given.again:
        return max(_run(name, given.again.resolve()) for name in names)
    return max(_run(name, f"-max_total_time={given.seconds}", *_folders(name)) for name in names)


def _run(name: str, *what: str | Path) -> int:
    print(f"== {name}", flush=True)
    program = [sys.executable, "-m", "tests.fuzz.child", name, *map(str, what)]
    return 1 if subprocess.run(program, cwd=REPOSITORY, check=False).returncode else 0


def _folders(name: str) -> list[Path]:
    """Where new inputs go, and where it begins."""
    (LEARNT / name).mkdir(parents=True, exist_ok=True)
    return [LEARNT / name, *folders_of(name)]


if __name__ == "__main__":
    sys.exit(main())
