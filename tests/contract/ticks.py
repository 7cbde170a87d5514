"""The time that files have moves in ticks of some milliseconds, and two files of one tick are of one age."""

from pathlib import Path


def await_next_tick(folder: Path) -> None:
    """Return when a file that is written now is younger than every one that was written before the call."""
    probe = folder / "tick"
    probe.touch()
    before = probe.stat().st_mtime_ns
    while probe.stat().st_mtime_ns == before:
        probe.touch()
