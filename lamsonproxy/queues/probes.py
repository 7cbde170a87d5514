"""Probes that an operator waits for: one empty file each.

Law: fulfils `ports.Probes`. A file counts once: who deletes it has it.
"""

from pathlib import Path

from lamsonproxy import durable


class ProbeFolder:
    """Files at `path`, made by `lamson postfix apply`, deleted here."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> None:
        """Make the folder. Raises StorageError."""
        durable.make_folders(self._path)

    def claim(self, name: str) -> bool:
        return durable.remove(self._path / name)
