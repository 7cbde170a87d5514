"""The files of a template folder, before any engine has seen them.

Law: the folder is read once, at start. What has not been read then has no name, so no name can lead out of the folder.
The head is split off here, line by line, before anything is rendered: a value cannot end its line.

A page is `welcome.mako`: header fields, an empty line, the text. `welcome.html.mako` beside it gives the HTML, and
`news.md.mako` is a page whose text is Markdown, of which the HTML is made. A file whose name begins with `_` is a
layout or a fragment, for other templates to use.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lamsonproxy.errors import AppError
from lamsonproxy.mail.compose import check_header_name
from lamsonproxy.views.filters import Mode

_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*):.*")


@dataclass(frozen=True, slots=True)
class Source:
    """One file."""

    name: str
    """Its path from the folder: "lists/welcome.mako"."""
    suffix: str
    """The engine's, which the name ends in: ".mako"."""
    text: str

    @property
    def is_page(self) -> bool:
        """Whether it has a head."""
        return not self.is_fragment and Mode.TEXT in self.modes

    @property
    def is_fragment(self) -> bool:
        return PurePosixPath(self.name).name.startswith("_")

    @property
    def modes(self) -> tuple[Mode, ...]:
        """What it is rendered as."""
        bare = self.name.removesuffix(self.suffix)
        if bare.endswith(".html"):
            return (Mode.HTML,)
        return (Mode.TEXT, Mode.MARKDOWN) if bare.endswith(".md") else (Mode.TEXT,)


@dataclass(frozen=True, slots=True)
class HeadLine:
    """One header field, unfolded, and the line on which it begins."""

    number: int
    text: str

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.text.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Page:
    """A template in two."""

    head: tuple[HeadLine, ...]
    body: str
    body_line: int
    """The number of the body's first line."""


def read_sources(folder: Path, suffix: str, mistakes: list[str]) -> list[Source]:
    """All templates of one engine, by name; what cannot be read becomes a sentence in `mistakes`."""
    sources = []
    for name, path in files_of(folder, [suffix]):
        try:
            sources.append(Source(name, suffix, path.read_text(encoding="utf-8-sig")))
        except UnicodeDecodeError:
            mistakes.append(f"{name}: not UTF-8.")
        except OSError as error:
            mistakes.append(f"{name}: {error.strerror}.")
    return sources


def files_of(folder: Path, suffixes: Collection[str]) -> Iterator[tuple[str, Path]]:
    """The files with these suffixes, by their path from the folder. Hidden ones are none: editors leave them behind."""
    for path in sorted(folder.rglob("[!.]*")):
        if path.suffix.lower() in suffixes and path.is_file():
            yield path.relative_to(folder).as_posix(), path


def split(source: Source) -> Page:
    """Split a page into its head and its body; other templates have no head. Raises AppError."""
    if not source.is_page:
        return Page((), source.text, 1)
    lines = source.text.split("\n")
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    head: list[HeadLine] = []
    for number, line in enumerate(lines[:end], 1):
        if line.startswith("##"):
            continue
        if line[0] in " \t" and head:
            head[-1] = HeadLine(head[-1].number, f"{head[-1].text} {line.strip()}")
        else:
            head.append(HeadLine(number, _checked(line, source.name, number)))
    return Page(tuple(head), "\n".join(lines[end + 1 :]), end + 2)


def _checked(line: str, name: str, number: int) -> str:
    place = f"{name}, line {number}"
    field = _FIELD.fullmatch(line)
    if field is None:
        raise AppError(
            f"{place}: a template begins with header fields and an empty line; with none, it begins empty."
        )
    try:
        check_header_name(field[1])
    except ValueError as error:
        raise AppError(f"{place}: {error}.") from None
    return line
