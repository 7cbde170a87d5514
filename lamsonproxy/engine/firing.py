"""A timer has run down: its function runs, once, in a unit of work like that of a mail.

The conversation goes to the function's state, as if a handler had returned it, and the function runs at once; what it
returns counts like any state function's. It gets a mail without a message: its sender is the correspondent, its
recipient the address that was written to last, so `mail.reply` writes to the correspondent.

Law: looked at again under the conversation's lock, and gone with the commit: whoever else had claimed it finds nothing
to do. What fails is tried again when the claim has run out.
"""

import inspect
from collections.abc import Mapping

from lamsonproxy.app.application import next_from
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Match, Route, Routes, compile_format
from lamsonproxy.crash import crash_at
from lamsonproxy.engine.act import Act
from lamsonproxy.engine.asking import Asking, HandlerFailed
from lamsonproxy.engine.policy import ATTEMPTS, Means
from lamsonproxy.errors import AppError, ConflictError, StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Timer
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction, new_trace

DOOR = "timer"
"""What stands for the door of what came by none."""

LIMIT_S = 120
"""Seconds for a timer's function: nobody waits for an answer, but its conversation is locked."""

DONE = Reply(250, "2.0.0", "Ok")


class Firing:
    """Runs timers."""

    def __init__(self, routes: Routes, means: Means) -> None:
        self._machines = routes.machines
        self._means = means

    async def fire(self, timer: Timer) -> None:
        """Run one. Never raises."""
        transaction = _transaction(timer)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    await self._attempt(timer, transaction)
                    return
                except ConflictError as error:
                    if attempt == ATTEMPTS:
                        raise
                    self._means.log.done_again(transaction, error)
        except HandlerFailed:
            pass  # It is in the log, and the timer is due again when its claim has run out.
        except AppError as error:
            name = f"{self._machines.short(timer.conversation.machine)}.{timer.to}"
            self._means.log.handler_failed(transaction, name, error)
        except StoreError as error:
            self._means.log.store_failed(transaction, error)
        except Exception as error:
            self._means.log.bug(transaction, error)

    async def _attempt(self, timer: Timer, transaction: Transaction) -> None:
        key = timer.conversation
        act = Act(self._means, self._machines, transaction, ())
        until = self._means.clock.monotonic() + LIMIT_S
        asking = Asking(self._means, transaction, until)
        try:
            found = await act.begin(
                (key,), correspondent=key.correspondent, secrets=(), until=until, with_timers=True
            )
            if timer not in found.timers or act.state_of(key) != timer.state:
                return
            await self._run(timer, transaction, act, asking, until)
            await act.write(DONE)
            crash_at("timer-before-commit")
            await act.commit(DONE)
        finally:
            act.left = asking.left
            await act.end()

    async def _run(
        self, timer: Timer, transaction: Transaction, act: Act, asking: Asking, until: float
    ) -> None:
        key = timer.conversation
        short = self._machines.short(key.machine)
        function = self._machines.function(key.machine, timer.to)
        if function is None:
            raise AppError(f"{short}.{timer.to} runs for a timer, and there is no such function any more")
        name = f"{short}.{timer.to}"
        captures = _accepted(function, timer.captures)
        route = Route(timer.to, compile_format("", {}), function, name, machine=key.machine, state=timer.to)
        match = Match(route, captures)
        mail = Mail(transaction, transaction.envelope.recipients[0], deadline=until)
        act.touch(key, timer.recipient, timer.captures)
        if self._machines.has_state(key.machine, timer.to):
            act.move(key, timer.to, f"{short}.{timer.state}")
        mail._enter(act.scene(match, key))
        to, _ = await asking.ask(
            name,
            function,
            mail,
            captures,
            lambda returned: next_from(returned, self._machines),
            is_our_fault=lambda: act.has_conflict,
            in_transaction=True,
        )
        if act.has_conflict:
            raise ConflictError("a statement of a handler met another transaction")
        mail._revoke()
        act.take(mail.effects)
        if to is not None:
            self._move(act, key, to, name)

    def _move(self, act: Act, key: ConversationKey, to: tuple[str, str], route: str) -> None:
        machine, state = to
        if machine != key.machine:
            raise AppError(f"{route} ran for a timer, and it moved a conversation of another module")
        act.move(key, state, route)


def _transaction(timer: Timer) -> Transaction:
    envelope = Envelope(Address(timer.conversation.correspondent), (Recipient(timer.recipient),))
    return Transaction(new_trace(), Session(door=DOOR, peer=""), envelope, Message(b""))


def _accepted(function: object, captures: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """The captures that a function takes: one that no route leads to need not take any."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]  # a Handler
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return captures
    names = {parameter.name for parameter in parameters}
    return {name: value for name, value in captures.items() if name in names}
