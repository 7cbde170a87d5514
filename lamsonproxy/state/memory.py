"""Conversations in memory: the port for tests, and the shortest text of what it means.

Law: nothing survives the process, and there is no session. Otherwise it is the real thing: one conversation at a time,
all of a unit or nothing of it, the same errors.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from lamsonproxy.errors import AlreadySettled, AppError, ConflictError, StoreError
from lamsonproxy.mail.conversation import (
    START,
    Asked,
    ConversationKey,
    Found,
    Move,
    Outgoing,
    Question,
    Standing,
    Timer,
    Work,
)
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Clock, Unit
from lamsonproxy.state.locks import Turns

CONNECTIONS = 20
"""Units at the same time, as many as a database would let in."""

WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """A move that has happened."""

    move: Move
    trace: str
    at: datetime


@dataclass(slots=True)
class Contents:
    """What has been committed."""

    standings: dict[ConversationKey, Standing] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    settled: dict[str, Reply] = field(default_factory=dict)
    outgoing: list[Outgoing] = field(default_factory=list)
    questions: dict[str, Question] = field(default_factory=dict)
    timers: dict[ConversationKey, Timer] = field(default_factory=dict)
    automatic: list[tuple[str, datetime]] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    claimed: set[str] = field(default_factory=set)
    """Settled keys and questions of units that have written and not ended: nobody else may have them."""


class MemoryConversations:
    """Fulfils `ports.Conversations`."""

    is_there = True

    def __init__(self, clock: Clock, *, lock_wait_s: float = 30.0) -> None:
        self._clock = clock
        self._lock_wait_s = lock_wait_s
        self._turns = Turns(CONNECTIONS, has_one_writer=False)
        self.contents = Contents()

    def unit(self, asked: Asked) -> Unit:
        return MemoryUnit(self.contents, self._turns, self._clock, asked, self._lock_wait_s)

    async def failed(self, key: str, now: datetime) -> int:
        self.contents.failures[key] += 1
        return self.contents.failures[key]

    async def forget(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.contents.settled.pop(key, None)

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        return {key: count for key in keys if (count := self.contents.failures[key])}


class MemoryUnit:
    """Fulfils `ports.Unit`."""

    has_conflict = False

    def __init__(
        self, contents: Contents, turns: Turns, clock: Clock, asked: Asked, lock_wait_s: float
    ) -> None:
        self._contents = contents
        self._turns = turns
        self._clock = clock
        self._asked = asked
        self._lock_wait_s = lock_wait_s
        self._turn: AsyncExitStack | None = None
        self._found: Found | None = None
        self._work = Work()
        self._claimed: set[str] = set()
        self._ending: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._turn is not None

    @property
    def found(self) -> Found | None:
        return self._found

    @property
    def db(self) -> NoReturn:
        raise AppError("conversations are kept in memory here, and there is no mail.db")

    async def begin(self, *, until: float) -> Found:
        if self._found is None:
            wait_s = min(self._lock_wait_s, until - self._clock.monotonic())
            ids = (key.id for key in self._asked.conversations)
            self._turn = await self._turns.take(ids, wait_s=wait_s)
            self._found = found_in(self._contents, self._asked)
        return self._found

    async def mark(self) -> None:
        return None

    async def restore(self) -> None:
        return None

    async def write(self, work: Work) -> None:
        if self._found is None:
            found = await self.begin(until=self._clock.monotonic() + self._lock_wait_s)
            if found.settled:
                raise AlreadySettled("the mail was settled by an earlier attempt")
        self._claim_settled(work)
        self._claim_answered(work)
        self._work = work

    async def settle(self, work: Work) -> None:
        await self.write(work)
        await self.commit()

    async def add(self, outgoing: Outgoing) -> None:
        self._work = replace(self._work, outgoing=(*self._work.outgoing, outgoing))

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        self._work = replace(self._work, settled={**self._work.settled, **settled})

    async def commit(self) -> None:
        if self._turn is None:
            raise StoreError("nothing was begun")
        apply(self._contents, self._asked, self._work)
        await self._leave()

    async def rollback(self, *, after: "asyncio.Future[Any] | None" = None) -> None:
        if after is not None and not after.done():
            self._ending = asyncio.ensure_future(self._leave_after(after))
        else:
            await self._leave()

    async def _leave_after(self, after: "asyncio.Future[Any]") -> None:
        await asyncio.wait((after,))
        await self._leave()

    async def _leave(self) -> None:
        self._contents.claimed -= self._claimed
        turn, self._turn = self._turn, None
        if turn is not None:
            await turn.aclose()

    def _claim_settled(self, work: Work) -> None:
        if work.settled.keys() & (self._contents.settled.keys() | self._contents.claimed):
            raise ConflictError("the mail was settled meanwhile")
        self._claim(work.settled.keys())

    def _claim_answered(self, work: Work) -> None:
        asked = set(work.questions)
        for question in work.answered:
            is_there = self._contents.questions.get(question.id, question).digest == question.digest
            is_known = question.id in self._contents.questions or question in asked
            if not is_there or not is_known or question.digest in self._contents.claimed:
                raise ConflictError("the question was answered meanwhile")
        self._claim({question.digest for question in work.answered})

    def _claim(self, words: Any) -> None:
        self._claimed |= set(words)
        self._contents.claimed |= self._claimed


def found_in(contents: Contents, asked: Asked) -> Found:
    """What a unit finds when it begins."""
    questions = (
        question if question.digest in asked.secrets else replace(question, content=b"")
        for question in contents.questions.values()
        if asked.correspondent and question.correspondent == asked.correspondent
        if question.expires_at > asked.now
    )
    timers = (contents.timers.get(key) for key in asked.conversations if asked.with_timers)
    return Found(
        standings={key: contents.standings.get(key, Standing()) for key in asked.conversations},
        settled={key: contents.settled[key] for key in asked.settled if key in contents.settled},
        replies=sum(who == asked.correspondent and at > asked.now - WINDOW for who, at in contents.automatic),
        questions=tuple(questions),
        timers=tuple(timer for timer in timers if timer is not None),
    )


def apply(contents: Contents, asked: Asked, work: Work) -> None:
    """All of it, between two turns of the loop."""
    for move in work.moves:
        contents.steps.append(Step(move, asked.trace, asked.now))
        stood = contents.standings.get(move.conversation, Standing())
        contents.standings[move.conversation] = replace(stood, state=move.new)
    for key in work.confirmed:
        contents.standings[key] = replace(contents.standings.get(key, Standing()), is_confirmed=True)
    for move in work.moves:
        if contents.standings.get(move.conversation, Standing()).state == START:
            contents.standings.pop(move.conversation, None)
    for key in work.ran:
        contents.timers.pop(key, None)
    contents.timers.update((timer.conversation, timer) for timer in work.timers)
    contents.questions.update((question.id, question) for question in work.questions)
    for question in work.answered:
        if contents.questions.get(question.id, question).digest == question.digest:
            contents.questions.pop(question.id, None)
    contents.outgoing.extend(work.outgoing)
    automatic = sum(mail.is_automatic for mail in work.outgoing)
    contents.automatic.extend([(asked.correspondent, asked.now)] * automatic)
    contents.settled.update(work.settled)
