"""What was changed, by which choices, and since when: written before each change, read by apply, rollback and doctor.

    <config-dir>/lamsonproxy-backup/applied.json    what is in force now; gone after a rollback
    <config-dir>/lamsonproxy-backup/<time>/         main.cf and master.cf as they were, and what postconf showed

Law: the ledger is on disk before the first change that it names, so that whatever breaks in the middle, even the
machine, can be taken back. Files are 0600: main.cf may hold a password.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from lamsonproxy.errors import ConfigError
from lamsonproxy.postfix.changes import Change
from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.postconf import Postfix, Shown

FOLDER = "lamsonproxy-backup"
_APPLIED = "applied.json"


@dataclass(frozen=True, slots=True)
class Ledger:
    """One set-up that is in force, or was about to be."""

    choices: Choices
    applied_at: str
    backup: str
    changes: tuple[Change, ...] = ()
    is_complete: bool = False

    def with_changes(self, changes: Sequence[Change]) -> "Ledger":
        return replace(self, changes=(*self.changes, *changes))

    def without_changes(self, changes: Sequence[Change]) -> "Ledger":
        return replace(self, changes=tuple(change for change in self.changes if change not in changes))


def read(postfix: Postfix) -> Ledger | None:
    """What is in force; None when nothing of ours is. Raises ConfigError when the file cannot be read."""
    path = postfix.folder / FOLDER / _APPLIED
    try:
        return _from_json(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}, which says what was changed, cannot be read: {error}.") from error


def write(postfix: Postfix, ledger: Ledger) -> None:
    """Durable on return. Raises OSError."""
    folder = postfix.folder / FOLDER
    part = folder / f"{_APPLIED}.part"
    with open(part, "w", encoding="utf-8", opener=_private) as file:
        json.dump(asdict(ledger), file, indent=1, default=str)
        file.flush()
        os.fsync(file.fileno())
    part.rename(folder / _APPLIED)
    _sync(folder)


def forget(postfix: Postfix) -> None:
    """Nothing of ours is in force any more; the backups stay."""
    (postfix.folder / FOLDER / _APPLIED).unlink(missing_ok=True)


def back_up(postfix: Postfix, shown: Shown, now: datetime) -> str:
    """Keep the files as they are; the folder's name. Raises OSError."""
    folder = postfix.folder / FOLDER / now.strftime("%Y%m%dT%H%M%S.%fZ")
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    for name in ("main.cf", "master.cf"):
        shutil.copy(postfix.folder / name, folder)
        (folder / name).chmod(0o600)
    for name, text in (("postconf-n", shown.main), ("postconf-M", shown.master)):
        with open(folder / name, "w", encoding="utf-8", errors="surrogateescape", opener=_private) as file:
            file.write(text)
    return str(folder)


def _from_json(written: dict[str, Any]) -> Ledger:
    choices = dict(written["choices"])
    for name in ("listen", "reentry"):
        choices[name] = Place(**choices[name])
    for name in ("domains", "services", "peers"):
        choices[name] = tuple(choices[name])
    changes = tuple(Change(**change) for change in written["changes"])
    return Ledger(
        Choices(**choices), written["applied_at"], written["backup"], changes, written["is_complete"]
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
