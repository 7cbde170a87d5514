"""A world whose routes are those of lamson.toml, as a test writes them."""

import tomllib
from pathlib import Path

import pytest

from lamsonproxy import App
from lamsonproxy.config import Settings
from lamsonproxy.testing.plugin import lamson_database as lamson_database
from lamsonproxy.testing.plugin import world as world


@pytest.fixture
def toml() -> str:
    """The settings of a test; it may parametrize this."""
    return ""


@pytest.fixture
def lamson_settings(toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)
    return Settings.model_validate({"hostname": "mail.example.org", **tomllib.loads(toml)})


@pytest.fixture
def lamson_app() -> App:
    return App()
