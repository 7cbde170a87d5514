"""A session that speaks SMTP: commands and mails read, each answered in order.

What is mended of aiosmtpd here (each was measured): commands are read by our own dialogue, which keeps parameters and
XFORWARD; DATA is read in blocks, not by lines (a tenth of the CPU at 1 MB); lines have no limit but the mail's; and the
session timer stands still while a mail is settled.

Law: nothing here knows what a mail is for. A mail that was read has exactly the replies that the protocol has for it.
"""

import asyncio

from lamsonproxy.crash import crash_at
from lamsonproxy.doors.connection import Connection
from lamsonproxy.doors.dialogue import NO_ROOM, NOT_HTTP, TOO_BIG, TOO_MANY_ERRORS, Dialogue, Next
from lamsonproxy.doors.door import SHUTTING_DOWN, Door, Gate
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import TROUBLE, Reply, with_trace
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace
from lamsonproxy.mail.wire import DataReader, Refused

_REFUSALS = {
    Refused.TOO_BIG: TOO_BIG,
    Refused.NO_ROOM: NO_ROOM,
    Refused.BARE_LF: Reply(554, "5.6.0", "Message has a bare LF (RFC 5321 section 2.3.8)"),
    Refused.BARE_CR: Reply(554, "5.6.0", "Message has a bare CR (RFC 5321 section 2.3.8)"),
}

COMMANDS_AT_ONCE = 16 * 1024
"""Octets of pipelined commands that are answered before other sessions have their turn; of a mail it is a `BLOCK`."""


class SmtpSession(Connection):
    """One connection. Reads commands and mails; answers each in order."""

    dialogue: type[Dialogue] = Dialogue

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._lease = door.budget.lease()
        self._dialogue = self.dialogue(door.settings.rules, self._lease.grow_to)
        self._trace = ""
        """The name of the mail under way."""
        self._unheard: Transaction | None = None
        """The mail whose replies have left while nothing more had come: the next command will tell that they were
        read."""

    def leave_if_idle(self) -> None:
        """Go, unless a mail is under way."""
        if not self.is_settling and not self._dialogue.in_transaction:
            self.leave(SHUTTING_DOWN)

    # -- commands --------------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        if (refused := self._door.refuse(self._peer)) is not None:
            self.leave(refused)
            return
        self._say(self._dialogue.greeting())
        try:
            while self._dialogue.next is not Next.CLOSE:
                await self._take_turns()
        finally:
            self._lease.end()
            await self._forget()
        await self._flush()

    async def _take_turns(self) -> None:
        """One command and its reply; and the mail, and the replies to it, when the command was DATA."""
        self._reset_timeout()
        line = await self._line()
        self._tell_heard()
        reply = self._dialogue.command(line) if line else self._dialogue.overlong()
        if self._dialogue.has_named and self._door.gate is not None:
            reply = await self._ask(self._door.gate)
        self._say(reply)
        if reply in (TOO_MANY_ERRORS, NOT_HTTP):
            self._door.log.refused_session(self._settings.name, self._peer, "errors")
        if self._dialogue.next is Next.DATA:
            await self._mail()
        if not self._dialogue.in_transaction:
            await self._forget()
            self._lease.end()
            if self._door.is_closing and self._dialogue.next is not Next.CLOSE:
                self._say(self._dialogue.answered(SHUTTING_DOWN))

    def _tell_heard(self) -> None:
        unheard, self._unheard = self._unheard, None
        if unheard is not None:
            crash_at("answer-heard")
            self._door.desk.heard(unheard)

    async def _ask(self, gate: Gate) -> Reply:
        """Whether the gate takes the recipient that was named."""
        self._stop_timer()
        # The gate may take its time, and the client's patience with the replies before this one is running.
        await self._flush()
        transaction = self._transaction(self._dialogue.envelope, b"")
        try:
            reply = await gate.ask(transaction)
        except Exception as error:
            self._door.log.bug(transaction, error)
            reply = with_trace(TROUBLE, transaction.trace)
        if not reply.is_positive:
            self._dialogue.refuse_named()
        return self._dialogue.answered(reply)

    async def _forget(self) -> None:
        """There is no mail under way any more."""
        trace, self._trace = self._trace, ""
        if trace and self._door.gate is not None:
            await self._door.gate.forget(trace)

    async def _line(self) -> bytes:
        while (line := self._inbox.line()) is None:
            # Replies leave together when the peer waits for one: the other half of PIPELINING (RFC 2920 §3.2).
            await self._flush()
            block = await self._block(COMMANDS_AT_ONCE)
            if len(block) == COMMANDS_AT_ONCE:
                await asyncio.sleep(0)  # more is waiting, and reading it would not suspend us
            self._inbox.feed(block)
        return line

    # -- a mail ----------------------------------------------------------------------------------------------

    async def _mail(self) -> None:
        self._reset_timeout(self._settings.data_timeout_s)
        await self._flush()
        crash_at("before-data")
        reader = await self._read_data()
        crash_at("after-data")
        self._stop_timer()
        envelope = self._dialogue.take_envelope()
        if reader.refused is not None:
            self._answer(_REFUSALS[reader.refused], self._replies_to(envelope))
            return
        message = reader.message()
        del reader
        await self._settle(envelope, message)

    def _replies_to(self, envelope: Envelope) -> int:
        """How many replies the protocol has to the end of data."""
        return 1

    def _answer(self, reply: Reply, times: int = 1) -> None:
        for _ in range(times):
            self._say(self._dialogue.answered(reply))

    async def _read_data(self) -> DataReader:
        reader = DataReader(
            self._settings.rules.size_limit, self._settings.bare_newline, self._settings.bare_cr
        )
        behind = reader.feed(self._inbox.take_all())
        self._hold(reader)
        while behind is None:
            behind = reader.feed(await self._block())
            self._hold(reader)
        self._inbox.feed(behind)
        return reader

    def _hold(self, reader: DataReader) -> None:
        if reader.refused is None and not self._lease.grow_to(reader.size):
            reader.refuse(Refused.NO_ROOM)
        if reader.refused is not None:
            self._lease.end()

    def _transaction(self, envelope: Envelope, content: bytes) -> Transaction:
        self._trace = self._trace or new_trace()
        session = Session(
            door=self._settings.name,
            peer=self._peer,
            port=self._port,
            helo=self._dialogue.helo,
            protocol=self._dialogue.protocol(envelope),
        )
        return Transaction(self._trace, session, envelope, Message(content))

    async def _settle(self, envelope: Envelope, content: bytes) -> None:
        transaction = self._transaction(envelope, content)
        awaited = self._replies_to(envelope)
        self.is_settling = True
        try:
            async for reply in self._door.desk.settle(transaction, self._withdrawn):
                if not awaited:
                    raise RuntimeError("the desk gave a reply too many")
                crash_at("before-answer")
                self._answer(reply)
                awaited -= 1
                self._hand_over()
            if awaited:
                raise RuntimeError(f"the desk gave {awaited} replies too few")
        except Exception as error:
            self._door.log.bug(transaction, error)
            self._answer(with_trace(TROUBLE, transaction.trace), awaited)
        else:
            if not self._inbox:  # What came before the reply left was said without it.
                await self._flush()
                self._unheard = transaction
        finally:
            self.is_settling = False


class SmtpDoor(Door):
    """A door whose sessions speak SMTP."""

    def session(self) -> SmtpSession:
        """See `Door`."""
        return SmtpSession(self)
