"""One service with all that is around it: Postfix before and behind it, a sink, a database; and all that was sent.

Law: every mail has a number of its own, and every conversation a name, which is its correspondent's too; so whatever is
found afterwards, wherever, belongs to somebody.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, func, select

from integration.children import DIES_WITH_US, kill_group, poll
from integration.client import Client, Mail, Rcpt
from integration.crashes.steps import NUMBER
from integration.postfix import PrivatePostfix
from integration.service import REPOSITORY, Service
from lamsonproxy.crash import ONCE
from lamsonproxy.state import tables
from tests.downstream import RawSink

LIMIT_S = 120
FLUSH_S = 0.5


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail: its number, its conversation, and what was asked for, a recipient each."""

    number: str
    name: str
    acts: tuple[str, ...]

    @property
    def content(self) -> bytes:
        to = ", ".join(f"{act}-{self.name}@app.test" for act in self.acts)
        return (
            f"From: {self.name}@example.com\r\nTo: {to}\r\nSubject: {self.number}\r\n{NUMBER}: {self.number}\r\n"
            f"Message-ID: <{self.number}@example.com>\r\n\r\n.A line that begins with a dot.\r\n"
        ).encode()

    @property
    def mail(self) -> Mail:
        return Mail(
            f"{self.name}@example.com",
            [Rcpt(f"{act}-{self.name}@app.test") for act in self.acts],
            self.content,
        )


@dataclass
class House:
    """What stands there, and what was sent to it."""

    postfix: PrivatePostfix
    sink: RawSink
    service: Service
    database: Engine
    before: int
    """The port of the smtpd with the service before its queue."""
    sent: list[Sent] = field(default_factory=list)

    def note(self, name: str, *acts: str) -> Sent:
        """A mail of this conversation that is about to be sent."""
        number = sum(sent.name == name for sent in self.sent) + 1
        self.sent.append(Sent(f"{name}.{number}", name, acts))
        return self.sent[-1]

    def send(self, name: str, *acts: str) -> None:
        """Hand a mail to Postfix, which takes it."""
        self.postfix.send(self.note(name, *acts).mail)

    def send_before(self, name: str, *acts: str) -> None:
        """The same before the queue."""
        mail = self.note(name, *acts).mail
        with Client(self.before) as client:
            client.send(mail)

    def rest(self) -> None:
        """Have Postfix try again, and wait until nothing is under way anywhere. Raises TimeoutError."""
        end = threading.Event()
        flushing = threading.Thread(target=self._flush_until, args=(end,))
        flushing.start()
        try:
            poll("nothing is under way", lambda: not any(self._under_way()), LIMIT_S, every_s=0.1)
        except TimeoutError as error:
            error.add_note("\n".join([*map(repr, self._under_way()), *self.service.log()[-40:]]))
            raise
        finally:
            end.set()
            flushing.join()

    def _flush_until(self, end: threading.Event) -> None:
        while not end.wait(FLUSH_S):
            self.postfix.flush()

    def _under_way(self) -> Iterator[Any]:
        """All that waits, each place before the one that it leads to: what leaves one is found in the next."""
        yield self.postfix.queue()
        with self.database.connect() as connection:
            for table in (tables.timer, tables.outbox):
                yield connection.scalar(select(func.count()).select_from(table))
        yield list((self.service.folder / "quarantine/.notices/new").glob("*"))
        yield self.postfix.queue()


class Nursery:
    """Workers of a service, one after the other, each of which may die at a point (see `nursery`)."""

    def __init__(self, service: Service) -> None:
        self._armed = service.folder / "armed"
        self._log = service.log
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        with (service.folder / "lamson.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_US, sys.executable, "-m", "integration.crashes.nursery", service.settings],
                env=os.environ | {"PYTHONPATH": str(REPOSITORY), ONCE: str(self._armed)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def begin(self, point: str = "-") -> bool:
        """Start a worker; whether its doors are open."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{point}\n".encode())
        self._process.stdin.flush()
        return bool(self._heard("ready"))

    def arm(self) -> None:
        """From now on the worker dies where it was told to."""
        self._armed.touch()

    def wait(self) -> int:
        """Wait until the worker has ended; its exit status."""
        return int(self._heard("ended"))

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        kill_group(self._process)
        self._listening.join(LIMIT_S)

    def _heard(self, word: str) -> Any:
        try:
            news = self._news.get(timeout=LIMIT_S)
        except queue.Empty:
            raise TimeoutError(f"not within {LIMIT_S} s: the worker has {word}") from None
        if word not in news:
            raise RuntimeError("\n".join(["the nursery has ended", *self._log()[-30:]]))
        return news[word]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._news.put(json.loads(line))
        self._news.put({})
