"""docs/howto/scan.md and docs/howto/sign.md are true: what stands there runs."""

import re
from pathlib import Path

import pytest

from lamsonproxy import Quarantine
from lamsonproxy.app.application import App
from lamsonproxy.cli.check import verdict_on
from lamsonproxy.mail.message import Message
from lamsonproxy.scanners import authentication, clamav, rspamd
from lamsonproxy.scanners.report import Report
from tests.keys import PRIVATE_KEY
from tests.unit.app.conftest import Write
from tests.unit.app.conftest import write as write
from tests.unit.scanners.dns import Table, text
from tests.unit.scanners.mails import mail, transaction

DOCS = Path(__file__).parents[3] / "docs" / "howto"
_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: str) -> list[str]:
    return _EXAMPLE.findall((DOCS / page).read_text())


def settings_of(page: str) -> str:
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    return str(toml)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, Report]:
    """What the two scanners of the page answer."""
    answers = {
        "rspamd": Report("rspamd", "clean", 1.0, 6.0),
        "clamav": Report("clamav", "clean"),
    }

    async def by_rspamd(self: object, transaction: object) -> Report:
        return answers["rspamd"]

    async def by_clamav(self: object, transaction: object) -> Report:
        return answers["clamav"]

    monkeypatch.setattr(rspamd.Rspamd, "ask", by_rspamd)
    monkeypatch.setattr(clamav.Clamd, "ask", by_clamav)
    return answers


def answer(to: str) -> tuple[object, bytes]:
    """What the page's application makes of a mail, and how it would go on."""
    (match,) = App("filters").load().matches(to)
    of = mail(transaction(to))
    return match.handler(of, **match.captures), b"".join(of.edits.content.parts())


def test_the_page_about_scanning_runs(write: Write, says: dict[str, Report]) -> None:
    application, more = examples("scan.md")
    write("filters", application + more)
    assert answer("bob@example.org")[0] is None
    assert answer("abuse@example.net")[0] is None

    says["rspamd"] = Report("rspamd", "spam", 17.5, 6.0, ("GTUBE",), "reject")
    assert answer("bob@example.org")[0] == Quarantine("spam")
    verdict, left = answer("abuse@example.net")
    assert verdict is None
    assert b"X-Spam-Flag: YES" in left
    assert Message(left).subject == "[spam] Soup"

    says["clamav"] = Report("clamav", "virus", virus="Eicar")
    assert answer("bob@example.org")[0] == Quarantine("a virus")
    assert answer("upload@example.net")[0] == Quarantine("Eicar")

    says["clamav"] = Report("clamav", "unscanned")
    assert answer("safe@example.net")[0] == Quarantine("too large for the virus filter")


def test_the_page_about_signing_runs(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signing, lists = examples("sign.md")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mail2026.pem").write_bytes(PRIVATE_KEY)
    exec(compile(signing, "docs/howto/sign.md", "exec"), {})
    (tmp_path / "lamson.toml").write_text(settings_of("sign.md"))
    assert "All is well" in verdict_on(tmp_path / "lamson.toml")

    table = Table({("_dmarc.example.com", "TXT"): [text("v=DMARC1; p=reject")]})
    monkeypatch.setattr(authentication, "SystemResolver", lambda: table)
    write("lists", lists)
    (match,) = App("lists").load().matches("cooks@lists.example.org")
    for author, from_ in (
        ("Alice <alice@example.com>", "Alice via Cooks <cooks@lists.example.org>"),
        ("Bob <bob@quiet.example>", "Bob <bob@quiet.example>"),
    ):
        raw = f"From: {author}\r\nSubject: Soup\r\n\r\nAt eight?\r\n".encode()
        of = mail(transaction("cooks@lists.example.org", content=raw))
        match.handler(of, **match.captures)
        (sent,) = of.effects.outgoing
        message = Message(sent.content)
        assert message.headers.get("From") == from_
        assert message.subject == "[cooks] Soup"


def test_the_places_that_the_pages_name_are_places() -> None:
    page = (DOCS.parent / "scanners.md").read_text()
    (scanners, checking) = _EXAMPLE.findall(page)
    exec(compile(scanners + checking, "docs/scanners.md", "exec"), {})
