"""What HTML says, as plain text: to quote it, and to forward it in a text.

Law: linear in what is read, and never raises. Nothing is shown that HTML would not show: no style sheet, no script, no
comment. Lines are those that a browser would break, where a block begins and where it ends; of blanks there is one,
but for <pre>.
"""

import html
import re

# A comment that nobody ends hides all that follows.
_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<(/?)([a-z][a-z0-9]*)\b[^<>]*>|<[!?/][^<>]*>", re.IGNORECASE | re.DOTALL
)
_HIDDEN = frozenset(("head", "script", "style", "template", "title"))
_BLOCKS = frozenset(("address", "article", "dd", "div", "dt", "footer", "header", "li", "section", "tr"))
_PARAGRAPHS = frozenset(
    ("blockquote", "dl", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul")
)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
# Python refuses to make a number of some thousand digits; no character has eight.
_NO_CHARACTER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")

# Where a line ends, where one ends that is not empty, and where an empty one follows. Not in any text: they are blanks.
_BREAK, _BLOCK, _PARAGRAPH = "\n", "\r", "\f"
_ENDS = re.compile(f"([{_BREAK}{_BLOCK}{_PARAGRAPH}])")


def unescaped(text: str) -> str:
    """The text with the characters that its references (`&amp;`, `&#228;`) are for."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", text))


def from_html(source: str) -> str:
    """The text of HTML, its lines ended by LF; "" where it shows none."""
    text = _Text()
    at = 0
    for token in _TOKEN.finditer(source):
        text.write(source[at : token.start()])
        text.obey((token[2] or "").lower(), is_end=bool(token[1]))
        at = token.end()
    text.write(source[at:])
    return text.lines()


class _Text:
    """A text that is being written."""

    def __init__(self) -> None:
        self._pieces = [_BREAK]
        self._hidden_by = ""
        self._is_pre = False

    def write(self, source: str) -> None:
        if self._hidden_by or not source:
            return
        # Before the references: `&#10;` is a blank, and `&nbsp;` is none.
        blanks = source.replace("\r\n", "\n") if self._is_pre else _BLANKS.sub(" ", source)
        text = re.sub("[\r\f]", " ", unescaped(blanks))
        if not self._is_pre:
            text = text.replace("\n", " ")
            text = text.lstrip(" ") if self._pieces[-1][-1] in " \n\r\f" else text
        if text:
            self._pieces.append(text)

    def obey(self, tag: str, *, is_end: bool) -> None:
        if self._hidden_by:
            if is_end and tag == self._hidden_by:
                self._hidden_by = ""
        elif tag in _HIDDEN and not is_end:
            self._hidden_by = tag
        elif tag == "br":
            self._pieces.append(_BREAK)
        elif tag in _PARAGRAPHS:
            self._pieces.append(_PARAGRAPH)
            self._is_pre = tag == "pre" and not is_end
        elif tag in _BLOCKS:
            self._pieces.append(_BLOCK)
        elif tag in ("td", "th"):
            self.write(" ")

    def lines(self) -> str:
        lines = [""]
        texts = _ENDS.split("".join(self._pieces))
        for text, end in zip(texts[::2], [*texts[1::2], _BREAK], strict=True):
            lines[-1] = text.rstrip(" \t")
            if end == _BREAK or lines[-1]:
                lines.append("")
            if end == _PARAGRAPH and len(lines) > 1 and lines[-2]:
                lines.append("")
        shown = "\n".join(lines).strip("\n")
        return f"{shown}\n" if shown else ""
