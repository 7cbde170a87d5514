"""What whoever fulfils the port `Templates` must do, over every engine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lamsonproxy.errors import AppError
from lamsonproxy.views.templates import MakoTemplates, TemplateFolder


@dataclass(frozen=True, slots=True)
class Language:
    """One template language: how it writes what the tests need."""

    suffix: str
    load: Callable[[Path], TemplateFolder]
    show: str
    loop: str
    end: str

    def write(self, folder: Path, files: Mapping[str, str]) -> TemplateFolder:
        """A folder of these files, in which `[name]` shows a variable; their names lack the suffix."""
        for name, text in files.items():
            path = folder / f"{name}{self.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("[", self.show.split()[0]).replace("]", self.show.split()[1]))
        return self.load(folder)


LANGUAGES = {"mako": Language(".mako", MakoTemplates, "${ }", "% for n in range(2):", "% endfor")}


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> Language:
    return LANGUAGES[request.param]


def test_a_template_gives_header_fields_and_the_text(language: Language, tmp_path: Path) -> None:
    templates = language.write(
        tmp_path, {"a": "Subject: Hello, [name]!\nX-Kind: a\n  b\n\nDear [name],\n\nbye\n"}
    )
    rendered = templates.render(f"a{language.suffix}", {"name": "Zoë"})
    assert rendered.headers == (("Subject", "Hello, Zoë!"), ("X-Kind", "a b"))
    assert rendered.text == "Dear Zoë,\n\nbye\n"
    assert rendered.html == ""


def test_a_variable_that_is_not_given_is_an_error_with_its_line(language: Language, tmp_path: Path) -> None:
    templates = language.write(tmp_path, {"a": "Subject: [x]\n\none\n[y]\n", "b": "Subject: b\n\none\n[y]\n"})
    with pytest.raises(AppError, match=r"a\.\w+, line 1: .*'x'"):
        templates.render(f"a{language.suffix}", {"y": 1})
    with pytest.raises(AppError, match=r"b\.\w+, line 4: .*'y'"):
        templates.render(f"b{language.suffix}", {"x": 1})


@pytest.mark.parametrize("name", ["nope", "../a", "/etc/passwd", "x/../a", "//a", "..\\a", "", "_part"])
def test_no_name_leads_out_of_the_folder(language: Language, tmp_path: Path, name: str) -> None:
    language.write(tmp_path, {"a": "\nsecret\n"})
    templates = language.write(tmp_path / "x", {"b": "\nb\n", "_part": "p"})
    with pytest.raises(AppError, match="there is no template"):
        templates.render(name + language.suffix, {})


@pytest.mark.fault("C4")
@pytest.mark.parametrize("breaker", ["\n", "\r", "\r\n", "\0", "\x0b", "\x85", "\u2028", "\u2029", "\udc80"])
def test_a_value_cannot_leave_its_header_field(language: Language, tmp_path: Path, breaker: str) -> None:
    templates = language.write(tmp_path, {"a": "Subject: Hello, [name]\n\ntext\n"})
    with pytest.raises(AppError, match="line 1: Subject is one line"):
        templates.render(f"a{language.suffix}", {"name": f"x{breaker}Bcc: evil@example.com"})


@pytest.mark.fault("C5")
@pytest.mark.parametrize(
    "value", ["${1+1}", "<%! import os %>", "{{ 1+1 }}", "{% if x %}", "## x", "% if x:"]
)
def test_a_value_is_text_and_never_template_source(language: Language, tmp_path: Path, value: str) -> None:
    templates = language.write(tmp_path, {"a": "Subject: [x]\n\n[x]\n[x]\n"})
    rendered = templates.render(f"a{language.suffix}", {"x": value})
    assert rendered.headers == (("Subject", value),)
    assert rendered.text.rstrip("\n") == f"{value}\n{value}"


@pytest.mark.fault("C5")
def test_html_escapes_what_it_shows_and_text_does_not(language: Language, tmp_path: Path) -> None:
    templates = language.write(tmp_path, {"a": "\n[x]\n", "a.html": '<p title="[x]">[x]</p>'})
    rendered = templates.render(f"a{language.suffix}", {"x": "<b>\"&'"})
    assert rendered.text.rstrip("\n") == "<b>\"&'"
    assert rendered.html == '<p title="&lt;b&gt;&#34;&amp;&#39;">&lt;b&gt;&#34;&amp;&#39;</p>'


def test_all_mistakes_are_told_at_once_with_their_lines(language: Language, tmp_path: Path) -> None:
    files = {
        "a": "no head\n",
        "b": "Bcc: x\n\n",
        "c": f"A: b\n\n\n{language.loop}\n",
        "d": "A: [\n\n",
        "e": "A: b\n\nx",
    }
    with pytest.raises(AppError) as caught:
        language.write(tmp_path, files).check()
    places = [problem.partition(":")[0] for problem in caught.value.problems]
    assert places == [
        f"{name}{language.suffix}, line {n}" for name, n in [("a", 1), ("b", 1), ("c", 4), ("d", 1)]
    ]


def test_an_empty_field_is_left_out(language: Language, tmp_path: Path) -> None:
    templates = language.write(tmp_path, {"a": "X-A: [x]\nX-B: b\n\n"})
    assert templates.render(f"a{language.suffix}", {"x": ""}).headers == (("X-B", "b"),)


def test_a_folder_that_is_not_there_is_told(language: Language, tmp_path: Path) -> None:
    with pytest.raises(AppError, match="does not exist"):
        language.load(tmp_path / "nowhere").check()
