"""Reports for people only: which recipients a text names, and what it says about each.

Law: linear, never raises. An address counts when the text is built around it (it begins a line, or follows a
word such as "recipient:"), not because it is in the text: senders, postmasters and examples are there too.

No standard says how such a text looks; the shapes here are those of many hosts, none belongs to one alone.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from lamsonproxy.mail.bounces.finding import Finding

LINES_LIMIT = 2000
LINE_LIMIT = 1000
RECIPIENTS_LIMIT = 100
"""Recipients read from a text: those of a list's bounce are in delivery status fields."""

SECTION_LIMIT = 4 * 1024

_SPEC = (
    r'(?:"[^"\x00-\x1f\x7f]{1,100}"|[^\s\x00-\x1f\x7f<>"()\[\],;:|\\]{1,120})'
    r'@[^\s\x00-\x1f\x7f<>"()\[\],;:|\\]{1,255}'
)
# A line that an address begins: `<a@b>: ...`, `  a@b`, `* a@b`, `a@b on Thu, ...`, `>>> a@b <<<`.
_HEADING = re.compile(
    rf"([ \t]*)(?:[*+•-][ \t]*|>>>[ \t]*|\d{{1,3}}[.)][ \t]*|(?:smtp|mailto):)?['\"]?<?(?:mailto:)?({_SPEC})>?"
    r"(?![^\s:;,<>\[('\"])",
    re.IGNORECASE,
)
# The word is a whole one: `user1@example.com` does not announce `1@example.com`.
_TO = re.compile(
    rf"(?:\b(?:RCPT TO|rejected recipient|recipient(?:s| address| name)?|addressed to|forward(?:ed)? to"
    rf"|deliver(?:y|ed|ing)?(?: [a-z]+){{0,4}} to|send(?:ing)?(?: [a-z]+){{0,4}} to|undeliverable to"
    rf"|(?:mail|message) to|failed for|generated (?:by|from)|address|user|account|mailbox|(?:allowed|maximum) size"
    rf"|attempts|failed|T)|^[ \t]*to)"
    rf"(?:\(s\))?(?=[ \t:=\[<'\"])[ \t]{{0,4}}[:=]?[ \t]{{0,4}}\[?[<'\"]?({_SPEC})",
    re.IGNORECASE | re.MULTILINE,
)
# An X.400 address around one of the Internet's, as Exchange 5.5 writes it (RFC 2156 §4.1).
_X400 = re.compile(rf";[ \t]*dda:SMTP=({_SPEC})", re.IGNORECASE)
_RCPT = re.compile(rf"RCPT TO:?[ \t]*<?({_SPEC})", re.IGNORECASE)
_TRANSCRIPT = re.compile(rf"^[45]\d\d (?:[45]\.\d\.\d{{1,3}} )?<({_SPEC})>\.\.\.", re.MULTILINE)
# A line that ends with the address: `User mailbox exceeds allowed size: a@b`.
_LABELLED = re.compile(
    rf"^[\w' ]{{0,60}}\b(?:user|userid|mailbox|size|attempts|full)[ \t]{{0,4}}:[ \t]{{0,4}}<?({_SPEC})>?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_ANY = re.compile(rf"(?<![^\s<(:'\"\[=])({_SPEC})")
_NOT_RECIPIENTS = re.compile(
    r"(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|noc|hostmaster|admin)@", re.I
)
# From here on the text is not about one recipient.
_COMMON = re.compile(r"[ \t]*-{3,}")


class Prose:
    """A text for people, with the lines that addresses begin."""

    def __init__(self, text: str, strangers: Iterable[str] | None = None) -> None:
        """`strangers` are those whom such a text names without meaning them: who sent it and who gets it. Without
        any to compare with everybody counts, postmasters too."""
        self._is_stranger = _is_nobody if strangers is None else _Strangers(strangers)
        self._lines = [line[:LINE_LIMIT] for line in text.split("\n")[:LINES_LIMIT]]
        self._headings = _headings(self._lines, self._is_stranger)

    def recipients(self, promised: Iterable[str] = (), *, in_passing: bool = True) -> list[Finding]:
        """The recipients that it names; `promised` are those of X-Failed-Recipients, which cannot be wrong.
        `in_passing`: any address will do where none stands out, as in a host's mail."""
        found = list(dict.fromkeys(filter(None, promised)))[:RECIPIENTS_LIMIT] or list(self._headings)
        if len(found) == 1:
            return [Finding(found[0], said=self.about(found[0], alone=True), around=self.whole)]
        if found:
            return [Finding(address, said=self.about(address, alone=False)) for address in found]
        found = _mentioned("\n".join(self._lines), self._is_stranger, in_passing=in_passing)
        return [Finding(address, said=self._own(address, found), around=self.whole) for address in found]

    def about(self, address: str, *, alone: bool) -> str:
        """What it says about one address; all from there on if no other one is meant."""
        if alone:
            return _cut(self._lines[self._headings.get(address, 0) :])
        return _cut(self._own_lines(address))

    def _own(self, address: str, found: list[str]) -> str:
        return self.whole if len(found) == 1 else self.about(address, alone=False)

    @property
    def whole(self) -> str:
        return _cut(self._lines)

    def _own_lines(self, address: str) -> Iterator[str]:
        """The lines from the address to the next one, and those of a transcript that name it."""
        begin = self._headings.get(address, len(self._lines))
        end = self._end_of_section(begin)
        end = next((n for n in range(begin, end) if _COMMON.match(self._lines[n])), end)
        yield from self._lines[begin:end]
        for number, line in enumerate(self._lines):
            if address in line and not begin <= number < end:
                yield line

    def _end_of_section(self, begin: int) -> int:
        """Addresses that stand in a row, with nothing said between, share what is said below the last."""
        last = begin
        for start in sorted(n for n in self._headings.values() if n > begin):
            said = any(line.strip() for line in self._lines[last + 1 : start])
            if said or not (self._is_bare(last) and self._is_bare(start)):
                return start
            last = start
        return len(self._lines)

    def _is_bare(self, number: int) -> bool:
        match = _HEADING.match(self._lines[number])
        return match is not None and not self._lines[number][match.end() :].strip()


def _is_nobody(address: str) -> bool:
    return False


class _Strangers:
    def __init__(self, addresses: Iterable[str]) -> None:
        self._known = {address.lower() for address in addresses}

    def __call__(self, address: str) -> bool:
        return address.lower() in self._known or bool(_NOT_RECIPIENTS.match(address))


def _headings(lines: list[str], is_stranger: Callable[[str], bool]) -> dict[str, int]:
    """Addresses that begin a line, with the number of the line; all are as far from the margin as the first:
    what is further in has been wrapped."""
    found: dict[str, int] = {}
    margin: int | None = None
    for number, line in enumerate(lines):
        match = _HEADING.match(line) if "@" in line else None
        if match is None or (margin is not None and len(match[1]) > margin):
            continue
        address = _trimmed(match[2])
        if address in found or is_stranger(address):
            continue
        margin = len(match[1])
        found[address] = number
        if len(found) == RECIPIENTS_LIMIT:
            break
    return found


def _trimmed(address: str) -> str:
    return address.rstrip(".'…")


def _mentioned(text: str, is_stranger: Callable[[str], bool], *, in_passing: bool) -> list[str]:
    """Addresses in the middle of sentences: those that a command named, else the one that a word announces."""
    shapes = [
        (_RCPT, RECIPIENTS_LIMIT),
        (_X400, RECIPIENTS_LIMIT),
        (_TRANSCRIPT, RECIPIENTS_LIMIT),
        (_LABELLED, RECIPIENTS_LIMIT),
        (_TO, 1),
        (_ANY, 1),
    ]
    for shape, limit in shapes if in_passing else shapes[:-1]:
        found = dict.fromkeys(_trimmed(match[1]) for match in shape.finditer(text))
        known = [address for address in found if not is_stranger(address)]
        if known:
            return known[:limit]
    return []


def _cut(lines: Iterable[str]) -> str:
    return "\n".join(lines).strip()[:SECTION_LIMIT]
