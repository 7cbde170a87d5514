"""`lamson check`: what would keep the service from starting, told without starting it."""

import os
from collections.abc import Iterator
from pathlib import Path

from lamsonproxy.app.application import find_app
from lamsonproxy.cli.place import settled_at
from lamsonproxy.config import Settings
from lamsonproxy.errors import AppError, ConfigError


def verdict_on(config: Path | None) -> str:
    """One line that all is well. Raises ConfigError with every mistake in the settings and in the
    application."""
    settings = settled_at(config)()
    problems = list(_places(settings))
    routes = 0
    try:
        routes = len(find_app(settings.app).load()) if settings.app else 0
    except AppError as error:
        problems += error.problems
    if problems:
        raise ConfigError(*problems)
    doors = ", ".join(f"{door.name} at {door.listen}" for door in settings.door)
    return f"All is well: {doors}; {_counted(routes, 'route')}, {_counted(settings.workers, 'worker')}."


def _places(settings: Settings) -> Iterator[str]:
    """The quarantine is made when it is missing; its nearest folder that exists must let us."""
    path = settings.quarantine.path
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if not nearest.is_dir():
        yield f"quarantine.path is {path}, but {nearest} is no folder."
    elif not os.access(nearest, os.W_OK | os.X_OK):
        yield f"quarantine.path is {path}, but {nearest} is not writable for this user."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
