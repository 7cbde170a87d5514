"""The pytest plugin: fixtures for testing an application. Each may be overridden in a conftest.py.

    world             the application and everybody around it
    correspondent     `world.correspondent`
    lamson_settings   the settings of lamson.toml
    lamson_app        the App that they name
    lamson_database   the URL of an empty database: SQLite, in a folder of the test's own

Law: the `database` of lamson.toml is never touched. What is imported here is imported by every run of pytest where
lamsonproxy is installed, so nothing of it is until a test asks.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lamsonproxy.app.application import App
    from lamsonproxy.config import Settings
    from lamsonproxy.testing.correspondent import Correspondent
    from lamsonproxy.testing.world import World

SETTINGS = "lamson.toml"


@pytest.fixture
def lamson_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "Settings":
    """The settings of the lamson.toml beside the test or above it, up to pytest's root; the test runs in its folder, as
    the service would. The defaults where there is none."""
    from lamsonproxy.config import Settings, load

    root = request.config.rootpath
    above = [folder for folder in request.path.parents if folder.is_relative_to(root)]
    found = next((folder for folder in (*above, Path.cwd()) if (folder / SETTINGS).is_file()), None)
    if found is None:
        return Settings(hostname="lamson.example")
    monkeypatch.chdir(found)
    return load(found / SETTINGS)


@pytest.fixture
def lamson_app(lamson_settings: "Settings") -> "App":
    """The App that the settings name."""
    from lamsonproxy.app.application import find_app

    if not lamson_settings.app:
        pytest.fail(
            f"No application: there is no {SETTINGS} that names one; or override the fixture lamson_app."
        )
    return find_app(lamson_settings.app)


@pytest.fixture
def lamson_database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database of the test's own."""
    return f"sqlite:///{tmp_path_factory.mktemp('database')}/lamson.db"


@pytest.fixture
def world(
    lamson_settings: "Settings",
    lamson_app: "App",
    lamson_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator["World"]:
    """The application and everybody around it."""
    from lamsonproxy.testing.world import World

    # Not tmp_path, which is the test's.
    folder = tmp_path_factory.mktemp("world")
    with World(lamson_app, lamson_settings, lamson_database, folder) as world:
        yield world


@pytest.fixture
def correspondent(world: "World") -> "Callable[[str], Correspondent]":
    """Makes somebody who writes and reads mail."""
    return world.correspondent
