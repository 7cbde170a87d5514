"""docs/states.md is true: its machine loads, is beyond doubt, and is drawn as the page shows it."""

import re
from pathlib import Path

import pytest

from lamsonproxy import App
from lamsonproxy.app.diagram import mermaid
from lamsonproxy.app.lint import lint
from lamsonproxy.app.routing import Routes
from tests.unit.app.conftest import Write

PAGE = (Path(__file__).parents[3] / "docs" / "states.md").read_text()
CAPTURES = {"host": r"lists\.example\.org", "list_name": "[a-z]+", "secret": "[a-z0-9]{32}"}


@pytest.fixture
def routes(write: Write) -> Routes:
    write("lists", _block("python"))
    return App("lists", captures=CAPTURES).load()


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


def test_the_machine_of_the_page_is_beyond_doubt(routes: Routes) -> None:
    assert lint(routes) == []


def test_the_machine_is_drawn_as_the_page_shows_it(routes: Routes) -> None:
    assert f"{mermaid(routes.machines)}\n" == _block("mermaid")
