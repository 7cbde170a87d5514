"""What a template engine is to us: text in a template language in, something that renders out.

Law: an engine knows no files. It is given every piece at start, says what is wrong with it in a sentence that names the
template and the line, and then renders from memory.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from lamsonproxy.views.filters import Mode

Render = Callable[[Mapping[str, object]], str]
"""Renders with these variables. Raises AppError, with the template's name and line, whatever goes wrong."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A template, or one line of its head."""

    name: str
    text: str
    line: int
    """The number of its first line in the file."""
    mode: Mode
    is_whole: bool
    """Whether other templates may use it by its name."""


class Engine(Protocol):
    """One template language."""

    suffix: str
    """What the names of its templates end in: ".mako"."""

    def compile(self, piece: Piece) -> Render:
        """Raises AppError for a mistake that can be seen without variables."""

    def dangling(self) -> Iterator[str]:
        """A sentence for each template that is used by name and is not there; to be asked when all are compiled."""
