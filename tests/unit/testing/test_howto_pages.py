"""docs/howto/reply.md and docs/howto/bounce.md are true: their applications are played."""

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamsonproxy.config import Settings
from lamsonproxy.testing.world import World
from tests.unit.app.test_bounce_to import report

DOCS = Path(__file__).parents[3] / "docs" / "howto"
_MODULE = re.compile(r"```python\n# (app/[a-z/]+\.py)\n((?:(?!```).)*)```", re.DOTALL)


def _forget_app() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
        del sys.modules[name]


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The application of the page that the test is about."""
    text = (DOCS / request.param).read_text()
    for path, source in _MODULE.findall(text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source)
    templates = tmp_path / "app/templates"
    templates.mkdir()
    for template in re.findall(r"```mako\n(.*?)```", text, re.DOTALL):
        (templates / "hours.mako").write_text(template)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    _forget_app()
    app = importlib.import_module("app.main").app
    url = f"sqlite:///{tmp_path}/lamson.db"
    with World(app, Settings(database=url), url, tmp_path / "world") as world:
        yield world
    _forget_app()


@pytest.mark.parametrize("page", ["reply.md"], indirect=True)
def test_who_asks_is_answered_once_and_no_machine_is(page: World) -> None:
    alice = page.correspondent("alice@example.com")
    answer = alice.says("When?", to="hours@example.org", subject="Hours").hears("nine to five")
    assert answer.subject == "Re: Hours" and "> When?" in answer.text
    page.again()
    alice.hears_nothing()
    alice.says(
        "I am away", to="hours@example.org", headers={"Auto-Submitted": "auto-replied"}
    ).hears_nothing()


@pytest.mark.parametrize("page", ["reply.md"], indirect=True)
@pytest.mark.parametrize(
    ("raw", "quoted"),
    [
        (
            b"Subject: x\r\nContent-Type: text/html\r\n\r\n<p>When,<br>and <b>where</b>?",
            "> When,\n> and where?",
        ),
        (b"Subject: =?utf-8?q?a=07=E2=80=A8?=\r\n\r\nWhen?", "> When?"),
        (b"Subject: " + "Привет ".encode() * 7000 + b"\r\n\r\nWhen?", "> When?"),
        (b"Subject: x\r\n\r\n" + b"When? " * 100_000, "> […]"),
        (b"X-Nothing: else\r\n\r\n", "Somebody wrote:"),
    ],
)
def test_whatever_is_asked_is_answered(page: World, raw: bytes, quoted: str) -> None:
    alice = page.correspondent("alice@example.com")
    page.send("alice@example.com", "hours@example.org", raw=raw)
    answer = alice.hears("nine to five")
    assert quoted in answer.text and len(answer.raw) < 100_000


@pytest.mark.parametrize("page", ["bounce.md"], indirect=True)
def test_whose_address_has_died_gets_no_more_news(page: World) -> None:
    alice, bob = page.correspondent("alice@example.com"), page.correspondent("bob@example.net")
    page.send("editor@example.org", "news@lists.example.org", subject="News 1", text="Rain.")
    sender = alice.hears("News 1").envelope_sender
    bob.hears("News 1")
    assert sender == "news-bounces+alice=example.com@lists.example.org"
    page.send("", sender, raw=report("5.1.1"))
    page.send("editor@example.org", "news@lists.example.org", subject="News 2", text="Sun.")
    bob.hears("News 2")
    alice.hears_nothing()
