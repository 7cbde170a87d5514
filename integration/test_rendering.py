"""Templates as a reader of mail sees them: composed, read back, and shown by a real browser."""

import os
import struct
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.chromium import Chromium, Unavailable, document_of, find_chromium
from lamsonproxy.mail.compose import compose
from lamsonproxy.views.templates import TemplateFolder

HTML = """\
<!DOCTYPE html>
<html>
<head><style>
  h1 { color: #804000; font-size: 24px }
  .box { background: #eeeeff; width: 200px; padding: 10px }
  @media (max-width: 100px) { h1 { display: none } }
</style></head>
<body>
<img src="cid:img/logo.png" alt="logo">
<h1>${title}</h1>
<p class="box" title="${title}">Dear ${name},</p>
<a href="${link}">the list</a>
</body>
</html>
"""
MARKDOWN = "Subject: News\n\n# ${title}\n\nDear ${name}, see [the list](${link}):\n\n* one\n* *two*\n"

HARMLESS = {"name": "Zoë", "title": "Grüße", "link": "https://lists.example.org/cooks?a=1&b=2"}
HOSTILE = {
    "name": "<script>document.body.remove()</script>",
    "title": "\"onmouseover='x()'><img src=x onerror=document.body.remove()> [a](javascript:x) *b*",
    "link": '"><script>document.body.remove()</script>',
}
QUESTION = """({
  heading: document.querySelector("h1").textContent,
  colour: getComputedStyle(document.querySelector("h1")).color,
  box: document.querySelector(".box")?.offsetWidth,
  title: document.querySelector(".box")?.title,
  text: document.querySelector("p").textContent,
  picture: document.querySelector("img")?.naturalWidth,
  link: document.querySelector("a").getAttribute("href"),
  scripts: document.scripts.length,
  items: [...document.querySelectorAll("li")].map(each => each.textContent),
  emphasized: [...document.querySelectorAll("em")].map(each => each.textContent),
  handlers: document.querySelectorAll("[onmouseover], [onerror]").length,
})"""
OURS = 1
"""The script that asks."""


@pytest.fixture(scope="session")
def chromium() -> Chromium:
    """Without it the test is skipped, or fails where REQUIRE_CHROMIUM=1."""
    try:
        return find_chromium()
    except Unavailable as reason:
        if os.environ.get("REQUIRE_CHROMIUM") == "1":
            pytest.fail(f"REQUIRE_CHROMIUM=1, but: {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> TemplateFolder:
    folder = tmp_path_factory.mktemp("templates")
    (folder / "img").mkdir()
    (folder / "img" / "logo.png").write_bytes(_png(16, 8))
    (folder / "welcome.mako").write_text("Subject: Welcome\n\nDear ${name},\n")
    (folder / "welcome.html.mako").write_text(HTML)
    (folder / "news.md.mako").write_text(MARKDOWN)
    templates = TemplateFolder(folder)
    templates.check()
    return templates


def _png(width: int, height: int) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = (b"\0" + b"\x20\x40\x80" * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _mail(templates: TemplateFolder, name: str, variables: dict[str, str]) -> bytes:
    rendered = templates.render(name, variables)
    return compose(
        to="zoe@example.net",
        from_="cooks@example.org",
        text=rendered.text,
        html=rendered.html,
        images=rendered.images,
        headers=rendered.headers,
        date=datetime(2026, 3, 1, tzinfo=UTC),
        message_id="<1@example.org>",
    )


def _seen(
    chromium: Chromium, templates: TemplateFolder, name: str, variables: dict[str, str]
) -> dict[str, Any]:
    answer = chromium.ask(document_of(_mail(templates, name, variables)), QUESTION)
    assert isinstance(answer, dict)
    return answer


def test_html_is_shown_with_its_styles_and_pictures(chromium: Chromium, templates: TemplateFolder) -> None:
    seen = _seen(chromium, templates, "welcome.mako", HARMLESS)
    assert (seen["heading"], seen["text"], seen["title"]) == ("Grüße", "Dear Zoë,", "Grüße")
    assert (seen["colour"], seen["box"], seen["picture"]) == ("rgb(128, 64, 0)", 220, 16)
    assert seen["link"] == HARMLESS["link"]


def test_markdown_is_shown_as_what_it_says(chromium: Chromium, templates: TemplateFolder) -> None:
    seen = _seen(chromium, templates, "news.md.mako", HARMLESS)
    assert (seen["heading"], seen["text"]) == ("Grüße", "Dear Zoë, see the list:")
    assert (seen["items"], seen["emphasized"]) == (["one", "two"], ["two"])
    assert seen["link"] == HARMLESS["link"]


@pytest.mark.fault("C5")
@pytest.mark.parametrize("name", ["welcome.mako", "news.md.mako"])
def test_values_are_shown_as_text_and_run_nothing(
    chromium: Chromium, templates: TemplateFolder, name: str
) -> None:
    seen = _seen(chromium, templates, name, HOSTILE)
    assert seen["heading"] == HOSTILE["title"]
    assert HOSTILE["name"] in seen["text"]
    assert (seen["scripts"], seen["handlers"]) == (OURS, 0)
    assert seen["emphasized"] == (["two"] if name == "news.md.mako" else [])


def test_a_mail_looks_like_something(chromium: Chromium, templates: TemplateFolder) -> None:
    picture = chromium.picture(document_of(_mail(templates, "welcome.mako", HARMLESS)))
    blank = chromium.picture("<!DOCTYPE html><html><body></body></html>")
    assert picture.startswith(b"\x89PNG")
    assert picture != blank
