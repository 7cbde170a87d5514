"""Each template that we ship, as a reader of mail sees it: a picture of it that somebody has looked at.

To renew the pictures after a template was changed, run this with RENEW_GOLDEN=1, and look at what git shows as changed:

    RENEW_GOLDEN=1 .venv/bin/python -m pytest integration/test_shipped_templates.py
"""

import html
import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from integration.chromium import Chromium, document_of
from integration.test_rendering import chromium as chromium  # a fixture of the whole run
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.message import Message
from lamsonproxy.views.templates import TemplateFolder

HERE = Path(__file__).parent
FOLDER = HERE.parent / "examples/lists/app/templates"
GOLDEN = HERE / "golden"
VARIABLES = {
    "list_name": "cooks",
    "host": "lists.example.org",
    "confirm_address": "cooks-confirm-0123456789abcdef0123456789abcdef@lists.example.org",
}
WIDTH, HEIGHT = 720, 420
FONT = "DejaVu Sans"
"""In which the pictures were taken. Another one breaks the lines elsewhere, and says nothing about a template."""

TILE = 8
"""Pixels that become one before two pictures are compared, so that the edges of letters may be drawn otherwise."""
DIFFERENCE = 40
"""Of 255, that one of these may have: letters drawn half a pixel beside their place make 20, a missing line 50."""

_TEXT = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"></head>
<body style="margin: 24px; font: 14px/1.5 sans-serif"><h1 style="font-size: 18px">%s</h1>
<pre style="font: 14px/1.5 monospace; white-space: pre-wrap">%s</pre></body></html>"""

_TWO = '<!DOCTYPE html><html><body><img src="data:image/png;base64,%s"><img src="data:image/png;base64,%s">'
# The browser makes each picture small, which blurs it, and looks for the greatest difference.
_GREATEST_DIFFERENCE = """(() => {
  const small = [...document.images].map(image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth / TILE;
    canvas.height = image.naturalHeight / TILE;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  });
  const [one, other] = small;
  if (one.width !== other.width || one.height !== other.height) return 255;
  return Math.max(...one.data.map((each, at) => Math.abs(each - other.data[at])));
})()""".replace("TILE", str(TILE))


def _mail(name: str) -> Message:
    rendered = TemplateFolder(FOLDER).render(name, VARIABLES)
    return Message(
        compose(
            to="zoe@example.net",
            from_="cooks@lists.example.org",
            text=rendered.text,
            html=rendered.html,
            images=rendered.images,
            headers=rendered.headers,
            date=datetime(2026, 3, 1, tzinfo=UTC),
            message_id="<1@lists.example.org>",
        )
    )


def _documents() -> Iterator[tuple[str, str]]:
    """What can be seen of the templates: each text below its subject, and each HTML as it is."""
    for path in sorted(FOLDER.glob("[!_]*.mako")):
        if not path.name.endswith(".html.mako"):
            mail = _mail(path.name)
            yield path.stem, _TEXT % (html.escape(mail.subject), html.escape(mail.text))
            if mail.html:
                yield f"{path.stem}.html", document_of(mail.raw)


DOCUMENTS: Mapping[str, str] = dict(_documents())


@pytest.fixture(scope="module")
def in_the_font(chromium: Chromium) -> Chromium:
    """A browser that shows what it always did."""
    if shutil.which("fc-match"):
        font = subprocess.run(["fc-match", "-f", "%{family}", "sans-serif"], capture_output=True, text=True)
        if FONT in font.stdout:
            return chromium
    pytest.skip(f"the pictures were taken in {FONT}, which this machine does not show")


def _difference(chromium: Chromium, one: bytes, other: bytes) -> int:
    document = _TWO % (b64encode(one).decode(), b64encode(other).decode())
    greatest = chromium.ask(document, _GREATEST_DIFFERENCE)
    assert isinstance(greatest, int)
    return greatest


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_shipped_template_looks_as_it_was_looked_at(in_the_font: Chromium, name: str) -> None:
    """RENEW_GOLDEN=1 takes the picture anew."""
    seen, golden = in_the_font.picture(DOCUMENTS[name], WIDTH, HEIGHT), GOLDEN / f"{name}.png"
    if os.environ.get("RENEW_GOLDEN") == "1":
        golden.write_bytes(seen)
    assert _difference(in_the_font, seen, golden.read_bytes()) <= DIFFERENCE


def test_there_is_a_picture_of_each_template_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.png")} == set(DOCUMENTS) >= {"welcome", "welcome.html"}


def test_one_missing_line_is_a_difference(in_the_font: Chromium) -> None:
    less = DOCUMENTS["welcome.html"].replace("You get this mail because", "")
    seen = in_the_font.picture(less, WIDTH, HEIGHT)
    assert _difference(in_the_font, seen, (GOLDEN / "welcome.html.png").read_bytes()) > DIFFERENCE


def test_the_html_can_be_heard_as_well_as_seen(chromium: Chromium) -> None:
    seen = chromium.ask(
        DOCUMENTS["welcome.html"],
        """({
          language: document.documentElement.lang,
          title: document.title,
          headings: [...document.querySelectorAll("h1, h2, h3")].map(each => each.textContent),
          pictures: [...document.images].map(each => [each.naturalWidth > 0, each.hasAttribute("alt")]),
          links: [...document.links].map(each => [each.textContent, each.getAttribute("href")]),
        })""",
    )
    addresses = ["cooks@lists.example.org", "cooks-leave@lists.example.org"]
    assert seen == {
        "language": "en",
        "title": "Welcome to cooks",
        "headings": ["Welcome to cooks"],
        "pictures": [[True, True]],
        "links": [[address, f"mailto:{address}"] for address in addresses],
    }


def test_the_text_says_what_the_html_says() -> None:
    mail = _mail("welcome.mako")
    for address in ("cooks@lists.example.org", "cooks-leave@lists.example.org"):
        assert address in mail.text
        assert address in mail.html
