"""The author's modules: imported, and looked through for marked functions.

Law: whatever goes wrong in the author's code is a sentence with a file and a line in it, never a traceback of
ours. A function belongs to the module that defines it: imported into another one it is not found a second
time.
"""

import importlib
import traceback
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TypeGuard

from lamsonproxy.app import marks
from lamsonproxy.app.marks import Marks, marks_of
from lamsonproxy.errors import AppError

_NOT_THEIRS = ("<frozen ", importlib.__file__, __file__, marks.__file__)
"""Files whose frames stand in a traceback above or below the author's line."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked function, by the name that its module knows it by."""

    module: str
    name: str
    function: FunctionType

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def short(self) -> str:
        return f"{self.module.rpartition('.')[2]}.{self.name}"

    @property
    def marks(self) -> Marks:
        return marks_of(self.function)


@dataclass(frozen=True, slots=True)
class Source:
    """A module of the author's, and the functions marked in it, in the order of its source."""

    module: ModuleType
    marked: tuple[Marked, ...]

    @property
    def name(self) -> str:
        return self.module.__name__

    @property
    def states(self) -> tuple[Marked, ...]:
        """Its state functions; empty when all that it has is stateless."""
        return tuple(marked for marked in self.marked if marked.marks.is_state)


def import_module(name: str) -> ModuleType:
    """Import a module of the author's. Raises AppError whatever its code raises."""
    try:
        return importlib.import_module(name)
    except AppError as error:
        raise AppError(*(f"{_place(error)}: {problem}" for problem in error.problems)) from error
    except (Exception, SystemExit) as error:
        if _is_missing(name, error):
            raise AppError(f"{name}: there is no such module.") from error
        raise AppError(f"{_place(error)}: {name} cannot be imported: {_told(error)}") from error


def source_of(module: ModuleType) -> Source:
    """What is marked in a module.

    Raises AppError when nothing is: a filter that never runs is worse than one that does not start.
    """
    found: dict[FunctionType, Marked] = {}
    for name, value in vars(module).items():
        # A second name for the same function is another way to write it, not another state.
        if _is_marked_in(module, value) and (value not in found or name == value.__name__):
            found[value] = Marked(module.__name__, name, value)
    if not any(marked.marks.routes for marked in found.values()):
        raise AppError(f"{module.__name__}: nothing in it is marked with @route.")
    return Source(module, tuple(found.values()))


def is_own(module: ModuleType, function: FunctionType) -> bool:
    """Whether a function that a module has a name for was made there."""
    # What a factory or a decorator of another module made says that it lives there, but it was marked here.
    return function.__module__ == module.__name__ or "<locals>" in function.__qualname__


def _is_marked_in(module: ModuleType, value: object) -> TypeGuard[FunctionType]:
    return isinstance(value, FunctionType) and bool(marks_of(value)) and is_own(module, value)


def _is_missing(name: str, error: BaseException) -> bool:
    """Whether it is the module itself that is not there, or a package above it, not one that it imports."""
    return isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")


def _told(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _place(error: BaseException) -> str:
    """The line that does not parse, or the last line of the author's that ran."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
    frame = (theirs or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"
