"""`@bounce_to(soft=, hard=)`: reports of mail that did not arrive go to functions of their own.

    @route("(list_name)-bounces@(host)")
    @bounce_to(soft=SOFT, hard=HARD)
    def START(mail, list_name, host): ...

Law: only what says that a mail has not arrived, or that somebody complains of it, is taken away from the handler; it
stays the same function to the App, with its name, its captures and its marks. `hard` hears of addresses that will never
work, `soft` of everything else; what they return is what the handler would return.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any, TypeVar

from lamsonproxy.app.mail import Mail
from lamsonproxy.errors import AppError

_F = TypeVar("_F", bound=Callable[..., Any])

# A vacation notice and a report of success are about mail that has arrived.
_BOUNCES = frozenset(("failure", "delay", "feedback"))


def bounce_to(*, soft: Callable[[Mail], Any], hard: Callable[[Mail], Any]) -> Callable[[_F], _F]:
    """Let `hard(mail)` or `soft(mail)` handle a bounce, and the function all other mail.

    Raises AppError unless all three are functions of one kind, `def` or `async def`.
    """

    def divert(function: _F) -> _F:
        _check(soft=soft, hard=hard, function=function)

        def taker(mail: Mail) -> Callable[[Mail], Any] | None:
            bounce = mail.bounce
            if bounce is None or bounce.kind not in _BOUNCES:
                return None
            return hard if bounce.hard else soft

        @wraps(function)
        def handler(mail: Mail, **captures: Any) -> Any:
            take = taker(mail)
            return take(mail) if take else function(mail, **captures)

        @wraps(function)
        async def async_handler(mail: Mail, **captures: Any) -> Any:
            take = taker(mail)
            return await (take(mail) if take else function(mail, **captures))

        chosen: Any = async_handler if inspect.iscoroutinefunction(function) else handler
        return chosen  # type: ignore[no-any-return]  # a function of the same signature

    return divert


def _check(**functions: object) -> None:
    for name, function in functions.items():
        if not isinstance(function, FunctionType):
            what = "stands over" if name == "function" else f"takes as {name}"
            raise AppError(f"@bounce_to {what} a function, not a value of type {type(function).__name__}.")
    if len({inspect.iscoroutinefunction(function) for function in functions.values()}) > 1:
        raise AppError("@bounce_to: the handler and both functions are all `def`, or all `async def`.")
