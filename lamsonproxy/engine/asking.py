"""Asking one handler: run it, log it, and read its verdict.

Law: nothing that a handler raises, returns or fails to return gets further than the log. Whoever asked hears of it
as a `HandlerFailed`, which says nothing more.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from lamsonproxy.app.machines import Captures, Handler
from lamsonproxy.crash import crash_at
from lamsonproxy.engine.policy import Means
from lamsonproxy.errors import AlreadySettled
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.runner import Overran, Raised

_V = TypeVar("_V")


class HandlerFailed(Exception):
    """A handler raised, overran, or returned what it may not."""


class Asking:
    """The asking of handlers about one mail, until a time of the clock."""

    def __init__(self, means: Means, transaction: Transaction, until: float) -> None:
        self._runner, self._log, self._clock = means.runner, means.log, means.clock
        self._transaction = transaction
        self._until = until
        self.left: asyncio.Future[Any] | None = None
        """A handler that was left running; done when it has come back."""

    async def ask(
        self,
        route: str,
        handler: Handler,
        subject: object,
        captures: Captures,
        read: Callable[[Any], _V],
        *,
        is_our_fault: Callable[[], bool] = lambda: False,
        in_transaction: bool = False,
    ) -> _V:
        """What the handler says of its subject, as `read` reads it. Raises HandlerFailed.

        `is_our_fault` tells whether what it raises is no error of its own: then it is not logged as one.
        """
        begun = self._clock.monotonic()
        timeout = self._until - begun
        ran = await self._runner.run(
            handler,
            subject,
            captures,
            timeout=timeout,
            on_given_up=self._leave,
            in_transaction=in_transaction,
        )
        crash_at("after-handler")
        seconds = self._clock.monotonic() - begun
        if isinstance(ran, Overran):
            self._log.handler_overran(self._transaction, route, seconds)
            raise HandlerFailed
        self._log.handler_ran(self._transaction, route, seconds)
        try:
            if isinstance(ran, Raised):
                raise ran.error
            return read(ran.value)
        except BaseException as error:
            # Everything a handler may raise, KeyboardInterrupt included: it came out of a value, not out of us.
            if not (is_our_fault() or isinstance(error, AlreadySettled)):
                self._log.handler_failed(self._transaction, route, error)
            raise HandlerFailed from None

    def _leave(self, left: "asyncio.Future[Any]") -> None:
        self.left = left
