"""Workers are killed at random moments while mail flows, one of them or all at once: everything has happened once (K1).

Handed on twice is only what was behind its final dot when a connection broke, as Postfix's own log has it; generated
mail only what a killed worker may have had on its way. SOAK=1 kills a hundred times.
"""

import os
import random
import re
import signal
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import pytest

from integration.children import children_of, poll
from integration.client import Client
from integration.crashes.house import LIMIT_S, House, Sent
from integration.crashes.ledger import Ledger
from integration.crashes.worlds import PARALLEL, SOAK, World, side_by_side
from integration.fragments import Programs

KILLS, MAILS = (100, 4000) if SOAK else (10, 400)
WORKERS = 2
CONVERSATIONS = 20
SESSIONS = 4
ACTS = ("count", "count", "count", "pass", "pass", "keep")

WORLDS = [World("sqlite", "lmtp", "threads"), World("postgresql", "filter", "loop")]
if SOAK:
    WORLDS.append(World("mariadb", "filter", "threads"))

# smtp(8): "message may be sent more than once".
_BEHIND_THE_DOT = re.compile(r"postfix/scan/[sl]mtp\[\d+\]: (\w+): .*lost connection with .* more than once")


@dataclass(frozen=True, slots=True)
class End:
    """What one world came to: the ledger, the queue id of each mail, and those that were cut off behind the dot."""

    ledger: Ledger
    queue_ids: dict[str, str]
    cut_off: Counter[str]

    def copies(self, kind: str, of: str) -> Collection[int]:
        """How often a mail may come; a generated one is not in Postfix's log, so they are counted together."""
        if kind != "passed":
            return range(1, KILLS + 1)
        return range(1, 2 + self.cut_off[self.queue_ids[of]])


@pytest.fixture(scope="module")
def worlds(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[World, "Future[End]"]]:
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")  # so that a failure can be had again

    def opened(world: World) -> AbstractContextManager[House]:
        return world.opened(programs, tmp_path_factory.mktemp(str(world)), WORKERS)

    def act(world: World, house: House) -> End:
        return _killed_now_and_then(house, random.Random(f"{seed} {world}"))

    with side_by_side(WORLDS, opened, act) as ends:
        yield ends


@pytest.mark.fault("K1")
@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_killed_at_any_moment_every_step_is_made_once_and_nothing_is_missing(
    worlds: dict[World, "Future[End]"], world: World
) -> None:
    end = worlds[world].result()
    complaints = {f"c{n}": end.ledger.complaints(f"c{n}", end.copies) for n in range(CONVERSATIONS)}
    assert {name: all_of_it for name, all_of_it in complaints.items() if all_of_it} == {}
    assert end.ledger.strangers() == []


@pytest.mark.fault("K1")
@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_generated_mail_comes_twice_only_if_it_was_on_its_way_when_its_sender_died(
    worlds: dict[World, "Future[End]"], world: World
) -> None:
    end = worlds[world].result()
    generated = Counter(mail.message_id for mail in end.ledger.arrived if mail.kind != "passed")
    print(f"{KILLS} kills, {generated.total() - len(generated)} of {len(generated)} generated mails doubled")
    assert generated.total() - len(generated) <= KILLS * WORKERS * PARALLEL


def _killed_now_and_then(house: House, chance: random.Random) -> End:
    names = [f"c{n}" for n in range(CONVERSATIONS)]
    mails = [house.note(chance.choice(names), chance.choice(ACTS)) for _ in range(MAILS)]
    queue_ids: dict[str, str] = {}
    house.service.start()
    with ThreadPoolExecutor(SESSIONS) as pool:
        moments = sorted(chance.sample(range(MAILS // 20, MAILS * 3 // 4), KILLS))
        sessions = [
            pool.submit(_send, house.postfix.ports.front, mails[n::SESSIONS], queue_ids)
            for n in range(SESSIONS)
        ]
        for moment in moments:
            _wait_for_arrivals(house, moment)
            _kill(house, chance)
        for session in sessions:
            session.result()
    house.rest()
    cut_off = Counter(match[1] for line in house.postfix.log() if (match := _BEHIND_THE_DOT.search(line)))
    return End(Ledger(house), queue_ids, cut_off)


def _send(port: int, mails: Sequence[Sent], queue_ids: dict[str, str]) -> None:
    with Client(port) as client:
        for sent in mails:
            queue_ids[sent.number] = client.send(sent.mail).split()[-1]


def _wait_for_arrivals(house: House, count: int) -> None:
    poll(f"{count} mails have arrived", lambda: len(house.sink.mails) >= count, LIMIT_S)


def _kill(house: House, chance: random.Random) -> None:
    """One worker, whom the supervisor replaces; or everybody."""
    workers = children_of(house.service.pid)
    if workers and chance.random() < 0.5:
        # It may have ended by itself just now, being the one that was killed before.
        with suppress(ProcessLookupError):
            os.kill(chance.choice(workers), signal.SIGKILL)
    else:
        house.service.kill()
        house.service.start()
