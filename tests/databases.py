"""The databases over which contracts are tested, and a new one of each kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DATABASES = ("sqlite", "postgresql", "mariadb")
"""The others than SQLite are fixtures: one server each, for the whole run."""


@contextmanager
def new_database(name: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a database that nobody has used yet."""
    if name == "sqlite":
        yield f"sqlite:///{folder}/lamson.db"
        return
    with request.getfixturevalue(name).database() as url:
        yield url


@contextmanager
def empty_database(name: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The URL of a database without rows, which may have tables."""
    if name == "mariadb":
        with request.getfixturevalue(name).emptied() as url:
            yield url
        return
    with new_database(name, request, folder) as url:
        yield url
