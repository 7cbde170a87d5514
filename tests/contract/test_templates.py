"""What whoever fulfils the port `Templates` must do, over every engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from lamsonproxy.errors import AppError
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.message import Message
from lamsonproxy.views.templates import TemplateFolder


@dataclass(frozen=True, slots=True)
class Language:
    """One template language: how it writes what the tests need."""

    suffix: str
    show: tuple[str, str]
    loop: str
    layout: str
    """A layout that shows `title`, and its page's text between lines of dashes."""
    inherit: str
    """The beginning of a page in that layout, and its end."""
    end: str

    def source(self, text: str) -> str:
        """The text, in which `[name]` shows a variable."""
        return text.replace("[", self.show[0]).replace("]", self.show[1])

    def write(self, folder: Path, files: Mapping[str, str]) -> TemplateFolder:
        """A folder of these files; their names lack the suffix."""
        for name, text in files.items():
            path = folder / f"{name}{self.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.source(text))
        return TemplateFolder(folder)


LANGUAGES = {
    "mako": Language(
        suffix=".mako",
        show=("${", "}"),
        loop="% for n in range(2):",
        layout="[title]\n--\n${self.body()}--\n",
        inherit='<%inherit file="_layout@"/>\\\n',
        end="",
    ),
    "jinja": Language(
        suffix=".jinja",
        show=("{{", "}}"),
        loop="{% for n in range(2) %}",
        layout="[title]\n--\n{% block body %}{% endblock %}\n--\n",
        inherit='{% extends "_layout@" %}\n{% block body %}\n',
        end="{% endblock %}\n",
    ),
}


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
@pytest.mark.parametrize("breaker", ["\n", "\r", "\r\n", "\0", "\x0b", "\x85", "\u2028", "\u2029"])
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
        TemplateFolder(tmp_path / "nowhere").check()


def test_a_layout_goes_around_the_text(language: Language, tmp_path: Path) -> None:
    page = language.inherit.replace("@", language.suffix) + "Dear [name],\n" + language.end
    layout = f"_layout{language.suffix}"
    templates = language.write(tmp_path, {"_layout": language.layout, "lists/a": f"Subject: a\n\n{page}"})
    templates.check()
    text = templates.render(f"lists/a{language.suffix}", {"name": "Zoë", "title": "News"}).text
    assert text.split() == ["News", "--", "Dear", "Zoë,", "--"]
    with pytest.raises(AppError, match=rf"{layout}, line 1: .*'title'"):
        templates.render(f"lists/a{language.suffix}", {"name": "Zoë"})


def test_a_layout_that_is_not_there_is_told_at_start(language: Language, tmp_path: Path) -> None:
    page = language.inherit.replace("@", language.suffix) + language.end
    with pytest.raises(AppError, match=rf"a{language.suffix}, line 3: there is no template '_layout"):
        language.write(tmp_path, {"a": f"Subject: a\n\n{page}"}).check()


def test_html_without_its_page_is_told_at_start(language: Language, tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"a\.html\.\w+: there is no page beside it"):
        language.write(tmp_path, {"a.html": "<p>"}).check()


def test_markdown_gives_the_text_and_the_html(language: Language, tmp_path: Path) -> None:
    templates = language.write(tmp_path, {"a.md": "Subject: a\n\n# News for [name]\n\n* one\n* *two*\n"})
    rendered = templates.render(f"a.md{language.suffix}", {"name": "Zoë"})
    assert rendered.text == "# News for Zoë\n\n* one\n* *two*\n"
    assert "<h1>News for Zoë</h1>" in rendered.html
    assert "<li><em>two</em></li>" in rendered.html
    assert rendered.html.startswith("<!DOCTYPE html>")


def test_markdown_is_put_into_its_layout(language: Language, tmp_path: Path) -> None:
    files = {"a.md": "Subject: a\n\n*hello* [x]\n", "_markdown.html": "<h1>[x]</h1>[content]"}
    rendered = language.write(tmp_path, files).render(f"a.md{language.suffix}", {"x": "<&>"})
    assert rendered.html == "<h1>&lt;&amp;&gt;</h1><p><em>hello</em> &#60;&#38;&#62;</p>"


_MARKS = [
    "*x*",
    "_x_",
    "# x",
    "- x",
    "1. x",
    "> x",
    "[x](http://evil.example)",
    "<b>x</b>",
    "`x`",
    "![](x)",
    "a\n\n# x",
]
_MARKS += [
    "&lt;b&gt;",
    "\\*x*",
    "|x|",
    "x\n===",
    "~~~",
    "<http://evil.example>",
    "12) x",
    "\n    code",
    "---",
    "[x]: y",
]


@pytest.mark.fault("C5")
@pytest.mark.parametrize("value", _MARKS)
def test_a_value_is_no_markdown(language: Language, tmp_path: Path, value: str) -> None:
    templates = language.write(tmp_path, {"a.md": "Subject: a\n\n[x]\n\nand [x]\n"})
    rendered = templates.render(f"a.md{language.suffix}", {"x": value})
    body = unescape(rendered.html.partition("<body>")[2].partition("</body>")[0]).strip()
    line = " ".join(value.split())
    assert " ".join(body.split()) == f"<p>{line}</p> <p>and {line}</p>"
    assert rendered.text == f"{value}\n\nand {value}\n"


def test_the_style_sheet_is_put_beside_what_it_styles(language: Language, tmp_path: Path) -> None:
    style = "<style>p {color: red} @media print {p {color: black}}</style>"
    link = '<link rel="stylesheet" href="file:///etc/hostname">'
    html = f"<html><head>{style}{link}</head><body><p>[x]</p></body></html>"
    rendered = language.write(tmp_path, {"a": "\na\n", "a.html": html}).render(
        f"a{language.suffix}", {"x": "<b>"}
    )
    assert '<p style="color: red;">&lt;b&gt;</p>' in rendered.html
    assert "@media print" in rendered.html


def test_a_picture_of_the_folder_goes_with_the_html_that_shows_it(language: Language, tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "logo.png").write_bytes(b"\x89PNG")
    (tmp_path / "other.png").write_bytes(b"other")
    html = "<img src=\"cid:img/logo.png\"><img src='cid:img/logo.png'>[x]"
    templates = language.write(tmp_path, {"a": "\na\n", "a.html": html})
    templates.check()
    rendered = templates.render(f"a{language.suffix}", {"x": '"cid:other.png"'})
    [image] = rendered.images
    assert (image.content, image.content_type) == (b"\x89PNG", "image/png")
    assert rendered.html.count(f"cid:{image.content_id}") == 2
    assert "&#34;cid:other.png&#34;" in rendered.html


def test_a_picture_that_is_not_there_is_told_at_start(language: Language, tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"a\.html\.\w+, line 2: there is no picture 'logo\.png'"):
        language.write(tmp_path, {"a": "\na\n", "a.html": '<p>\n<img src="cid:logo.png">'}).check()


def test_a_picture_may_have_any_name_that_a_file_has(language: Language, tmp_path: Path) -> None:
    names = ["My logo.PNG", "bücher.png", "ロゴ.png", "a+b,c.png"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    html = "".join(f'<img src="CID:{name}">' for name in names)
    templates = language.write(tmp_path, {"a": "\na\n", "a.html": html})
    templates.check()
    rendered = templates.render(f"a{language.suffix}", {})
    assert [image.content.decode() for image in rendered.images] == names
    assert [f'<img src="cid:{image.content_id}">' in rendered.html for image in rendered.images] == [True] * 4


def test_the_same_picture_under_two_names_goes_once(language: Language, tmp_path: Path) -> None:
    """A Content-ID is there once in a mail (RFC 2045 §7)."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"\x89PNG")
    html = '<img src="cid:a.png"><img src="cid:b.png">'
    rendered = language.write(tmp_path, {"a": "\na\n", "a.html": html}).render(f"a{language.suffix}", {})
    assert len(rendered.images) == 1


@pytest.mark.parametrize(
    ("name", "source", "sentence"),
    [
        ("a.html", "<img src=cid:logo.png>", 'line 1: a picture stands in quotation marks: "cid:logo.png"'),
        ("a.html", "<style>p { background: url( cid:logo.png) }</style>", "in quotation marks"),
        ("a.html", "<p>\n<img src='cid:no such.png'>", "line 2: there is no picture 'no such.png'"),
    ],
)
def test_a_picture_that_would_not_be_shown_is_told_at_start(
    language: Language, tmp_path: Path, name: str, source: str, sentence: str
) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    with pytest.raises(AppError) as told:
        language.write(tmp_path, {"a": "\na\n", name: source}).check()
    assert sentence in str(told.value)


def test_a_text_that_speaks_of_pictures_shows_none(language: Language, tmp_path: Path) -> None:
    files = {"a": '\nsrc=cid:x.png and "cid:x.png"\n', "a.html": "<img src='cid:[x].png'>"}
    language.write(tmp_path, files).check()


def test_half_a_character_of_an_address_is_shown_as_a_whole_one(language: Language, tmp_path: Path) -> None:
    """It stands for an octet that is not UTF-8, and no stranger may make the mail about him fail."""
    files = {"a": "Subject: [x]\n\nFrom [x]\n", "a.html": "<p>[x]</p>"}
    rendered = language.write(tmp_path, files).render(f"a{language.suffix}", {"x": "zo\udceb@example.com"})
    assert rendered.headers == (("Subject", "zo\ufffd@example.com"),)
    assert (rendered.text.strip(), rendered.html.strip()) == (
        "From zo\ufffd@example.com",
        "<p>zo\ufffd@example.com</p>",
    )


def test_what_was_written_is_composed_and_reads_back(language: Language, tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG")
    files = {
        "a": "Subject: Grüße, [name]\nReply-To: [name] <list@x.org>\n\nDear [name],\n",
        "a.html": '<p>Dear [name]</p><img src="cid:logo.png">',
    }
    rendered = language.write(tmp_path, files).render(f"a{language.suffix}", {"name": "Zoë, <b@evil.org>"})
    raw = compose(
        to="z@x.org",
        from_="l@x.org",
        text=rendered.text,
        html=rendered.html,
        images=rendered.images,
        headers=rendered.headers,
        date=datetime(2026, 3, 1, tzinfo=UTC),
        message_id="<1@x.org>",
    )
    message = Message(raw)
    assert message.subject == "Grüße, Zoë, <b@evil.org>"
    assert message.headers.get("Reply-To") == "Zoë, <b@evil.org> <list@x.org>"
    assert message.text == "Dear Zoë, <b@evil.org>,\n"
    assert "<p>Dear Zoë, &lt;b@evil.org&gt;</p>" in message.html
    assert [part.content_type for part in message.parts][-1] == "image/png"
