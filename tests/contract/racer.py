"""One of the processes of the race test: mails through an engine of its own, on a database that all share.

    python -m tests.contract.racer URL NUMBER PROCESSES MAILS CONVERSATIONS

Law: everything that the test looks at afterwards is written by the handlers in the transaction of their mail.
"""

import asyncio
import random
import sys
from typing import Any

from sqlalchemy import text

from lamsonproxy.app.machines import Machine, Machines, State
from lamsonproxy.app.routing import Route, Routes, compile_format
from lamsonproxy.clock import SystemClock
from lamsonproxy.engine import DoorPolicy, Engine
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace
from lamsonproxy.runner import Runner
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.sql import SqlConversations
from tests.doubles import RecordingLog
from tests.downstream import FakeCourier
from tests.kept import MemoryNotices, MemoryProbes, MemoryQuarantine
from tests.relay_rig import envelope

THREADS = 8


def _step(mail: Any) -> None:
    """One more for this conversation, by reading and writing: whoever is not alone loses one."""
    number = mail.message.headers.get("X-Number")
    key = {"key": mail.recipient.local}
    count = mail.db.execute(text("SELECT n FROM race_count WHERE conversation = :key"), key).scalar_one()
    changed = {**key, "n": count + 1}
    mail.db.execute(text("UPDATE race_count SET n = :n WHERE conversation = :key"), changed)
    heard = {"mail": int(number), "conversation": mail.recipient.local, "state": mail.state}
    mail.db.execute(text("INSERT INTO race_heard VALUES (:mail, :conversation, :state)"), heard)
    mail.reply(subject=f"heard {number}", text="yes")


def first(mail: Any, key: str) -> Any:
    _step(mail)
    return second


def second(mail: Any, key: str) -> Any:
    _step(mail)
    return third


def third(mail: Any, key: str) -> Any:
    _step(mail)
    return first


MACHINE = Machine(
    "race",
    {"START": State("START", first), "second": State("second", second), "third": State("third", third)},
    ("key",),
)


def _routes() -> Routes:
    pattern = compile_format("(?P<key>[a-z0-9]+)@race\\.example", {})
    routes = (
        Route("race", pattern, state.function, f"race.{name}", machine="race", state=name)
        for name, state in MACHINE.states.items()
    )
    return Routes(routes, Machines([MACHINE]))


def _mail(number: int, conversations: int) -> Transaction:
    content = f"X-Number: {number}\r\n\r\nstep\r\n".encode()
    to = f"c{number % conversations}@race.example"
    sent = envelope(to, sender=f"s{number % conversations}@example.org", xforward=f"IDENT=4{number:x}")
    return Transaction(new_trace(), Session("lmtp", "127.0.0.1"), sent, Message(content))


async def race(url: str, number: int, processes: int, mails: int, conversations: int) -> None:
    clock = SystemClock()
    database = Database(DatabaseSettings(url, THREADS))
    log = RecordingLog()
    engine = Engine(
        _routes(),
        runner=Runner(THREADS),
        courier=FakeCourier(),
        quarantine=MemoryQuarantine([]),
        notices=MemoryNotices([]),
        probes=MemoryProbes(),
        conversations=SqlConversations(database, clock),
        log=log,
        clock=clock,
        hostname="race.example",
        instance="race",
        replies_per_hour=mails,
    )
    waiting = list(range(number, mails, processes))
    random.Random(number).shuffle(waiting)

    async def racer() -> None:
        while waiting:
            await _until_taken(engine, _mail(waiting.pop(), conversations))

    await asyncio.gather(*(racer() for _ in range(THREADS)))
    await database.close()
    assert not log.named("bug") and not log.named("handler_failed"), log


async def _until_taken(engine: Engine, transaction: Transaction) -> None:
    """As Postfix does, without its patience; and one of ten is sent once more, as if our answer had been lost."""
    policy = DoorPolicy(trace_header=False)
    while not (await engine.settle(transaction, policy)).is_positive:
        pass
    if random.random() < 0.1:
        assert (await engine.settle(transaction, policy)).is_positive


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    asyncio.run(race(url, *map(int, numbers)))
