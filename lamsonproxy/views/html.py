"""HTML as mail programs want it: styles beside what they style, Markdown in a page.

Law: nothing is fetched, from no network and no disk: a style sheet is in the template or it is nowhere. Values have
been escaped before anything here reads the HTML.
"""

from collections.abc import Iterator
from importlib.util import find_spec

from markupsafe import Markup

_PAGE = '<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n%s\n</body>\n</html>\n'
_STYLE = "<style"


def inlined(html: str) -> str:
    """The HTML with the rules of its style sheet beside each element, for readers that drop style sheets; those with a
    condition (`@media`) stay where they are."""
    if _STYLE not in html.lower():
        return html
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True).inline(html)


def from_markdown(text: str) -> Markup:
    """The HTML of a Markdown text. Its author may write HTML in it; values in it are escaped already."""
    # Python-Markdown has no types.
    from markdown import Markdown  # type: ignore[import-untyped]

    # Not shared: a converter keeps notes while it works, and threads render at the same time.
    return Markup(
        Markdown(extensions=["fenced_code", "sane_lists", "tables"], output_format="html").convert(text)
    )


def plain_page(content: Markup) -> str:
    """A document around HTML that has none."""
    return _PAGE % content


def missing_libraries(source: str, *, is_markdown: bool) -> Iterator[str]:
    """A sentence for each library that a template needs and that is not installed."""
    if is_markdown and not find_spec("markdown"):
        yield "Markdown needs a library: pip install lamsonproxy[html]"
    if _STYLE in source.lower() and not find_spec("css_inline"):
        yield "a style sheet needs a library: pip install lamsonproxy[html]"
