"""The ledger: what must be there when all is quiet, and what is.

    effects     each act of each mail has run once, and the counter of its conversation counted it
    path        each step of a conversation began where the one before had ended, and led where it may
    arrivals    at the sink: mail handed on, answers, reports, DSNs; each at least once, and twice only with leave
    kept        in the quarantine, once

Law: every mail that arrived belongs to an entry; what nobody expected is as wrong as what is missing.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, select

from integration import arrival
from integration.crashes.house import House, Sent
from integration.crashes.steps import CLERK, NUMBER, STAMP, counted, heard
from lamsonproxy.queues.letter import Letter
from lamsonproxy.state import tables
from tests.downstream import SunkMail

MAY_FOLLOW = {
    "START": {"SECOND", "WAITING"},
    "SECOND": {"THIRD", "WAITING"},
    "THIRD": {"START", "WAITING"},
    "WAITING": {"START"},
}
STEPS = ("count", "wait", "timer")
KEPT = ("keep", "refuse")

_K = TypeVar("_K")

Copies = Callable[[str, str], Collection[int]]
"""How often something may arrive, by its kind and what it belongs to."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail at the sink: `passed`, `answer`, `report` or `notice`, and the number or the name it belongs to."""

    kind: str
    of: str
    message_id: str


class Ledger:
    """What is found in one house."""

    def __init__(self, house: House) -> None:
        self._sent: dict[str, list[Sent]] = defaultdict(list)
        for sent in house.sent:
            self._sent[sent.name].append(sent)
        self._contents = {sent.number: sent.content for sent in house.sent}
        self.arrived = [self._arrived(mail) for mail in house.sink.mails]
        self._kept = Counter(_kept(house.service.folder / "quarantine/new"))
        with house.database.connect() as connection:
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        self._heard: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in connection.execute(select(heard)):
            self._heard[row.conversation].append((row.mail, row.act))
        self._counted = {row.conversation: row.n for row in connection.execute(select(counted))}
        self._steps: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in connection.execute(select(tables.transition).order_by(tables.transition.c.id)):
            self._steps[row.correspondent.partition("@")[0]].append((row.old, row.new))

    def complaints(self, name: str, copies: Copies) -> list[str]:
        """What is wrong with one conversation."""
        acts = list(self._acts(name))
        return [
            *self._about_effects(name, acts),
            *self._about_path(name, acts),
            *self._about_arrivals(name, acts, copies),
            *_differences("kept", Counter(number for number, act in acts if act in KEPT), self._of(name)),
        ]

    def strangers(self) -> list[Arrived]:
        """What has arrived and belongs to nobody."""
        expected = {entry for name in self._sent for entry in self._expected(name, list(self._acts(name)))}
        return [mail for mail in self.arrived if (mail.kind, mail.of) not in expected]

    def _acts(self, name: str) -> Iterator[tuple[str, str]]:
        for sent in self._sent[name]:
            for act in sent.acts:
                yield sent.number, act
                if act == "wait":
                    yield f"timer of {name}", "timer"

    def _about_effects(self, name: str, acts: Sequence[tuple[str, str]]) -> Iterator[str]:
        yield from _differences("heard", Counter(acts), Counter(self._heard[name]))
        if self._counted.get(name) != len(acts):
            yield f"{len(acts)} acts, and the counter is {self._counted.get(name)}"

    def _about_path(self, name: str, acts: Sequence[tuple[str, str]]) -> Iterator[str]:
        state = "START"
        for old, new in self._steps[name]:
            if old != state or new not in MAY_FOLLOW[old]:
                yield f"a step from {old} to {new}, in {state}"
            state = new
        awaited = sum(act in STEPS for _, act in acts)
        if len(self._steps[name]) != awaited:
            yield f"{awaited} steps are due, and {len(self._steps[name])} were made"

    def _about_arrivals(self, name: str, acts: Sequence[tuple[str, str]], copies: Copies) -> Iterator[str]:
        found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for mail in self.arrived:
            found[mail.kind, mail.of][mail.message_id] += 1
        for entry, different in self._expected(name, acts).items():
            each = found[entry]
            if len(each) != different:
                yield f"{entry}: {different} are due, and there are {dict(each)}"
            if not set(each.values()) <= set(copies(*entry)):
                yield f"{entry}: {copies(*entry)} copies are due, and there are {dict(each)}"

    def _expected(self, name: str, acts: Sequence[tuple[str, str]]) -> Counter[tuple[str, str]]:
        """How many different mails must have arrived."""
        due = Counter(("passed", number) for number, act in acts if act == "pass")
        due += Counter(("answer", number) for number, act in acts if act in STEPS)
        due += Counter(("notice", name) for _, act in acts if act == "refuse")
        due += Counter(("report", name) for step in self._steps[name] if step == ("SECOND", "THIRD"))
        return due

    def _of(self, name: str) -> Counter[str]:
        return Counter({n: count for n, count in self._kept.items() if n.rpartition(".")[0] == name})

    def _arrived(self, mail: SunkMail) -> Arrived:
        headers = BytesHeaderParser().parsebytes(mail.content)
        (recipient,) = arrival.recipients(mail)
        subject, message_id = str(headers["Subject"]), str(headers["Message-ID"])
        if headers.get_content_type() == "multipart/report":
            return Arrived("notice", recipient.partition("@")[0], message_id)
        if NUMBER in headers:
            return Arrived(self._passed(mail, headers), str(headers[NUMBER]), message_id)
        kind = "report" if recipient == CLERK else "answer"
        return Arrived(kind, subject.removeprefix("heard ").removeprefix("report of "), message_id)

    def _passed(self, mail: SunkMail, headers: Message) -> str:
        """Whether it is the mail that was sent, and the one header more."""
        below = arrival.below_trace(mail.content, arrival.HOPS_BY_FILTER)
        plain = below.replace(f"{STAMP}: {headers[STAMP]}\r\n".encode(), b"", 1)
        return "passed" if plain == self._contents[str(headers[NUMBER])] else "spoilt"


def _kept(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        content = Letter.parse(path.read_bytes()).content
        yield str(BytesHeaderParser().parsebytes(content)[NUMBER])


def _differences(what: str, due: Counter[_K], found: Counter[_K]) -> Iterator[str]:
    if due != found:
        yield f"{what}: missing {dict(due - found)}, too much {dict(found - due)}"
