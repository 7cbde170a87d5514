"""One attempt at one unit of work: what was found under its locks, and what its handlers want to become true.

Law: handlers change only what stands here, and the session of the unit. All of it is written at once, before the relay;
or the attempt ends, and nothing has happened (design laws 3 and 4). An attempt is not used twice.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lamsonproxy.app.machines import Captures, Machines
from lamsonproxy.app.routing import Match
from lamsonproxy.app.scene import Effects, Scene
from lamsonproxy.engine.policy import Means
from lamsonproxy.engine.wanted import Wanted
from lamsonproxy.errors import AlreadySettled, ConflictError, StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Asked, ConversationKey, Found, Outgoing, Standing, Work
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports import Unit

NOTHING_FOUND = Found()


class Act:
    """An attempt at the unit of work of some recipients of a mail."""

    def __init__(
        self, means: Means, machines: Machines, transaction: Transaction, recipients: Sequence[Recipient]
    ) -> None:
        self._means = means
        self.machines = machines
        self._transaction = transaction
        self._recipients = recipients
        self._asked = Asked(transaction.trace, means.clock.now())
        self._unit: Unit | None = None
        self._wanted = self._marked = Wanted()
        self._withheld: list[str] = []
        self._written: Mapping[str, Reply] | None = None
        self._is_over = self._is_committed = False
        self.must_write = False
        """Whether its answer is to be remembered, although no handler wanted anything."""
        self.correspondent = ""
        self.has_questions = False
        self.left: asyncio.Future[Any] | None = None
        """A handler that still runs, though nobody waits for it; it may use the session."""

    # -- beginning -------------------------------------------------------------------------------------------

    async def begin(
        self,
        conversations: Collection[ConversationKey],
        *,
        correspondent: str,
        secrets: Collection[str],
        until: float,
        with_timers: bool = False,
    ) -> Found:
        """Lock these conversations and look what there is. Raises StoreError."""
        self.correspondent, self.has_questions = correspondent, True
        self._asked = replace(
            self._asked,
            conversations=frozenset(conversations),
            correspondent=correspondent,
            secrets=frozenset(secrets),
            with_timers=with_timers,
        )
        found = await self.unit.begin(until=until)
        self._wanted = self._marked = Wanted(dict(found.standings))
        return found

    @property
    def unit(self) -> Unit:
        """The unit of work, begun or not."""
        if self._unit is None:
            settled = tuple(self._transaction.key(recipient) for recipient in self._recipients)
            asked = replace(self._asked, settled=settled, correspondent=self.correspondent)
            self._unit = self._means.conversations.unit(asked)
        return self._unit

    @property
    def db(self) -> Any:
        """The handlers' session; from a handler's thread too."""
        return self.unit.db

    @property
    def is_open(self) -> bool:
        """Whether the database has been used."""
        return self._unit is not None and self._unit.is_open

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to write or to commit."""
        return self.is_open or self.must_write or self._wanted.is_anything

    @property
    def has_conflict(self) -> bool:
        return self._unit is not None and self._unit.has_conflict

    @property
    def found(self) -> Found:
        return (self._unit.found if self._unit is not None else None) or NOTHING_FOUND

    def settled(self, recipient: Recipient) -> Reply | None:
        """Our answer to this recipient's mail, if an earlier attempt has settled it."""
        found = self.found.settled
        return found.get(self._transaction.key(recipient)) if found else None

    @property
    def has_settled_late(self) -> bool:
        """Whether a handler's first use of the database found that some of the recipients were settled before."""
        return bool(self.found.settled) and not self.has_questions

    # -- what handlers see and want --------------------------------------------------------------------------

    def state_of(self, conversation: ConversationKey) -> str:
        return self._wanted.standing(conversation).state

    def is_locked(self, conversation: ConversationKey) -> bool:
        return conversation in self._wanted.standings

    def scene(self, match: Match, conversation: ConversationKey | None) -> Scene:
        """Where a handler stands."""
        standing = self._wanted.standing(conversation) if conversation else Standing()
        return Scene(
            now=self._asked.now,
            hostname=self._means.hostname,
            templates=self._means.templates,
            unit=self if self._means.conversations.is_there else None,
            conversation=conversation,
            correspondent=self.correspondent,
            state=standing.state,
            is_confirmed=standing.is_confirmed,
            captures=match.captures,
            replies_left=max(0, self._replies_left - self._wanted.automatic),
            verp=self._means.verp,
            questions=self._wanted.open_questions(self.found.questions),
            has_questions=self.has_questions,
            log=self._means.log,
        )

    def touch(self, conversation: ConversationKey, recipient: Address, captures: Captures) -> None:
        """A state function of it ran."""
        self._wanted = self._wanted.touch(conversation, recipient, captures)

    def move(self, conversation: ConversationKey, state: str, route: str) -> None:
        """It is in this state from now on; the handlers that follow see it so."""
        self._wanted = self._wanted.move(conversation, state, route)

    def confirm(self, conversation: ConversationKey) -> None:
        """Its correspondent has answered a question."""
        self._wanted = self._wanted.confirm(conversation)

    def take(self, effects: Effects) -> None:
        """The handlers of one recipient have ended well: what they want is wanted."""
        self._withheld += effects.withheld
        self._wanted = self._wanted.take(effects)

    def send(self, outgoing: Outgoing) -> None:
        """One more mail, of our own."""
        self._wanted = self._wanted.send(outgoing)

    async def mark(self) -> None:
        """Remember this moment."""
        self._marked = self._wanted
        if self.is_open:
            await self.unit.mark()

    async def restore(self) -> None:
        """Go back to it: a handler failed, and others go on."""
        self._wanted = self._marked
        if self.is_open:
            await self.unit.restore()

    @property
    def remembered(self) -> Sequence[str]:
        """The settled keys that were written and committed."""
        return tuple(self._written or ()) if self._is_committed else ()

    # -- the end ---------------------------------------------------------------------------------------------

    async def write(self, answer: Reply) -> None:
        """Try all that can fail, with the answer as it is known so far. Raises StoreError and ConflictError."""
        if self.is_needed:
            await self.unit.write(await self._prepared(answer))

    async def settle(self, answer: Reply) -> None:
        """`write` and `commit` at once: nothing is to be relayed or kept. Raises StoreError and ConflictError."""
        if self.is_needed:
            await self.unit.settle(await self._prepared(answer))
            self._has_committed()

    async def begin_late(self) -> None:
        """Begin what is needed and no handler has begun. Before downstream is asked: nobody who holds a connection to
        it may wait for the database, for whoever has the database may wait for that connection. Raises StoreError."""
        if self.is_open or not self.is_needed:
            return
        # Not even read so far: an earlier attempt's answer, and the limit on automatic mail.
        found = await self.unit.begin(until=self._means.clock.monotonic() + self._means.lock_wait_s)
        if found.settled:
            raise AlreadySettled("an earlier attempt has settled it")
        self._hold_back()

    async def _prepared(self, answer: Reply) -> Work:
        await self.begin_late()
        keys = (self._transaction.key(recipient) for recipient in self._recipients)
        # Who was settled before, with other recipients, stays so: Postfix may put a retry together anew.
        self._written = {key: answer for key in keys if key not in self.found.settled}
        return self._wanted.work(self._written, self.machines, self._asked.now)

    async def add(self, outgoing: Outgoing) -> None:
        """One more mail after the relay. Raises StoreError."""
        await self.unit.add(outgoing)

    async def commit(self, answer: Reply) -> None:
        """It has happened, and this is the answer. Raises StoreError."""
        if self._written is None:
            return
        if any(reply != answer for reply in self._written.values()):
            await self.unit.amend(dict.fromkeys(self._written, answer))
        try:
            await self.unit.commit()
        except ConflictError as error:
            # Downstream may have the mail, so nobody but Postfix tries again (design law 3).
            raise StoreError(str(error)) from error
        self._has_committed()

    def _has_committed(self) -> None:
        self._is_over = self._is_committed = True
        for move in self._wanted.moves:
            self._means.log.moved(self._transaction, move)
        if self._wanted.outgoing:
            self._means.kick()

    async def end(self) -> None:
        """Nothing happened, unless it was committed. Never raises."""
        if self._is_committed or not self.is_needed:
            for reason in self._withheld:
                self._means.log.reply_withheld(self._transaction, reason)
        if self._is_over:
            return
        self._is_over = True
        try:
            if self._unit is not None:
                await self._unit.rollback(after=self.left)
        except Exception as error:
            # The answer is older than this, and stays.
            self._means.log.bug(self._transaction, error)

    @property
    def _replies_left(self) -> int:
        return self._means.replies_per_hour - self.found.replies

    def _hold_back(self) -> None:
        """Leave out automatic mail beyond the limit, which its handler could not know of."""
        wanted, self._wanted = self._wanted, self._wanted.within(self._replies_left)
        for _ in range(len(wanted.outgoing) - len(self._wanted.outgoing)):
            self._means.log.reply_withheld(self._transaction, "too many within an hour")
