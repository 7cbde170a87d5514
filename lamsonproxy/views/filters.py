"""What becomes of a value where a template shows it.

Law: a value is shown as text, never as source: in HTML it makes no tag, in Markdown no mark. What is no value at all,
a function or a class, was not meant: the variable was forgotten, and the engine found one of Python's own names.
"""

import inspect
import re
from collections.abc import Callable
from enum import Enum

from markupsafe import Markup, escape

# What Markdown and HTML take for a mark: anywhere, or where a line begins. As references to characters, because a
# backslash works before some of them only, and each dialect has its own.
_MARKS = re.compile(r"[\\`*_{}\[\]()<>#+!|~=&\"']|\A-|(?<=\A\d)[.)]|(?<=\A\d\d)[.)]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile(r"\s*[\r\n]\s*")


class Mode(Enum):
    """The language of what is rendered."""

    TEXT = "text"
    HTML = "HTML"
    MARKDOWN = "Markdown"


def as_text(value: object) -> str:
    """As it is."""
    return str(_meant(value))


def as_html(value: object) -> str:
    """With the five characters that make tags and attributes escaped; what has `__html__` says it is HTML."""
    return escape(_meant(value))


def as_markdown(value: object) -> str:
    """As text that is no Markdown and no HTML, on one line: a line break could begin a list or a heading."""
    if hasattr(value, "__html__"):
        return escape(value)
    line = _BREAKS.sub(" ", str(_meant(value))).strip()
    return Markup(_MARKS.sub(lambda mark: f"&#{ord(mark[0])};", line))


def whole(rendered: str) -> str:
    """The text with no half characters: an address has one for an octet that is not UTF-8, and no mail can hold it."""
    return _SURROGATE.sub("\ufffd", rendered)


def _meant(value: object) -> object:
    if inspect.isroutine(value) or inspect.isclass(value):
        raise TypeError(f"{value.__name__!r} is no value; is the variable given?")
    return value


FILTERS: dict[Mode, Callable[[object], str]] = {
    Mode.TEXT: as_text,
    Mode.HTML: as_html,
    Mode.MARKDOWN: as_markdown,
}
