"""A template that fails while mail flows: the mail is 451, the log says where, and nobody else hears of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamsonproxy import App
from lamsonproxy.config import Settings
from lamsonproxy.testing.world import World

ALICE = "alice@example.com"
TEMPLATES = {
    "a.mako": "Subject: Hello\n\nDear ${name},\nyour number is ${number}.\n",
    "b.jinja": "Subject: Hello\n\nDear {{ name }},\nyour number is {{ number }}.\n",
    "c.mako": "Subject: Hello\n\ntext\n",
    "c.html.mako": "<p>\n${1 / number}</p>\n",
    "d.mako": "Subject: Hello, ${name}\n\ntext\n",
}


HANDLERS = """
from lamsonproxy import Consume, route, stateless

@route("(template)@.+")
@stateless
def answers(mail, template):
    mail.send(text="first", to="alice@example.com", from_="desk@example.org")
    number = {"number": 0} if template == "c.mako" else {}
    mail.reply(template, name="Zoë\\r\\nBcc: eve@example.net", **number)
    return Consume()
"""


@pytest.fixture
def world(tmp_path: Path, lamson_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, text in {**TEMPLATES, "answering_by_templates.py": HANDLERS}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    app = App("answering_by_templates", templates=str(tmp_path), captures={"template": r"[a-z.]+"})
    settings = Settings(hostname="mail.example.org", database=lamson_database)
    with World(app, settings, lamson_database, tmp_path / "world") as world:
        yield world
    sys.modules.pop("answering_by_templates", None)


@pytest.mark.fault("C4")
@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("a.mako", "a.mako, line 4: NameError: 'number' is not defined"),
        ("b.jinja", "b.jinja, line 4: UndefinedError: 'number' is undefined"),
        ("c.mako", "c.html.mako, line 2: ZeroDivisionError: division by zero"),
        ("d.mako", "d.mako, line 1: Subject is one line"),
        ("no.mako", "there is no template 'no.mako'"),
    ],
)
def test_a_template_that_fails_is_451_with_a_traceback_in_the_log(
    world: World, template: str, place: str
) -> None:
    (reply,) = world.send(ALICE, f"{template}@example.org", text="Hello")
    assert reply.code == 451
    assert template not in reply.text
    log = "\n".join(world.recent_log)
    assert place in log and "Traceback" in log
    world.correspondent(ALICE).hears_nothing()
