"""Cases as text: what is sent, what the service decides, and what arrives.

    A sentence that is the name

    FROM <alice@example.com> RET=HDRS            the envelope, each with its ESMTP parameters
    TO <bob@pass.test> NOTIFY=NEVER
    MAIL                                         the message: indented by four, lines ended by CRLF,
        Subject: Soup                            \\xHH for an octet and \\\\ for a backslash

        Is there soup?
    DECISION <bob@pass.test> sent 2.0.0 queued   what Postfix logs: status, DSN code, and words of the reply
    ARRIVES <bob@pass.test> NOTIFY=NEVER         a recipient at the sink, with these parameters at least
        from <alice@example.com> RET=HDRS        the sender there
        + X-Stamp: seen                          this line is added at the end of the head
        - X-Spam-Flag: YES                       this line is gone
        body Another body.                       this line is the body; without any of these: same as sent
        says We do not take this                 another mail altogether (a bounce), with these words
    KEPT <carol@pass.test>                       the quarantine has a mail for this recipient
    LOGGED recipient limit                       the service's log has these words
    NEVER canary                                 neither Postfix's log nor anything that arrives has these

Law: whatever arrives and is not named is a failure. A word that is no directive is an error with its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from integration.client import Mail, Rcpt

_PATH = re.compile(r"<(?P<address>.*)>(?: (?P<rest>.*))?$")
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\\)")


@dataclass(slots=True)
class Decision:
    """What became of one recipient's mail at the filter, in Postfix's words."""

    recipient: str
    status: str
    dsn: str
    words: str


@dataclass(slots=True)
class Arrival:
    """One recipient of one mail at the sink."""

    recipient: str
    parameters: list[str]
    sender: str | None = None
    sender_parameters: list[str] = field(default_factory=list)
    added: list[bytes] = field(default_factory=list)
    removed: list[bytes] = field(default_factory=list)
    body: bytes | None = None
    words: list[str] = field(default_factory=list)

    def content(self, sent: bytes) -> bytes:
        """What must stand below the trace, made from what was sent."""
        head, empty, body = sent.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if line not in self.removed] + self.added
        return b"\r\n".join(lines) + empty + (body if self.body is None else self.body)


@dataclass(slots=True)
class Case:
    """One case file."""

    name: str
    mail: Mail
    decisions: list[Decision] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    never: list[str] = field(default_factory=list)


def read_case(path: Path) -> Case:
    """Raises ValueError, which names the file, for what is no case."""
    name, *lines = path.read_text("utf-8").splitlines()
    try:
        return _case(name, list(_directives(lines)))
    except (ValueError, LookupError) as error:
        raise ValueError(f"{path}: {error}") from error


def _directives(lines: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Each directive with the rest of its line and its indented block."""
    while lines:
        word, _, rest = lines.pop(0).partition(" ")
        block = []
        while lines and (lines[0].startswith("    ") or not lines[0]):
            block.append(lines.pop(0)[4:])
        while block and not block[-1]:
            block.pop()
        if word:
            yield word, rest.strip(), block


def _case(name: str, directives: list[tuple[str, str, list[str]]]) -> Case:
    sender, options = "", ""
    recipients: list[Rcpt] = []
    content: list[str] = []
    case = Case(name, Mail("", (), b""))
    for word, rest, block in directives:
        match word:
            case "FROM":
                sender, options = _path(rest)
            case "TO":
                recipients.append(Rcpt(*_path(rest)))
            case "MAIL":
                content = block
            case "DECISION":
                case.decisions.append(_decision(rest))
            case "ARRIVES":
                case.arrivals.append(_arrival(rest, block))
            case "KEPT":
                case.kept.append(_path(rest)[0])
            case "LOGGED":
                case.logged.append(rest)
            case "NEVER":
                case.never.append(rest)
            case _:
                raise ValueError(f"no directive: {word}")
    case.mail = Mail(sender, recipients, _octets(content), options)
    return case


def _path(text: str) -> tuple[str, str]:
    if not (match := _PATH.match(text)):
        raise ValueError(f"no address in brackets: {text}")
    return match["address"], match["rest"] or ""


def _decision(text: str) -> Decision:
    recipient, rest = _path(text)
    status, dsn, *words = rest.split(" ", 2)
    return Decision(recipient, status, dsn, "".join(words))


def _arrival(text: str, block: list[str]) -> Arrival:
    recipient, parameters = _path(text)
    arrival = Arrival(recipient, parameters.split())
    for line in block:
        word, _, rest = line.partition(" ")
        match word:
            case "from":
                arrival.sender, wanted = _path(rest)
                arrival.sender_parameters = wanted.split()
            case "+":
                arrival.added.append(_line(rest))
            case "-":
                arrival.removed.append(_line(rest))
            case "body":
                arrival.body = _line(rest) + b"\r\n"
            case "says":
                arrival.words.append(rest)
            case _:
                raise ValueError(f"not understood below ARRIVES: {line}")
    return arrival


def _octets(lines: list[str]) -> bytes:
    return b"".join(_line(line) + b"\r\n" for line in lines)


def _line(text: str) -> bytes:
    return _ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\\", text.encode())
