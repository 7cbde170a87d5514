"""What the handlers of one attempt want to become true so far.

Law: a value, so that an attempt can go back to what it was. Each change gives a new one, and the handlers that follow
see conversations as the ones before have left them. Nothing is written here: `work` says what is to be.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lamsonproxy.app.machines import Captures, Machines
from lamsonproxy.app.scene import Effects
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import (
    START,
    ConversationKey,
    Move,
    Outgoing,
    Question,
    Standing,
    Timer,
    Work,
)
from lamsonproxy.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Touched:
    """A conversation of which a state function ran, and the mail that it ran for."""

    recipient: Address
    captures: Captures


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted so far."""

    standings: Mapping[ConversationKey, Standing] = field(default_factory=dict)
    """Of each conversation that is locked."""
    moves: tuple[Move, ...] = ()
    touched: Mapping[ConversationKey, Touched] = field(default_factory=dict)
    outgoing: tuple[Outgoing, ...] = ()
    questions: tuple[Question, ...] = ()
    answered: tuple[Question, ...] = ()
    confirmed: tuple[ConversationKey, ...] = ()

    @property
    def is_anything(self) -> bool:
        """Whether there is something to write, beside what a handler has written itself."""
        return bool(self.outgoing or self.questions or self.answered or self.moves)

    @property
    def automatic(self) -> int:
        """How many automatic mails."""
        return sum(outgoing.is_automatic for outgoing in self.outgoing)

    def standing(self, conversation: ConversationKey) -> Standing:
        return self.standings.get(conversation) or Standing(START)

    def open_questions(self, found: Sequence[Question]) -> tuple[Question, ...]:
        """Those that were found, without what has been answered or asked anew in this attempt, and the new ones."""
        gone = {question.id for question in (*self.answered, *self.questions)}
        return (*(question for question in found if question.id not in gone), *self.questions)

    def touch(self, conversation: ConversationKey, recipient: Address, captures: Captures) -> "Wanted":
        """A state function of it ran."""
        return replace(self, touched={**self.touched, conversation: Touched(recipient, captures)})

    def move(self, conversation: ConversationKey, state: str, route: str) -> "Wanted":
        """It is in this state from now on."""
        standing = self.standing(conversation)
        if standing.state == state:
            return self
        move = Move(conversation, standing.state, state, route)
        standings = {**self.standings, conversation: replace(standing, state=state)}
        return replace(self, standings=standings, moves=(*self.moves, move))

    def confirm(self, conversation: ConversationKey) -> "Wanted":
        """Its correspondent has answered a question."""
        standing = replace(self.standing(conversation), is_confirmed=True)
        standings = {**self.standings, conversation: standing}
        return replace(self, standings=standings, confirmed=(*self.confirmed, conversation))

    def take(self, effects: Effects) -> "Wanted":
        """The handlers of one recipient have ended well."""
        return replace(
            self,
            outgoing=(*self.outgoing, *effects.outgoing),
            questions=(*self.questions, *effects.questions),
            answered=(*self.answered, *effects.answered),
        )

    def send(self, outgoing: Outgoing) -> "Wanted":
        """One more mail."""
        return replace(self, outgoing=(*self.outgoing, outgoing))

    def within(self, limit: int) -> "Wanted":
        """Without the automatic mails beyond so many."""
        places = iter(range(limit))
        kept = [each for each in self.outgoing if not each.is_automatic or next(places, None) is not None]
        return replace(self, outgoing=tuple(kept))

    def work(self, settled: Mapping[str, Reply], machines: Machines, now: datetime) -> Work:
        """All of it as one unit writes it, with our answers by settled key."""
        return Work(
            moves=self.moves,
            ran=tuple(self.touched),
            timers=tuple(self._timers(machines, now)),
            confirmed=self.confirmed,
            outgoing=self.outgoing,
            questions=self.questions,
            answered=self.answered,
            settled=settled,
        )

    def _timers(self, machines: Machines, now: datetime) -> Iterator[Timer]:
        for conversation, by in self.touched.items():
            state = self.standing(conversation).state
            after = machines.after(conversation.machine, state)
            if after is not None:
                yield Timer(conversation, state, after.to, now + after.delta, by.recipient, by.captures)
