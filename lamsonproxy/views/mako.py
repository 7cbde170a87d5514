"""Templates written in Mako.

Law: what was compiled at start is all there is: nothing is found, read or compiled while mail flows. A variable that is
not given is a mistake, and every mistake names the template and the line.

Names in `file="..."` are paths from the folder of templates, wherever they stand.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import count

# Mako has no types.
from mako.exceptions import RichTraceback, TopLevelLookupException  # type: ignore[import-untyped]
from mako.lexer import Lexer  # type: ignore[import-untyped]
from mako.lookup import TemplateCollection  # type: ignore[import-untyped]
from mako.parsetree import Node, Tag  # type: ignore[import-untyped]
from mako.template import Template  # type: ignore[import-untyped]

from lamsonproxy.errors import AppError
from lamsonproxy.views.engine import Piece, Render
from lamsonproxy.views.filters import FILTERS, Mode

# Mako finds the lines of an error by the name of a compiled module, of which two must not be the same.
_SERIAL = count()


class Mako:
    """The engine."""

    suffix = ".mako"

    def __init__(self) -> None:
        self._lookups = {mode: _Lookup() for mode in Mode}
        self._used: list[tuple[Piece, int, str]] = []
        self._first_uses: dict[str, dict[str, int]] = {}

    def compile(self, piece: Piece) -> Render:
        # Comments take the lines that are not compiled here, so that the others keep their numbers.
        text = "##\n" * (piece.line - 1) + piece.text
        lookup = self._lookups[piece.mode]
        try:
            nodes = tuple(_nodes(Lexer(text, piece.name).parse()))
            template = Template(
                text=text,
                filename=piece.name,
                uri=f"{piece.name}#{next(_SERIAL)}",
                lookup=lookup,
                strict_undefined=True,
                default_filters=[FILTERS[piece.mode].__name__],
                imports=[f"from lamsonproxy.views.filters import {FILTERS[piece.mode].__name__}"],
            )
        except Exception as error:
            # Not Mako's own alone: `<%! ... %>` is run now, and may import what is not there.
            raise AppError(_mistake(piece.name, error)) from error
        self._used += [(piece, line, name) for line, name in _files(nodes)]
        if piece.is_whole:
            lookup.templates[piece.name] = template
        self._first_uses[piece.name] = _first_uses(nodes, self._first_uses.get(piece.name, {}))
        return partial(self._render, piece.name, template)

    def dangling(self) -> Iterator[str]:
        for piece, line, name in self._used:
            if not self._lookups[piece.mode].has_template(name.lstrip("/")):
                yield f"{piece.name}, line {line}: there is no template {name!r} for {piece.mode.value}."

    def _render(self, name: str, template: Template, variables: Mapping[str, object]) -> str:
        try:
            return str(template.render_unicode(**variables))
        except Exception as error:
            raise AppError(f"{self._place(error, name)}: {type(error).__name__}: {error}") from error

    def _place(self, error: Exception, name: str) -> str:
        """The innermost template in the traceback, and its line there."""
        records = reversed(RichTraceback(error, error.__traceback__).records)
        name, line = next(((record[4], record[5]) for record in records if record[4]), (name, 0))
        if isinstance(error, NameError) and "'" in str(error):
            # Mako looks all names up before the first line.
            line = self._first_uses.get(name, {}).get(str(error).split("'")[1], line)
        return f"{name}, line {line}"


class _Lookup(TemplateCollection):  # type: ignore[misc]  # Mako has no types
    """The templates that others may use, by name."""

    def __init__(self) -> None:
        self.templates: dict[str, Template] = {}

    def get_template(self, uri: str, relativeto: str | None = None) -> Template:
        if uri not in self.templates:
            raise TopLevelLookupException(f"there is no template {uri!r}")
        return self.templates[uri]

    def adjust_uri(self, uri: str, filename: str) -> str:
        return uri.lstrip("/")


def _mistake(name: str, error: Exception) -> str:
    # Mako puts the place at the end of its sentences, once for each of our names and in its own words.
    sentence = str(error).partition(" in file ")[0]
    return f"{name}, line {getattr(error, 'lineno', None) or 0}: {sentence}"


def _nodes(node: Node) -> Iterator[Node]:
    for child in node.get_children():
        yield child
        yield from _nodes(child)


def _files(nodes: tuple[Node, ...]) -> Iterator[tuple[int, str]]:
    """The templates that these nodes use, where they are named and not computed."""
    for node in nodes:
        name = node.attributes.get("file", "") if isinstance(node, Tag) else ""
        if name and "${" not in name:
            yield node.lineno, name


def _first_uses(nodes: tuple[Node, ...], others: Mapping[str, int]) -> dict[str, int]:
    """Each name that is to be given as a variable, and the first line that uses it, among `others` too."""
    lines = dict(others)
    for node in nodes:
        for name in getattr(node, "undeclared_identifiers", tuple)():
            lines[name] = min(node.lineno, lines.get(name, node.lineno))
    return lines
