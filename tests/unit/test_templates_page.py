"""Every example of docs/templates.md, rendered."""

import re
from pathlib import Path

import pytest

from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.views.templates import TemplateFolder

PAGE = (Path(__file__).parents[2] / "docs" / "templates.md").read_text()
FILES = re.findall(r"^`([\w.]+\.(?:mako|jinja))`:\n```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
MAILS = re.findall(
    r'^`mail\.reply\("([\w.]+)", \.\.\.\)` writes:\n```\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL
)
HTMLS = re.findall(r"^It comes out as:\n```html\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
VARIABLES = {
    "name": "Zoë <zoe@example.com>",
    "list_name": "cooks",
    "dishes": ["Soup", "Pie"],
    "reason": "",
    "link": "https://lists.example.org/cooks",
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> TemplateFolder:
    folder = tmp_path_factory.mktemp("templates")
    for name, text in FILES:
        (folder / name).write_text(text)
    (folder / "logo.png").write_bytes(b"\x89PNG")
    templates = TemplateFolder(folder)
    templates.check()
    return templates


def _written(rendered: Rendered) -> str:
    return "".join(f"{name}: {value}\n" for name, value in rendered.headers) + "\n" + rendered.text


@pytest.mark.parametrize(("name", "written"), MAILS, ids=[name for name, _ in MAILS])
def test_the_page_shows_what_a_template_writes(templates: TemplateFolder, name: str, written: str) -> None:
    assert _written(templates.render(name, VARIABLES)) == written


@pytest.mark.parametrize(("name", "html"), list(zip(("welcome.mako", "news.md.mako"), HTMLS, strict=True)))
def test_the_page_shows_the_html(templates: TemplateFolder, name: str, html: str) -> None:
    assert templates.render(name, VARIABLES).html.rstrip("\n") == html.rstrip("\n")


def test_the_page_has_examples() -> None:
    assert (len(FILES), len(MAILS)) == (6, 3)
