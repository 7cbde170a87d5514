"""Templates written in Jinja2, where that is installed.

Law: as for Mako: what was compiled at start is all there is, a variable that is not given is a mistake, and every
mistake names the template and the line. A block's own line leaves no empty line in a text.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    Template,
    TemplateNotFound,
    TemplateSyntaxError,
    nodes,
)

from lamsonproxy.errors import AppError
from lamsonproxy.views.engine import Piece, Render
from lamsonproxy.views.filters import FILTERS, Mode

_OURS = "template:"
"""Before the name of a template, where a traceback has the name of a file."""


class Jinja:
    """The engine."""

    suffix = ".jinja"

    def __init__(self) -> None:
        self._loaders = {mode: _Loader() for mode in Mode}
        self._environments = {mode: _environment(mode, loader) for mode, loader in self._loaders.items()}
        self._used: list[tuple[Piece, int, str]] = []

    def compile(self, piece: Piece) -> Render:
        environment = self._environments[piece.mode]
        # A comment takes the lines that are not compiled here, so that the others keep their numbers.
        text = ("{#" + "\n" * (piece.line - 1) + "+#}" if piece.line > 1 else "") + piece.text
        try:
            used = list(_used(environment.parse(text)))
            code = environment.compile(text, piece.name, _OURS + piece.name)
        except TemplateSyntaxError as error:
            raise AppError(f"{piece.name}, line {error.lineno}: {error.message}") from error
        template = Template.from_code(environment, code, environment.make_globals(None))
        self._used += [(piece, line, name) for line, name in used]
        if piece.is_whole:
            self._loaders[piece.mode].templates[piece.name] = template
        return partial(_render, piece.name, template)

    def dangling(self) -> Iterator[str]:
        for piece, line, name in self._used:
            if name not in self._loaders[piece.mode].templates:
                yield f"{piece.name}, line {line}: there is no template {name!r} for {piece.mode.value}."


class _Loader(BaseLoader):
    """The templates that others may use, by name."""

    def __init__(self) -> None:
        self.templates: dict[str, Template] = {}

    def load(
        self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> Template:
        if name not in self.templates:
            raise TemplateNotFound(name)
        return self.templates[name]


def _environment(mode: Mode, loader: _Loader) -> Environment:
    return Environment(
        loader=loader,
        autoescape=mode is not Mode.TEXT,
        undefined=StrictUndefined,
        finalize=_finalize(FILTERS[mode]),
        auto_reload=False,
        cache_size=0,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(show: Callable[[object], str]) -> Callable[[object], str]:
    def finalize(value: object) -> str:
        if isinstance(value, StrictUndefined):
            # Raises, with the name.
            return str(value)
        return show(value)

    return finalize


def _used(template: nodes.Template) -> Iterator[tuple[int, str]]:
    """The templates that this one uses, where they are named and not computed."""
    for node in template.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        name = getattr(node, "template", None)
        if isinstance(name, nodes.Const) and not getattr(node, "ignore_missing", False):
            yield node.lineno, str(name.value)


def _render(name: str, template: Template, variables: Mapping[str, object]) -> str:
    try:
        return template.render(variables)
    except Exception as error:
        raise AppError(f"{_place(error, name)}: {type(error).__name__}: {error}") from error


def _place(error: Exception, name: str) -> str:
    """The innermost template in the traceback, and its line there."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    found = ((frame.filename, frame.lineno) for frame in frames if frame.filename.startswith(_OURS))
    name, line = next(found, (name, 0))
    return f"{name.removeprefix(_OURS)}, line {line}"
