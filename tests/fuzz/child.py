"""Run as a program by `python -m tests.fuzz`: one target under atheris, until its time is over or something is found.

Law: what is fuzzed is imported under atheris's eyes, so that it sees which lines an input reaches. One input in some
is also looked at for growth (`growth`); which ones, their octets say, so a finding is found again.
"""

import importlib
import sys
import tempfile
import zlib

LONGEST = 4096
"""Octets of an input: what is in longer ones is in several short ones, and those are faster."""

GROWTH_ONE_IN = 32
WALL_LIMIT_S = 300
"""For one input, its growth included, on a machine that does other things too."""

# No wheel of it for every Python, so no types for any.
atheris = importlib.import_module("atheris")

with atheris.instrument_imports(include=["lamsonproxy", "tests.fuzz.targets"]):
    from tests.corpus.mutations import WORDS
    from tests.fuzz.growth import check_growth
    from tests.fuzz.seeds import LEARNT
    from tests.fuzz.targets import TARGETS


def main(name: str, *options: str) -> None:
    target = TARGETS[name]

    def run(octets: bytes) -> None:
        target(octets)
        if zlib.crc32(octets, 1) % GROWTH_ONE_IN == 0:
            check_growth(target, octets)

    with tempfile.NamedTemporaryFile("w", suffix=".dict") as words:
        words.writelines(map(_line_of_dictionary, WORDS))
        words.flush()
        limits = [f"-max_len={LONGEST}", f"-timeout={WALL_LIMIT_S}", f"-artifact_prefix={LEARNT / name}-"]
        atheris.Setup(
            [sys.argv[0], *limits, f"-dict={words.name}", "-verbosity=0", "-print_final_stats=1", *options],
            run,
        )
        atheris.Fuzz()


def _line_of_dictionary(word: bytes) -> str:
    return '"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n'


if __name__ == "__main__":
    main(*sys.argv[1:])
