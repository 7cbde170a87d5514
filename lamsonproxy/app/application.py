"""The application: the names of its modules and what its routes have in common.

Law: an `App` imports nothing when it is made. `load` imports, compiles and judges everything, so `lamson
check`, a reload and a start tell the same mistakes, and a module can name its App without a circle.
"""

import inspect
import os
import sys
from collections.abc import Mapping
from types import FunctionType, MappingProxyType

from lamsonproxy.app.loading import load_routes
from lamsonproxy.app.machines import Machines
from lamsonproxy.app.modules import import_module
from lamsonproxy.app.routing import Routes
from lamsonproxy.errors import AppError
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Reject, Verdict

CONSUME = Consume()

Next = tuple[str, str]
"""A machine and its state."""

_NO_CAPTURES: Mapping[str, str] = MappingProxyType({})


class App:
    """An application: modules of handlers, in the order in which their routes are tried.

    `captures` say what `(name)` means in every route that does not say it itself; `templates` is the folder
    that templates are read from; `tables` is the SQLAlchemy MetaData of the application's own tables, or several:
    those that are missing are made at start. With `verp` all that is sent from an address has a sender for each
    recipient that tells who it is (docs/bounces.md), where nothing else is said: the routes must take what comes back.
    """

    def __init__(
        self,
        *modules: str,
        templates: str | None = None,
        captures: Mapping[str, str] = _NO_CAPTURES,
        tables: object = (),
        verp: bool = False,
    ) -> None:
        for module in modules:
            if not isinstance(module, str):
                raise AppError(f'App takes the names of modules: App("app.handlers.lists"), not {module!r}.')
        self.modules = modules
        self.templates = templates
        self.captures = dict(captures)
        self.verp = verp
        self.tables: tuple[object, ...] = tuple(tables) if isinstance(tables, list | tuple) else (tables,)

    def __repr__(self) -> str:
        return f"App({', '.join(map(repr, self.modules))})"

    def load(self) -> Routes:
        """Import the modules and compile their routes. Raises AppError; its `problems` are all there are."""
        return load_routes(self.modules, self.captures)


def find_app(name: str) -> App:
    """The App that `app.main:app` names, looked for from the current directory on. Raises AppError."""
    module_name, colon, attribute = name.partition(":")
    if not colon or not attribute.isidentifier() or not all(map(str.isidentifier, module_name.split("."))):
        raise AppError(f'{name!r} names no application: write module:name, as in "app.main:app".')
    if os.getcwd() not in sys.path[:1]:
        sys.path.insert(0, os.getcwd())
    module = import_module(module_name)
    found = getattr(module, attribute, None)
    if not isinstance(found, App):
        is_what = (
            f"is of type {type(found).__name__}, not an App" if hasattr(module, attribute) else "is not there"
        )
        raise AppError(f"{name}: {attribute} {is_what} ({module.__file__}).")
    return found


def verdict_from(returned: object) -> Verdict | None:
    """What a stateless handler returned, as a verdict; None lets the next match decide.

    Raises AppError for anything else (H6). Its text tells types, never values: those may be mail.
    """
    if isinstance(returned, FunctionType):
        raise AppError("The handler returned a function, but a @stateless handler moves no conversation.")
    return None if returned is None else _verdict(returned)


def next_from(returned: object, machines: Machines) -> tuple[Next | None, Verdict]:
    """What a state function returned: where its conversation goes (None: nowhere), and the verdict.

    Raises AppError for a function that is no state of the App, and for anything else (H6).
    """
    if returned is None:
        return None, CONSUME
    if isinstance(returned, FunctionType):
        return machines.state_of(returned), CONSUME
    return None, _verdict(returned)


def rcpt_verdict_from(returned: object) -> Accept | Reject | Defer | None:
    """What a `phase="rcpt"` handler returned, as a verdict; None lets the next match decide.

    Raises AppError for anything else, and for a verdict that needs a message or speaks of other recipients.
    """
    verdict = verdict_from(returned)
    if verdict is None or isinstance(verdict, Accept | Defer):
        return verdict
    if not isinstance(verdict, Reject):
        raise AppError(f"The handler returned {type(verdict).__name__}, and at RCPT there is no message yet.")
    if verdict.whole:
        raise AppError("The handler returned Reject(whole=True), and at RCPT it is about one recipient.")
    return verdict


def _verdict(returned: object) -> Verdict:
    if isinstance(returned, Verdict):
        return returned
    if inspect.iscoroutine(returned):
        returned.close()  # or Python warns, at some later time, that nobody awaited it
        raise AppError("The handler returned a coroutine: write `async def`, or await it.")
    if isinstance(returned, type):
        raise AppError(
            f"The handler returned the class {returned.__name__}; a verdict has brackets: Accept()."
        )
    raise AppError(f"The handler returned a value of type {type(returned).__name__}, which is no verdict.")
