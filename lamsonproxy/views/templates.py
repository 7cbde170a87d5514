"""A folder of templates, rendered by one engine.

Law: everything is read and compiled when it is made, and all mistakes are told together by `check`. A name is looked
up among what was read; it leads nowhere else. Header fields are rendered one by one, so a value stays in its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lamsonproxy.errors import AppError
from lamsonproxy.mail.fields import check_line
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.views.engine import Engine, Piece, Render
from lamsonproxy.views.filters import Mode
from lamsonproxy.views.mako import Mako
from lamsonproxy.views.sources import HeadLine, Source, read_sources, split


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A page, compiled."""

    head: tuple[tuple[str, Render], ...]
    text: Render


class TemplateFolder:
    """The templates of one folder in one language; fulfils the port `Templates`."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._engine = engine
        self._pages: dict[str, _Compiled] = {}
        self._htmls: dict[str, Render] = {}
        self._mistakes: list[str] = []
        for source in read_sources(folder, engine.suffix, self._mistakes):
            try:
                self._compile(source)
            except AppError as error:
                self._mistakes += error.problems
        self._mistakes += engine.dangling()

    def check(self) -> None:
        """Raises AppError with every mistake that can be seen without variables."""
        if self._mistakes:
            raise AppError(*self._mistakes)

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        """Render a page and the HTML beside it. Raises AppError, with the template's name and line."""
        page = self._pages.get(name)
        if page is None:
            raise AppError(f"there is no template {name!r}")
        headers = tuple((header, render(variables)) for header, render in page.head)
        html = self._htmls.get(name)
        return Rendered(
            tuple((header, value) for header, value in headers if value),
            page.text(variables),
            html(variables) if html else "",
        )

    def _compile(self, source: Source) -> None:
        page = split(source)
        texts = {
            mode: self._engine.compile(Piece(source.name, page.body, page.body_line, mode, True))
            for mode in source.modes
        }
        if source.is_page:
            head = tuple((line.field, self._header(source, line)) for line in page.head)
            self._pages[source.name] = _Compiled(head, texts[Mode.TEXT])
        elif not source.is_fragment:
            self._htmls[source.stem + source.suffix] = texts[Mode.HTML]

    def _header(self, source: Source, line: HeadLine) -> Render:
        render = self._engine.compile(Piece(source.name, line.text, line.number, Mode.TEXT, False))

        def value(variables: Mapping[str, object]) -> str:
            try:
                return check_line(line.field, render(variables).partition(":")[2].strip())
            except ValueError as error:
                raise AppError(f"{source.name}, line {line.number}: {error}") from error

        return value


class MakoTemplates(TemplateFolder):
    """A folder of templates in Mako."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Mako())
