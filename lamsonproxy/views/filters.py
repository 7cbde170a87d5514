"""What becomes of a value where a template shows it.

Law: a value is shown as text, never as source: in HTML it makes no tag, in Markdown no mark. What is no value at all,
a function or a class, was not meant: the variable was forgotten, and the engine found one of Python's own names.
"""

import re
from collections.abc import Callable
from enum import Enum

from markupsafe import Markup, escape

# All that Python-Markdown takes for a mark if it stands in the right place; a tilde and an equals sign are none.
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|:~=>])")
_BREAKS = re.compile(r"\s*\n\s*")


class Mode(Enum):
    """The language of what is rendered."""

    TEXT = "text"
    HTML = "html"
    MARKDOWN = "markdown"


def as_text(value: object) -> str:
    """As it is."""
    return str(_meant(value))


def as_html(value: object) -> str:
    """With the five characters that make tags and attributes escaped; what has `__html__` says it is HTML."""
    return escape(_meant(value))


def as_markdown(value: object) -> str:
    """As text that is no Markdown and no HTML, on one line: a line break could begin a list or a heading."""
    return Markup(_MARKS.sub(r"\\\1", str(escape(_BREAKS.sub(" ", str(_meant(value)))))))


def _meant(value: object) -> object:
    if isinstance(value, Callable):  # type: ignore[arg-type]  # it is a class all the same
        raise TypeError(f"{getattr(value, '__name__', value)!r} is no value; is the variable given?")
    return value


FILTERS: dict[Mode, Callable[[object], str]] = {
    Mode.TEXT: as_text,
    Mode.HTML: as_html,
    Mode.MARKDOWN: as_markdown,
}
