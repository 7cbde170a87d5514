"""docs/bounces.md is true: its application is played."""

import importlib
import re
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from lamsonproxy.config import Settings
from lamsonproxy.state.tables import content, outbox
from lamsonproxy.testing.world import World
from tests.unit.app.conftest import Write
from tests.unit.app.test_bounce_to import report

PAGE = Path(__file__).parents[3] / "docs" / "bounces.md"
_MODULE = re.compile(r"```python\n# (app/[a-z/]+)\.py\n((?:(?!```).)*)```", re.DOTALL)

ALICE, BOB, COOKS = "alice@example.com", "bob@example.net", "cooks@lists.example.org"
OF_ALICE = "cooks-bounces+alice=example.com@lists.example.org"


@pytest.fixture
def list_world(write: Write, tmp_path: Path) -> World:
    for path, source in _MODULE.findall(PAGE.read_text()):
        write(path.replace("/", "."), source)
    app = importlib.import_module("app.main").app
    settings = Settings(hostname="lists.example.org")
    return World(app, settings, f"sqlite:///{tmp_path}/lamson.db", tmp_path / "world")


def test_who_bounces_three_times_hears_no_more_until_he_writes(list_world: World) -> None:
    members = importlib.import_module("app.model").members
    with list_world as world:
        with world.db() as db:
            db.execute(insert(members).values([{"address": ALICE}, {"address": BOB}]))
        alice, bob = world.correspondent(ALICE), world.correspondent(BOB)

        bob.says("Soup?", to=COOKS).hears("Soup")
        assert alice.hears("Soup").envelope_sender == OF_ALICE
        for _ in range(3):
            world.send("", OF_ALICE, raw=report("5.1.1"))
        world.send("", OF_ALICE, raw=report("4.2.2"))
        bob.says("Stew?", to=COOKS).hears("Stew")
        alice.hears_nothing()

        alice.says("I am here", to=COOKS).hears("I am here")
        bob.hears("I am here")


def test_a_mail_from_many_senders_stands_in_the_database_once(list_world: World) -> None:
    members = importlib.import_module("app.model").members
    with list_world as world:
        with world.db() as db:
            db.execute(insert(members).values([{"address": ALICE}, {"address": BOB}]))
        for address in (ALICE, BOB):
            world.downstream_says("450 4.2.0 Later", to=address)
        world.send(ALICE, COOKS, text="Soup?")
        with world.db() as db:
            assert db.scalar(select(func.count()).select_from(content)) == 1
            assert db.scalar(select(func.count()).select_from(outbox)) == 2
