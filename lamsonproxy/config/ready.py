"""The options of a `[[route]]`: those of its handler, read as the handler's own signature says.

Law: a ready handler's parameters are the only list of its options. Values may come from the environment, so "3" is a
number and "a, b" a list where the handler takes these.
"""

import difflib
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from lamsonproxy.app.ready import READY, Wish, options_of
from lamsonproxy.config.sentences import sentence
from lamsonproxy.config.settings import Route, Settings


def wishes_of(settings: Settings) -> list[Wish]:
    """The `[[route]]` tables as routes to be made; settings that were checked."""
    return [
        Wish(
            route.match,
            route.handler,
            route.on_error or None,
            _model(route.handler)(**_listed(route)).model_dump(),
        )
        for route in settings.route
    ]


def mistakes_in(route: Route, number: int) -> Iterator[str]:
    """What is wrong with the keys of a `[[route]]`, one sentence each."""
    place = f"route[{number}]"
    for key in ("match", "handler"):
        if not getattr(route, key):
            yield f"{place}.{key} is missing: a [[route]] has match and handler."
    if not route.handler:
        return
    if route.handler not in READY:
        close = difflib.get_close_matches(route.handler, READY, 1)
        meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(READY)}."
        yield f'{place}.handler is "{route.handler}", which is no ready handler; {meant}'
        return
    yield from _mistakes_in_options(route, place, number)


def _mistakes_in_options(route: Route, place: str, number: int) -> Iterator[str]:
    options = options_of(route.handler)
    for name in _given(route):
        if name not in options:
            close = difflib.get_close_matches(name, (*options, *Route.model_fields), 1, cutoff=0.7)
            meant = f"did you mean {close[0]}?" if close else f"it takes {', '.join(options) or 'none'}."
            yield f"{place}.{name} is no option of {route.handler}; {meant}"
    for name, option in options.items():
        if option.default is option.empty and name not in _given(route):
            yield f"{place}.{name} is missing: {route.handler} needs it."
    try:
        _model(route.handler)(**_listed(route))
    except ValidationError as error:
        for details in error.errors():
            if details["type"] != "missing":
                yield sentence({**details, "loc": ("route", number, *details["loc"][:1])})


def _given(route: Route) -> Mapping[str, Any]:
    return route.model_extra or {}


def _listed(route: Route) -> dict[str, Any]:
    """The options, those that may be several as lists."""
    options = options_of(route.handler)
    return {
        name: re.split(r",\s*", value.strip(", "))
        if isinstance(value, str) and options[name].annotation == str | Sequence[str]
        else value
        for name, value in _given(route).items()
        if name in options
    }


@cache
def _model(handler: str) -> type[BaseModel]:
    """The options as a model; defaults are the handler's own."""
    hints = typing.get_type_hints(READY[handler])
    fields: dict[str, Any] = {
        name: (_plain(hints[name]), ... if option.default is option.empty else option.default)
        for name, option in options_of(handler).items()
    }
    return create_model(handler, __config__=ConfigDict(strict=False), **fields)


def _plain(kind: Any) -> Any:
    """The type that is read where Python takes more than one."""
    return {str | Path: str, str | Sequence[str]: tuple[str, ...]}.get(kind, kind)
