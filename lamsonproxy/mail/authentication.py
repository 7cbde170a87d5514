"""Authentication-Results: what our own border found out about a mail, read from the fields that it wrote.

Law: linear, never raises. A field counts when it bears our authserv-id and stands where no stranger's can: above the
line that the host before us wrote. Of each method only the topmost field that speaks of it counts: what a stranger
put into his mail stands below what our border put on top of it, and cannot contradict it.

RFC 8601 §2.2 (syntax), §5 (removing forgeries), §7.1 (what must be trusted for it).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.headers import Field, unfold
from lamsonproxy.mail.message import Message

OCTETS_LIMIT = 100_000
"""Octets of one field read; Postfix cuts it at 102,400 (header_size_limit)."""

# A quoted string, a quoted pair, a sign, a run of blanks, or a run of anything else.
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*+)"?|\\.|[();=]|\s++|[^\s"();=\\]++|\\', re.DOTALL)
# A quotation mark is nothing special in here (RFC 5322 §3.2.2): it must not hide the comment's end.
_IN_COMMENT = re.compile(r"[^()\\]++|\\.|[()]|\\", re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """What one method found."""

    method: str
    """`spf`, `dkim`, `dmarc`: in small letters, without a version."""
    value: str
    """`pass`, `fail`, `none`: in small letters."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """`smtp.mailfrom`, `header.d`: names in small letters, values as they were written."""


def results_of(message: Message, authserv_id: str, *, hops: int = 1) -> tuple[Result, ...]:
    """The results that the border of this name wrote.

    `hops` is how many Received lines of our own stand above its fields, at most: one where a milter of the smtpd(8)
    wrote them, as milters put them above or right below Postfix's own line.
    """
    found: dict[str, list[Result]] = {}
    for written in _fields(message, hops):
        name, results = _parse(written)
        if not authserv_id or _canonical(name) != _canonical(authserv_id):
            continue
        for method in {result.method: None for result in results if result.method not in found}:
            found[method] = [result for result in results if result.method == method]
    return tuple(result for results in found.values() for result in results)


def _fields(message: Message, hops: int) -> Iterator[Field]:
    """The fields of this name above the next older host's Received line."""
    for each in message.headers:
        name = each.name.lower()
        if name == "received":
            hops -= 1
            if hops < 0:
                return
        elif name == "authentication-results":
            yield each


def _canonical(name: str) -> str:
    """A host's name as DNS compares it; an authserv-id is one, or should be (RFC 8601 §2.5)."""
    return Address(f"postmaster@{name.rstrip('.')}").ascii_domain


def _parse(written: Field) -> tuple[str, Sequence[Result]]:
    """The authserv-id and the results of one field."""
    text = unfold(written.raw_value[:OCTETS_LIMIT]).decode("utf-8", "replace")
    head, *statements = _statements(text)
    said = (items for items in statements if items and items[0].value is not None)
    return (head[0].key if head else ""), [_result(*items) for items in said]


def _result(said: "_Item", *others: "_Item") -> Result:
    # Of two properties of one name the first counts.
    properties = {item.key.lower(): item.value or "" for item in reversed(others)}
    return Result(said.key.partition("/")[0].lower(), (said.value or "").lower(), properties)


@dataclass(slots=True)
class _Item:
    """`key=value`, as far as it has been read."""

    key: str = ""
    value: str | None = None
    """None before the equals sign."""
    wants_word: bool = False
    """Whether the next word belongs to it, even behind a blank."""

    def add(self, text: str) -> None:
        if self.value is None:
            self.key += text
        else:
            self.value += text
        # Blanks may stand around the dot and the slash of a key: `header . d = example.com`.
        self.wants_word = self.value is None and text.endswith((".", "/"))

    def equals(self) -> None:
        self.value = ""
        self.wants_word = True

    def goes_on_with(self, word: str) -> bool:
        return self.wants_word or (self.value is None and word.startswith((".", "/")))


def _statements(text: str) -> list[list[_Item]]:
    """What stands between the semicolons, item by item, without comments."""
    statements: list[list[_Item]] = [[]]
    is_behind_blank = True
    for kind, word in _words(text):
        items = statements[-1]
        if kind == ";":
            statements.append([])
        elif kind == "=" and items and items[-1].value is None:
            items[-1].equals()
        elif kind != " " and items and (not is_behind_blank or items[-1].goes_on_with(word)):
            items[-1].add(word)
        elif kind != " ":
            items.append(_Item(word))
        is_behind_blank = kind == " "
    return statements


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Kinds and words: `;`, `=`, a blank (a comment is one), and "" for a word, which may have been quoted."""
    at = depth = 0
    while token := (_IN_COMMENT if depth else _TOKEN).match(text, at):
        at, word = token.end(), token[0]
        if word in "()":
            depth = max(depth + (1 if word == "(" else -1), 0)
            yield " ", word
        elif depth:
            continue
        elif token[1] is not None:
            yield "", _QUOTED_PAIR.sub(r"\1", token[1])
        else:
            yield (word if word in ";=" else " " if word.isspace() else ""), word
