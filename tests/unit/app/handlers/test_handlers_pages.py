"""docs/handlers.md and the how-tos beside it are true: their settings and their Python are played."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamsonproxy import App
from lamsonproxy.app.ready import READY, options_of
from lamsonproxy.config import Settings
from lamsonproxy.config.checks import contradictions
from lamsonproxy.config.routes import app_of, routes_of
from lamsonproxy.testing.letter import Letter
from lamsonproxy.testing.world import World
from tests.unit.app.handlers.test_ready_handlers import ATTACHED, SIGNED

DOCS = Path(__file__).parents[4] / "docs"
PAGES = {
    name: (DOCS / name).read_text()
    for name in ("handlers.md", "howto/tag.md", "howto/footer.md", "howto/strip.md", "howto/archive.md")
}
TOML = [
    pytest.param(text, id=f"{name}-{n}")
    for name, page in PAGES.items()
    for n, text in enumerate(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
]
ALICE, BOB, OWN = "alice@example.com", "bob@example.org", "carol@example.org"
RAW = b"From: alice@example.com\r\nSubject: Soup\r\n\r\nIs there any?\r\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "footer.txt").write_text("-- \nThe cooks of example.org\n")
    (tmp_path / "footer.html").write_text("<p>The cooks of example.org</p>\n")
    yield tmp_path
    sys.modules.pop("filters", None)


def settings_of(text: str) -> Settings:
    return Settings.model_validate({"hostname": "mail.example.org", **tomllib.loads(text)})


def in_toml(page: str) -> Settings:
    return settings_of(re.findall(r"```toml\n(.*?)```", PAGES[page], re.DOTALL)[0])


def in_python(page: str, folder: Path) -> Settings:
    (source,) = re.findall(r"```python\n# filters\.py\n(.*?)```", PAGES[page], re.DOTALL)
    (folder / "filters.py").write_text(source)
    return Settings(hostname="mail.example.org", app="filters:app")


def played(settings: Settings, database: str, folder: Path, *mails: tuple[str, bytes]) -> World:
    """A world in which mails were sent, each from a sender."""
    with World(app_of(settings) or App(), settings, database, folder / "world") as world:
        for sender, raw in mails:
            world.send(sender, BOB, raw=raw)
    return world


def subjects(letters: tuple[Letter, ...] | list[Letter]) -> list[str]:
    return [letter.subject for letter in letters]


both = pytest.mark.parametrize("is_python", [False, True], ids=["toml", "python"])


@pytest.mark.parametrize("text", TOML)
def test_all_settings_on_the_pages_are_right(text: str) -> None:
    settings = settings_of(text)
    assert list(contradictions(settings)) == []
    assert len(routes_of(settings, None)) == len(settings.route) > 0


def test_every_handler_and_every_option_is_in_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", PAGES["handlers.md"], re.MULTILINE)
    assert [name for name, _ in rows] == sorted(READY)
    for name, options in rows:
        assert re.findall(r"`(\w+)`", options) == list(options_of(name)), name
        for option, default in re.findall(r"`(\w+)` = (\w+)", options):
            assert str(options_of(name)[option].default).lower() == default


def test_the_python_of_the_page_loads(folder: Path) -> None:
    settings = in_python("handlers.md", folder)
    assert [route.name for route in routes_of(settings, app_of(settings))] == [
        "filters.tag",
        "filters.stamp",
    ]


@both
def test_tag(is_python: bool, folder: Path, lamson_database: str) -> None:
    settings = in_python("howto/tag.md", folder) if is_python else in_toml("howto/tag.md")
    answer = RAW.replace(b"Soup", b"Re: [extern] Soup")
    world = played(settings, lamson_database, folder, (ALICE, RAW), (ALICE, answer))
    assert subjects(list(world.relayed)) == ["[extern] Soup", "Re: [extern] Soup"]


def test_tag_in_python_looks_at_the_sender(folder: Path, lamson_database: str) -> None:
    world = played(in_python("howto/tag.md", folder), lamson_database, folder, (OWN, RAW))
    assert subjects(list(world.relayed)) == ["Soup"]


@both
def test_footer(is_python: bool, folder: Path, lamson_database: str) -> None:
    settings = in_python("howto/footer.md", folder) if is_python else in_toml("howto/footer.md")
    world = played(settings, lamson_database, folder, (OWN, RAW), (OWN, SIGNED))
    assert world.relayed[0].raw.endswith(b"\r\n\r\nIs there any?\r\n-- \r\nThe cooks of example.org\r\n")
    assert world.relayed[1].raw.endswith(SIGNED)


@both
def test_strip(is_python: bool, folder: Path, lamson_database: str) -> None:
    settings = in_python("howto/strip.md", folder) if is_python else in_toml("howto/strip.md")
    with World(app_of(settings) or App(), settings, lamson_database, folder / "world") as world:
        for raw in (RAW, ATTACHED, SIGNED):
            world.send(ALICE, BOB, raw=raw)
        plain, stripped = world.relayed
        assert plain.raw.endswith(RAW)
        assert b"The attachment game.exe was removed. Ask postmaster" in stripped.raw
        assert [kept.reason for kept in world.quarantined] == [
            "an attachment to be removed is signed or encrypted"
        ]


@both
def test_archive(is_python: bool, folder: Path, lamson_database: str) -> None:
    settings = in_python("howto/archive.md", folder) if is_python else in_toml("howto/archive.md")
    played(settings, lamson_database, folder, (ALICE, RAW))
    (file,) = folder.glob("var/archive/*/new/*")
    assert re.fullmatch(r"\d{4}-\d\d", file.parent.parent.name)
    envelope = f"Return-Path: <{ALICE}>\r\nX-Original-To: <{BOB}>\r\n"
    assert file.read_bytes() == envelope.encode() + RAW
