"""A folder of templates.

Law: everything is read and compiled when it is made, and all mistakes are told together by `check`. A name is looked
up among what was read; it leads nowhere else.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from lamsonproxy.errors import AppError
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.views.engine import Engine
from lamsonproxy.views.filters import whole
from lamsonproxy.views.html import inlined
from lamsonproxy.views.mako import Mako
from lamsonproxy.views.pages import Page, Pages
from lamsonproxy.views.pictures import read_pictures, with_pictures
from lamsonproxy.views.sources import read_sources


class TemplateFolder:
    """The templates of one folder, in Mako and, where it is installed, in Jinja2; fulfils the port `Templates`."""

    def __init__(self, folder: Path) -> None:
        self._mistakes: list[str] = []
        self._pages: dict[str, Page] = {}
        if not folder.is_dir():
            self._mistakes.append(f"The folder of templates {folder} does not exist.")
        self._pictures = read_pictures(folder, self._mistakes)
        for engine in self._engines(folder):
            sources = read_sources(folder, engine.suffix, self._mistakes)
            made = Pages(engine, sources, self._pictures)
            self._pages |= made.pages
            self._mistakes += made.mistakes

    def check(self) -> None:
        """Raises AppError with every mistake that can be seen without variables."""
        if self._mistakes:
            raise AppError(*self._mistakes)

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        """Render a page and the HTML that belongs to it. Raises AppError, with the template's name and line."""
        page = self._pages.get(name)
        if page is None:
            raise AppError(f"there is no template {name!r}")
        headers = [(field, render(variables)) for field, render in page.head]
        text = whole(page.text(variables))
        with _as_app_error(name):
            html, images = with_pictures(whole(page.html(variables)) if page.html else "", self._pictures)
            html = inlined(html)
        # A page of nothing but a head has no text beside its HTML.
        return Rendered(
            tuple(header for header in headers if header[1]), text if text.strip() else "", html, images
        )

    def _engines(self, folder: Path) -> Iterator[Engine]:
        yield Mako()
        if find_spec("jinja2"):
            from lamsonproxy.views.jinja import Jinja

            yield Jinja()
        elif any(folder.rglob("*.jinja")):
            self._mistakes.append("Templates in Jinja2 need a library: pip install lamsonproxy[jinja].")


@contextmanager
def _as_app_error(name: str) -> Iterator[None]:
    """What goes wrong behind the engine, in a style sheet or in Markdown, is a mistake of the template too."""
    try:
        yield
    except AppError:
        raise
    except Exception as error:
        raise AppError(f"the HTML of {name}: {type(error).__name__}: {error}") from error
