"""docs/howto/confirmations.md is true: its application is played."""

import importlib
import re
from dataclasses import replace
from pathlib import Path

from lamsonproxy import App, Mail, Reject
from lamsonproxy.app.scene import Scene
from tests.unit.app.conftest import Write
from tests.unit.app.test_confirm import COOKS, Store, read

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "confirmations.md"
_MODULE = re.compile(r"```python\n# (app/[a-z/]+)\.py\n((?:(?!```).)*)```", re.DOTALL)


def test_a_newcomer_is_asked_and_let_in_and_somebody_else_is_not(write: Write) -> None:
    for path, source in _MODULE.findall(PAGE.read_text()):
        write(path.replace("/", "."), source)
    app: App = importlib.import_module("app.main").app
    routes, store = app.load(), Store()

    def play(state: str, sender: str, to: str) -> tuple[object, Mail]:
        """What the function of a state returns, by name, and its mail."""
        (match,) = (match for match in routes.matches(to) if match.route.state == state)
        mail = store.mail(sender, to=to, scene=replace(Scene(), state=state))
        returned = match.handler(mail, **match.captures)
        if not isinstance(returned, Reject):
            store.commit(mail)
        return getattr(returned, "__name__", returned), mail

    to, mail = play("START", "alice@example.com", COOKS)
    assert to == "CONFIRMING"
    first = str(read(mail.effects.outgoing[0])["From"])
    to, mail = play("CONFIRMING", "alice@example.com", COOKS)
    assert to is None
    second = str(read(mail.effects.outgoing[0])["From"])
    for sender, address in (("alice@example.com", first), ("mallory@example.net", second)):
        refused, mail = play("CONFIRMING", sender, address)
        assert isinstance(refused, Reject)
        assert not mail.effects
    to, mail = play("CONFIRMING", "alice@example.com", second)
    assert to == "POSTING"
    assert "You wrote: Let me in" in read(mail.effects.outgoing[0]).get_content()
    assert mail.is_confirmed
