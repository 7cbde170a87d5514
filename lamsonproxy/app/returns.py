"""Which functions a handler returns, read from its source.

    return POSTING                          POSTING
    return POSTING if known else START      both, and so for `and`, `or`, and `{...}[answer]`
    return OTHER(mail, list_name)           whatever OTHER returns
    step = POSTING; ...; return step        what is assigned to that name
    return steps[answer]                    computed: only running it would tell

Law: nothing of the author's runs. A name means what it means in the function's module now; what cannot be known is
called computed, never guessed.
"""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import resolve_name
from textwrap import dedent
from tokenize import TokenError
from types import FunctionType, ModuleType

from lamsonproxy.app.marks import marks_of
from lamsonproxy.mail.verdict import Verdict

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Found = Iterator[FunctionType | None]
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Returned:
    """What a handler's source returns."""

    functions: tuple[FunctionType, ...] = ()
    is_computed: bool = False
    """Whether there may be others."""


def returned_by(function: FunctionType) -> Returned:
    """The functions that a handler returns, in the order of its source; its wrappers' own first."""
    found = list(_returned(function, frozenset()))
    return Returned(tuple(dict.fromkeys(f for f in found if f is not None)), None in found)


def _returned(function: FunctionType, above: frozenset[FunctionType]) -> _Found:
    layers = list(_layers(function))
    above |= set(layers)
    for layer in layers:
        for found in _Reader(layer, above).returned():
            # Of a library's wrapper only the states count that it was given by name: most just pass on what they get.
            if found is not None or _package(layer) == _package(layers[-1]):
                yield found


def _layers(function: object) -> Iterator[FunctionType]:
    """A function and those that it wraps (functools.wraps)."""
    seen: set[int] = set()
    while isinstance(function, FunctionType) and id(function) not in seen:
        seen.add(id(function))
        yield function
        function = getattr(function, "__wrapped__", None)


class _Reader:
    """Reads one function; what it yields is a function that is returned, or None for one that is computed."""

    def __init__(self, function: FunctionType, above: frozenset[FunctionType]) -> None:
        self._function, self._above = function, above
        tree = _tree(function)
        self._nodes = tuple(_within(tree)) if tree else None
        imported = dict(_imported(self._nodes or (), _module(function)))
        self._known = {**_outside(function), **imported}
        code = function.__code__
        self._local = {*code.co_varnames, *code.co_cellvars} - imported.keys()
        self._open: set[str] = set()

    def returned(self) -> _Found:
        if self._nodes is None:
            yield None
            return
        for node in self._nodes:
            if isinstance(node, ast.Return) and node.value:
                yield from self._read(node.value)

    def _read(self, node: ast.expr) -> _Found:
        match node:
            case ast.Constant() | ast.Compare():  # a comparison is the first part of `is_known and POSTING`
                return
            case ast.IfExp(body=body, orelse=orelse):
                yield from self._all([body, orelse])
            case ast.BoolOp(values=values):
                yield from self._all(values)
            case ast.Subscript(
                value=ast.Tuple(elts=values) | ast.List(elts=values) | ast.Dict(values=values)
            ):
                yield from self._all(values)
            case ast.Await(value=value) | ast.NamedExpr(value=value):
                yield from self._read(value)
            case ast.Call(func=func):
                yield from self._called(func)
            case ast.Name(id=name) if name in self._local:
                yield from self._assigned(name)
            case _:
                yield from self._named(node)

    def _all(self, nodes: Iterable[ast.expr]) -> _Found:
        for node in nodes:
            yield from self._read(node)

    def _named(self, node: ast.expr) -> _Found:
        value = self._value(node)
        if isinstance(value, FunctionType):
            yield value
        elif value is not None and not isinstance(value, Verdict):
            yield None

    def _called(self, func: ast.expr) -> _Found:
        callee = self._value(func)
        if isinstance(callee, FunctionType) and self._is_theirs(callee):
            if callee not in self._above:
                yield from _returned(callee, self._above)
        elif not (isinstance(callee, type) and issubclass(callee, Verdict)):
            yield None

    def _assigned(self, name: str) -> _Found:
        """What a local name may stand for; an argument, and whatever a loop or a pattern binds, is computed."""
        if name in self._open:
            return  # step = step or POSTING
        values = [value for node in self._nodes or () for value in _assigned_to(node, name)]
        self._open.add(name)
        yield from self._all(values)
        self._open.discard(name)
        if not values or len(values) != sum(_binds(node, name) for node in self._nodes or ()):
            yield None

    def _is_theirs(self, callee: FunctionType) -> bool:
        """Whether it is the author's own: what a library returns is nobody's state."""
        return bool(marks_of(callee)) or callee in self._above or _package(callee) == _package(self._function)

    def _value(self, node: ast.expr) -> object:
        """What a name from outside, or one in a module, stands for."""
        if isinstance(node, ast.Name) and node.id not in self._local:
            return self._known.get(node.id, _UNKNOWN)
        if isinstance(node, ast.Attribute):
            owner = self._value(node.value)
            return vars(owner).get(node.attr, _UNKNOWN) if isinstance(owner, ModuleType) else _UNKNOWN
        return _UNKNOWN


def _tree(function: FunctionType) -> _Function | None:
    """The function's own definition; None when there is no source, or a lambda."""
    try:
        (found,) = ast.parse(dedent(_source(function))).body
    except (OSError, SyntaxError, TokenError, TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, _Function) else None


def _source(function: FunctionType) -> str:
    # By its code: from the function itself `inspect` would go on to what it wraps.
    return inspect.getsource(function.__code__)


def _module(function: FunctionType) -> str:
    """The module that its source is in; `functools.wraps` says another one."""
    return str(function.__globals__.get("__name__", ""))


def _package(function: FunctionType) -> str:
    return _module(function).partition(".")[0]


def _outside(function: FunctionType) -> Mapping[str, object]:
    """What names outside the function mean to it. An empty cell is a name that nobody has bound yet."""
    inner = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):
            inner[name] = cell.cell_contents
    return {**function.__globals__, **inner}


def _imported(nodes: Iterable[ast.AST], module: str) -> Iterator[tuple[str, object]]:
    """What a function imports itself, as is done where two modules lead to each other."""
    package = sys.modules[module].__package__ if module in sys.modules else ""
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            name = (
                resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module
            )
            source = sys.modules.get(name or "")
            for alias in node.names:
                yield alias.asname or alias.name, getattr(source, alias.name, _UNKNOWN)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or name, sys.modules.get(name, _UNKNOWN)


def _within(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function in the order of its source, those of functions inside it left out."""
    waiting = [*ast.iter_child_nodes(tree)][::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting += [*ast.iter_child_nodes(node)][::-1]


def _assigned_to(node: ast.AST, name: str) -> Iterator[ast.expr]:
    match node:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            yield value
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            yield value
        case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
            yield value


def _binds(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Name(id=target, ctx=ast.Store()) | ast.arg(arg=target):
            return target == name
        case ast.MatchAs(name=target) | ast.MatchStar(name=target) | ast.ExceptHandler(name=target):
            return target == name
    return False
