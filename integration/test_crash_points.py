"""A worker is killed at each named point of its way, with one mail on it; the next one finds everything in order (K2).

What may come twice is read from docs/crashes.md, so that the page cannot say less than what happens. SOAK=1 crosses
doors and databases.
"""

import re
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt, Refused
from integration.crashes.house import LIMIT_S, House, Nursery, Sent
from integration.crashes.ledger import Copies, Ledger
from integration.crashes.worlds import SOAK, World, side_by_side
from integration.fragments import Programs
from integration.service import REPOSITORY, Service
from lamsonproxy.crash import AT, ONCE, POINTS
from tests.downstream import RawSink

AT_THE_START = "schema-made"
# smtp(8) and lmtp(8) send QUIT along with the final dot, and so never show that they read the answer.
BEFORE_THE_QUEUE = {"answer-heard", "settled-forgotten"}
COPIES = {"": {2}, ", perhaps": {1, 2}, ", if a copy of it was relayed": {1, 2}}
BOTH = {"passed", "notice"}
KINDS = {"the mail": "passed", "what was generated": "answer", "the DSN": "notice"}

ACTS = {
    # What the mail asks for that meets the point; most meet mail that passes.
    **dict.fromkeys(
        ["file-written", "file-synced", "quarantine-held", "file-renamed", "folder-synced"], "keep"
    ),
    **dict.fromkeys(["outbox-claimed", "outbox-before-send", "outbox-sent", "outbox-marked"], "count"),
    **dict.fromkeys(["timer-claimed", "timer-before-commit"], "wait"),
    **dict.fromkeys(["notice-held", "notice-sent", "notice-done"], "pass refuse"),
}


WORLDS = [World("sqlite", "filter", "threads"), World("postgresql", "lmtp", "loop")]
if SOAK:
    WORLDS += [
        World("sqlite", "lmtp", "loop"),
        World("postgresql", "filter", "threads"),
        World("mariadb", "filter", "threads"),
        World("mariadb", "lmtp", "loop"),
    ]


def _points(world: World) -> list[str]:
    """Those that there are in a world; a DSN tells of a refused recipient only where one reply stands for all."""
    return sorted(point for point in POINTS if world.door == "filter" or not point.startswith("notice-"))


@dataclass(frozen=True, slots=True)
class Deaths:
    """How one world ended: who died where, and what was found."""

    statuses: dict[str, int]
    met: dict[str, Sent]
    ledger: Ledger


@pytest.fixture(scope="module")
def worlds(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[World, "Future[Deaths]"]]:
    def opened(world: World) -> AbstractContextManager[House]:
        return world.opened(programs, tmp_path_factory.mktemp(str(world)), workers=1)

    with side_by_side(WORLDS, opened, _die_everywhere) as deaths:
        yield deaths


@pytest.mark.fault("K2")
@pytest.mark.parametrize(
    ("world", "point"), [(world, point) for world in WORLDS for point in _points(world)], ids=str
)
def test_killed_at_a_point_it_does_everything_once_and_doubles_what_the_page_says(
    worlds: dict[World, "Future[Deaths]"], world: World, point: str
) -> None:
    deaths = worlds[world].result()
    assert deaths.statuses[point] == -9, "it did not die there"
    assert deaths.ledger.complaints(point, _copies(point, deaths.met.get(point))) == []


@pytest.mark.fault("K2")
@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_behind_all_deaths_nothing_has_arrived_that_nobody_sent(
    worlds: dict[World, "Future[Deaths]"], world: World
) -> None:
    assert worlds[world].result().ledger.strangers() == []


@pytest.mark.fault("K2")
def test_the_service_itself_dies_there_and_its_supervisor_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed = tmp_path / "armed"
    armed.touch()
    monkeypatch.setenv(AT, "before-answer")
    monkeypatch.setenv(ONCE, str(armed))
    mail = Mail("alice@example.com", [Rcpt("bob@pass.test")], b"Subject: x\r\n\r\nx\r\n")
    (door,) = free_ports(1)
    with RawSink.threaded() as sink, Service(tmp_path, door=door, reentry=sink.port, app="", workers=1):
        assert not _is_taken(door, mail)
        assert not armed.exists()
        poll("its successor takes the mail", lambda: _is_taken(door, mail), LIMIT_S)
        assert len(sink.mails) == 2


def test_a_slip_in_the_name_of_a_point_is_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AT, "before-anser")
    with pytest.raises(RuntimeError, match="'before-anser' is not in"):
        Service(tmp_path, door=0, reentry=1, app="").start()


def _is_taken(door: int, mail: Mail) -> bool:
    try:
        with Client(door) as client:
            client.send(mail)
    except (Refused, ConnectionError):
        return False
    return True


def _die_everywhere(world: World, house: House) -> Deaths:
    points = _points(world)
    statuses: dict[str, int] = {}
    met: dict[str, Sent] = {}
    nursery = Nursery(house.service)
    try:
        for point in (AT_THE_START, *(each for each in points if each != AT_THE_START)):
            statuses[point] = _die(house, nursery, point, met)
        nursery.begin()
        house.rest()
        for point in points:
            house.send(point, "count")
        house.rest()
        return Deaths(statuses, met, Ledger(house))
    finally:
        nursery.end()


def _die(house: House, nursery: Nursery, point: str, met: dict[str, Sent]) -> int:
    """One worker's life: five mails, and then the one that it dies of."""
    if point == AT_THE_START:
        nursery.arm()
        assert not nursery.begin(point)
        return nursery.wait()
    assert nursery.begin(point)
    for act in ("count", "count", "pass", "keep", "count"):
        house.send(point, act)
    house.rest()
    nursery.arm()
    send = house.send_before if point in BEFORE_THE_QUEUE else house.send
    send(point, *ACTS.get(point, "pass").split())
    met[point] = house.sent[-1]
    return nursery.wait()


def _copies(point: str, met: Sent | None) -> Copies:
    """How often each mail comes, as the page has it."""
    row = re.search(
        rf"^\| `{point}` \|.*\| (.*) \|$", (REPOSITORY / "docs/crashes.md").read_text(), re.MULTILINE
    )
    assert row
    cell, _, more = row[1].partition("; ")
    what, comma, how = cell.partition(",")
    names = {kind: met.name if kind == "notice" else met.number for kind in KINDS.values()} if met else {}
    doubled = KINDS.get(what, "")

    def copies(kind: str, of: str) -> Collection[int]:
        if names.get(kind) != of:
            return {1}
        due = COPIES[comma + how] if kind == doubled else {1}
        return due | {count + 1 for count in due} if more and kind in BOTH else due

    return copies
