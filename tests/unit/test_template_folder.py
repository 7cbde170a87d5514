"""What a folder of templates is made of, and what is wrong with it."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from lamsonproxy.errors import AppError
from lamsonproxy.views.pictures import SIZE_LIMIT
from lamsonproxy.views.templates import TemplateFolder


def mistakes(folder: Path) -> list[str]:
    try:
        TemplateFolder(folder).check()
    except AppError as error:
        return list(error.problems)
    return []


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which none of the optional libraries is installed."""

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None

    monkeypatch.setattr("lamsonproxy.views.templates.find_spec", find_spec)
    monkeypatch.setattr("lamsonproxy.views.html.find_spec", find_spec)
    assert importlib.util.find_spec("jinja2")


def test_what_editors_leave_behind_is_no_template(tmp_path: Path) -> None:
    for name in (".#a.mako", ".a.mako.swp", "a.mako~", "#a.mako#", "notes.txt"):
        (tmp_path / name).write_text("no head")
    (tmp_path / "folder.mako").mkdir()
    (tmp_path / "gone.mako").symlink_to("nowhere")
    assert mistakes(tmp_path) == []


def test_a_template_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.mako").write_bytes(b"Subject: \xfc\n\n")
    assert mistakes(tmp_path) == ["a.mako: not UTF-8."]


def test_a_byte_order_mark_is_no_part_of_the_head(tmp_path: Path) -> None:
    (tmp_path / "a.mako").write_text("\ufeffSubject: a\r\n\r\ntext\r\n", encoding="utf-8", newline="")
    rendered = TemplateFolder(tmp_path).render("a.mako", {})
    assert (rendered.headers, rendered.text) == ((("Subject", "a"),), "text\n")


def test_a_page_without_a_text_gives_html_alone(tmp_path: Path) -> None:
    (tmp_path / "a.mako").write_text("Subject: a\n\n\n")
    (tmp_path / "a.html.mako").write_text("<p>x</p>")
    rendered = TemplateFolder(tmp_path).render("a.mako", {})
    assert (rendered.text, rendered.html) == ("", "<p>x</p>")


def test_a_picture_that_is_too_large_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(SIZE_LIMIT + 1))
    assert mistakes(tmp_path) == [f"a.png: a picture that goes with a mail has at most {SIZE_LIMIT} octets."]


@pytest.mark.usefixtures("without")
def test_a_library_that_is_missing_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "a.jinja").write_text("\n")
    (tmp_path / "b.md.mako").write_text("\n")
    (tmp_path / "_c.html.mako").write_text("<style>")
    assert mistakes(tmp_path) == [
        "_c.html.mako: a style sheet needs a library: pip install lamsonproxy[html].",
        "b.md.mako: Markdown needs a library: pip install lamsonproxy[html].",
        "Templates in Jinja2 need a library: pip install lamsonproxy[jinja].",
    ]


def test_what_a_template_cannot_import_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "a.mako").write_text("\n<%! import no_such_module %>\n")
    [mistake] = mistakes(tmp_path)
    assert mistake.startswith("a.mako") and "no_such_module" in mistake


@pytest.mark.parametrize("name", ["context", "loop", "self", "UNDEFINED"])
def test_a_variable_with_a_name_of_the_language_is_a_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.mako").write_text("\ntext\n")
    with pytest.raises(AppError, match=r"a\.mako, line 0"):
        TemplateFolder(tmp_path).render("a.mako", {name: "x"})


def test_a_forgotten_variable_that_python_has_a_name_for_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.mako").write_text("\n${id}\n")
    with pytest.raises(AppError, match=r"a\.mako, line 2: TypeError: 'id' is no value"):
        TemplateFolder(tmp_path).render("a.mako", {})


def test_what_html_cannot_be_made_of_is_a_mistake_of_the_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(html: str) -> str:
        raise ValueError("not CSS")

    (tmp_path / "a.mako").write_text("\ntext\n")
    monkeypatch.setattr("lamsonproxy.views.templates.inlined", refuse)
    with pytest.raises(AppError, match=r"the HTML of a\.mako: ValueError: not CSS"):
        TemplateFolder(tmp_path).render("a.mako", {})


def test_a_picture_of_markdown_is_missed_at_start_too(tmp_path: Path) -> None:
    (tmp_path / "a.md.mako").write_text("Subject: x\n\n![our logo](cid:logo.png)\n")
    assert mistakes(tmp_path) == ["a.md.mako, line 3: there is no picture 'logo.png'."]
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    rendered = TemplateFolder(tmp_path).render("a.md.mako", {})
    assert [image.content for image in rendered.images] == [b"\x89PNG"]


@pytest.mark.parametrize("name", ["a.md.mako", "a.md.jinja"])
def test_threads_render_side_by_side(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.md.mako").write_text("Subject: ${n}\n\n# ${n}\n\n<style>p {color: red}</style>\n")
    (tmp_path / "a.md.jinja").write_text("Subject: {{ n }}\n\n# {{ n }}\n\n<style>p {color: red}</style>\n")
    templates = TemplateFolder(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        rendered = list(threads.map(lambda n: templates.render(name, {"n": n}), range(200)))
    assert [each.headers[0][1] for each in rendered] == [str(n) for n in range(200)]
    assert all(f"<h1>{n}</h1>" in each.html for n, each in enumerate(rendered))
