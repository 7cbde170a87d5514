"""Dialogues with a door as text: what the client says, what it hears, what reaches the desk.

    # A sentence: what this dialogue shows
    door: recipients=2                  limits of the door, by their names in `Rules`
    c -> MAIL FROM:<a@example.org>      the client says a line; lines that follow each other leave in one segment
    c >> NOOP\\n                         octets with Python's escapes, and no CRLF after them
    c <- 250 2.1.0 Ok                   it hears exactly this
    c <~ 250[- ].*                      it hears what this regular expression describes
    c <... 250 XFORWARD NAME            it hears other lines, and then one that begins like this
    c <eof                              the door has closed
    d <- RCPT TO:<b@example.net>        a mail at the desk: XFORWARD, MAIL, RCPT and `| ` before each line of content

Law: what is not written did not happen. A line heard and a mail taken must stand in the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lamsonproxy.mail.transaction import Transaction
from tests.door_rig import Client, Rig

_STEP = re.compile(r"(\w+) (->|>>|<-|<~|<\.\.\.|<eof)(?: (.*))?\Z")


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    who: str
    act: str
    text: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    title: str
    limits: dict[str, int]
    steps: tuple[Step, ...]


def read(path: Path) -> Dialogue:
    """Raises ValueError at a line that says nothing."""
    title, limits, steps = "", {}, []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("#"):
            title = title or line.lstrip("# ")
        elif line.startswith("door: "):
            limits = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        elif match := _STEP.match(line):
            steps.append(Step(number, match[1], match[2], match[3] or ""))
        elif line.strip():
            raise ValueError(f"{path.name}:{number}: {line!r}")
    return Dialogue(title, limits, tuple(steps))


async def play(dialogue: Dialogue, rig: Rig) -> None:
    """Say and hear it, line by line. Raises AssertionError with the number of the line that is not so."""
    clients: dict[str, Client] = {}
    at_desk = _at_desk(rig)
    for n, step in enumerate(dialogue.steps):
        if step.who == "d":
            _is_equal(step, next(at_desk, "(nothing)"), step.text)
            continue
        if step.who not in clients:
            clients[step.who] = await rig.connect()
        if step.act in ("->", ">>"):
            if _ends_a_segment(dialogue.steps, n):
                await clients[step.who].send(_segment(dialogue.steps, n))
        else:
            await _hear(step, clients[step.who])
    assert next(at_desk, None) is None, "a mail reached the desk that is not in the file"
    for name, client in clients.items():
        client.half_close()
        assert (await client.rest()) == b"", f"the door said more to {name}"


def _says(step: Step) -> bool:
    return step.act in ("->", ">>")


def _ends_a_segment(steps: tuple[Step, ...], n: int) -> bool:
    return n + 1 == len(steps) or not _says(steps[n + 1]) or steps[n + 1].who != steps[n].who


def _segment(steps: tuple[Step, ...], n: int) -> bytes:
    first = n
    while first > 0 and _says(steps[first - 1]) and steps[first - 1].who == steps[n].who:
        first -= 1
    return b"".join(_octets(step) for step in steps[first : n + 1])


def _octets(step: Step) -> bytes:
    if step.act == "->":
        return step.text.encode("utf-8") + b"\r\n"
    return step.text.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")


async def _hear(step: Step, client: Client) -> None:
    line = (await client.line()).decode("ascii")
    match step.act:
        case "<-":
            _is_equal(step, line, step.text)
        case "<~":
            assert re.fullmatch(step.text, line), f"line {step.number}: heard {line!r}"
        case "<eof":
            _is_equal(step, line, "")
        case _:
            while not line.startswith(step.text):
                assert line, f"line {step.number}: never heard"
                line = (await client.line()).decode("ascii")


def _is_equal(step: Step, heard: str, written: str) -> None:
    assert heard == written, f"line {step.number}: {heard!r}"


def _at_desk(rig: Rig) -> Iterator[str]:
    n = 0
    while n < len(rig.desk.mails):
        yield from told(rig.desk.mails[n])
        n += 1


def told(mail: Transaction) -> Iterator[str]:
    """A mail as the lines that stand in a dialogue; octets that are not UTF-8 as escapes."""
    for line in _told(mail):
        yield line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _told(mail: Transaction) -> Iterator[str]:
    envelope = mail.envelope
    if envelope.xforward:
        yield "XFORWARD " + " ".join(f"{name}={value}" for name, value in envelope.xforward.raw)
    yield f"MAIL FROM:<{envelope.sender}> {envelope.params}".rstrip()
    for recipient in envelope.recipients:
        yield f"RCPT TO:<{recipient.address}> {recipient.params}".rstrip()
    for line in mail.message.raw.decode("utf-8", "surrogateescape").split("\r\n")[:-1]:
        yield f"| {line}".rstrip()
