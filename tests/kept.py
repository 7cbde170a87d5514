"""Doubles of what is kept on disk: the same ports, in memory.

Law: a double does the whole of what its port promises; tests/contract/ holds it to that beside the real one.

    MemoryQuarantine  the port `Quarantine`
    MemoryNotices     the port `Notices`
    MemoryProbes      the port `Probes`

`trouble` is raised by the next act that is named in it: {"hold": error}. `journal` tells the acts in order.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports import Parts
from lamsonproxy.queues.letter import Letter


class Store:
    """Letters by name, those that are held, and the journal of both."""

    def __init__(self, journal: list[str] | None = None) -> None:
        self.letters: dict[str, Letter] = {}
        self.held: list[MemoryHeld] = []
        self.trouble: dict[str, BaseException] = {}
        self.journal: list[str] = [] if journal is None else journal

    def act(self, name: str) -> None:
        """Note that an act begins, or fail as `trouble` says."""
        self.journal.append(f"{self} {name}")
        if name in self.trouble:
            raise self.trouble[name]

    def keep(self, name: str, letter: Letter) -> "MemoryHeld":
        self.act("hold")
        held = MemoryHeld(self, name, letter)
        self.held.append(held)
        return held


@dataclass(eq=False)
class MemoryHeld:
    """The port `Held`."""

    store: Store
    name: str
    letter: Letter

    def release(self) -> None:
        self.store.act("release")
        self.store.held.remove(self)
        self.store.letters.pop(self.name, None)
        self.store.letters[self.name] = self.letter

    def cancel(self) -> None:
        self.store.act("cancel")
        if self in self.store.held:
            self.store.held.remove(self)


class MemoryQuarantine(Store):
    """The port `Quarantine`."""

    def __str__(self) -> str:
        return "quarantine"

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> MemoryHeld:
        return self.keep(name, Letter(envelope, b"".join(content), reason, "2026-03-01T12:00:00+00:00"))

    def names(self) -> Iterator[str]:
        return iter(tuple(self.letters))

    def read(self, name: str) -> Letter:
        return self.letters[name]

    def delete(self, name: str) -> None:
        del self.letters[name]


class MemoryNotices(Store):
    """The port `Notices`."""

    def __init__(self, journal: list[str] | None = None) -> None:
        super().__init__(journal)
        self.is_claimed = False

    def __str__(self) -> str:
        return "notices"

    def hold(self, name: str, envelope: Envelope, content: Parts) -> MemoryHeld:
        return self.keep(name, Letter(envelope, b"".join(content)))

    def claim(self) -> AbstractContextManager[None] | None:
        if self.is_claimed:
            return None
        self.is_claimed = True
        return self._claimed()

    def waiting(self) -> Sequence[str]:
        return list(self.letters)

    def read(self, name: str) -> tuple[Envelope, bytes]:
        self.act("read")
        return self.letters[name].envelope, self.letters[name].content

    def done(self, name: str) -> None:
        self.act("done")
        self.letters.pop(name, None)

    def forget_orphans(self) -> None:
        self.act("forget_orphans")

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.is_claimed = False


class MemoryProbes:
    """The port `Probes`: the names that are awaited."""

    def __init__(self) -> None:
        self.awaited: set[str] = set()

    def claim(self, name: str) -> bool:
        is_awaited = name in self.awaited
        self.awaited.discard(name)
        return is_awaited
