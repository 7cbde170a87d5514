"""Pages: what one engine makes of its sources, each page with the HTML that belongs to it.

Law: every source is compiled, whatever is wrong with the one before it, so that all mistakes are known at once. A page
with a mistake in it is no page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lamsonproxy.errors import AppError
from lamsonproxy.mail.fields import check_line
from lamsonproxy.mail.rendered import Image
from lamsonproxy.views.engine import Engine, Piece, Render
from lamsonproxy.views.filters import Mode, whole
from lamsonproxy.views.html import from_markdown, missing_libraries, plain_page
from lamsonproxy.views.pictures import wrong_pictures
from lamsonproxy.views.sources import HeadLine, Source, split

MARKDOWN_LAYOUT = "_markdown.html"
"""The layout, without the engine's suffix, into which the HTML of Markdown is put as `content`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, compiled."""

    head: tuple[tuple[str, Render], ...]
    text: Render
    html: Render | None


class Pages:
    """Compiles what one engine is given, and puts together what belongs together."""

    def __init__(self, engine: Engine, sources: Sequence[Source], pictures: Mapping[str, Image]) -> None:
        self._engine, self._pictures = engine, pictures
        self._heads: dict[str, tuple[tuple[str, Render], ...]] = {}
        self._bodies: dict[tuple[str, Mode], Render] = {}
        self.mistakes: list[str] = []
        for source in sources:
            try:
                self._compile(source)
            except AppError as error:
                self.mistakes += error.problems
        self.mistakes += engine.dangling()
        self.pages = {
            name: self._page(name) for name, mode in self._bodies if mode is Mode.TEXT and name in self._heads
        }
        self.mistakes += self._alone(sources)

    def _compile(self, source: Source) -> None:
        part = split(source)
        self.mistakes += self._missing(source)
        head = tuple((line.field, self._field(source, line)) for line in part.head)
        for mode in source.modes:
            piece = Piece(source.name, part.body, part.body_line, mode, True)
            self._bodies[source.name, mode] = self._engine.compile(piece)
        if source.is_page:
            self._heads[source.name] = head

    def _missing(self, source: Source) -> Iterator[str]:
        is_markdown = Mode.MARKDOWN in source.modes
        for sentence in missing_libraries(source.text, is_markdown=is_markdown):
            yield f"{source.name}: {sentence}."
        if source.modes == (Mode.TEXT,):
            return
        for line, sentence in wrong_pictures(source.text, self._pictures):
            yield f"{source.name}, line {line}: {sentence}."

    def _field(self, source: Source, line: HeadLine) -> Render:
        render = self._engine.compile(Piece(source.name, line.text, line.number, Mode.TEXT, False))

        def value(variables: Mapping[str, object]) -> str:
            try:
                return check_line(line.field, whole(render(variables)).partition(":")[2].strip())
            except ValueError as error:
                raise AppError(f"{source.name}, line {line.number}: {error}") from error

        return value

    def _page(self, name: str) -> Page:
        html = self._bodies.get((_beside(name, self._engine.suffix), Mode.HTML)) or self._from_markdown(name)
        return Page(self._heads[name], self._bodies[name, Mode.TEXT], html)

    def _from_markdown(self, name: str) -> Render | None:
        markdown = self._bodies.get((name, Mode.MARKDOWN))
        if markdown is None:
            return None
        layout = self._bodies.get((MARKDOWN_LAYOUT + self._engine.suffix, Mode.HTML))

        def render(variables: Mapping[str, object]) -> str:
            content = from_markdown(markdown(variables))
            return layout({**variables, "content": content}) if layout else plain_page(content)

        return render

    def _alone(self, sources: Sequence[Source]) -> Iterator[str]:
        names = {_beside(source.name, self._engine.suffix) for source in sources if source.is_page}
        for source in sources:
            if source.modes == (Mode.HTML,) and not source.is_fragment and source.name not in names:
                yield f"{source.name}: there is no page beside it that gives the header fields and the text."


def _beside(name: str, suffix: str) -> str:
    """The name of the HTML that belongs to a page: `welcome.html.mako` to `welcome.mako`."""
    return f"{name.removesuffix(suffix)}.html{suffix}"
