"""Asking one handler: run it, log it, and read its verdict.

Law: nothing that a handler raises, returns or fails to return gets further than the log. Whoever asked hears of it
as a `HandlerFailed`, which says nothing more.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from lamsonproxy.app.routing import Match
from lamsonproxy.engine.policy import Means
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

    async def ask(self, match: Match, subject: object, read: Callable[[Any], _V]) -> _V:
        """What the handler says of its subject, as `read` reads it. Raises HandlerFailed."""
        route = match.route
        begun = self._clock.monotonic()
        ran = await self._runner.run(route.handler, subject, match.captures, timeout=self._until - begun)
        seconds = self._clock.monotonic() - begun
        if isinstance(ran, Overran):
            self._log.handler_overran(self._transaction, route.name, seconds)
            raise HandlerFailed
        self._log.handler_ran(self._transaction, route.name, seconds)
        try:
            if isinstance(ran, Raised):
                raise ran.error
            return read(ran.value)
        except BaseException as error:
            # Everything a handler may raise, KeyboardInterrupt included: it came out of a value, not out of us.
            self._log.handler_failed(self._transaction, route.name, error)
            raise HandlerFailed from None
