"""What is wrong with a setting, as a sentence for the operator.

Law: each sentence names the key as it is written in lamson.toml, the value if it can be no secret, and what
is allowed. An unknown key is a mistake too, because a mistyped limit that is silently ignored is no limit.
"""

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from lamsonproxy.config.settings import ENVIRONMENT_PREFIX, Settings

_MAY_BE_SECRET = re.compile(r"pass|secret|token|key|auth|database|url|dsn", re.IGNORECASE)
_SHOWN = 80


def sentence(details: ErrorDetails) -> str:
    """One of pydantic's mistakes, in our words."""
    place = details["loc"]
    if details["type"] == "extra_forbidden":
        return f"{dotted(place)} is not a setting{_perhaps(place)}{_origin(place)}"
    return f"{dotted(place)} is {_shown(place, details['input'])}, but {_allowed(details)}.{_origin(place)}"


def dotted(place: Sequence[int | str]) -> str:
    """A key's path: `door[0].listen`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Sentences on variables that look like settings and are none.

    Not every `LAMSON_…` is ours to judge: Kubernetes makes LAMSON_PORT and the like for a service of that
    name. A name with `__`, or one letter away from a setting, was meant for us.
    """
    for name in environment:
        if not name.upper().startswith(ENVIRONMENT_PREFIX):
            continue
        head, nested, rest = name[len(ENVIRONMENT_PREFIX) :].lower().partition("__")
        if head in Settings.model_fields:
            continue
        close = difflib.get_close_matches(head, Settings.model_fields, 1, cutoff=0.8)
        if nested or close:
            meant = (
                f"; did you mean {ENVIRONMENT_PREFIX}{(close[0] + nested + rest).upper()}?" if close else "."
            )
            yield f"The environment's {name} is not a setting{meant}"


def _allowed(details: ErrorDetails) -> str:
    if details["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "must be a table"
    if details["type"] == "tuple_type":
        return (
            f"must be a list: write [[{details['loc'][0]}]]" if len(details["loc"]) == 1 else "must be a list"
        )
    if error := details.get("ctx", {}).get("error"):
        return str(error)
    # "Input should be a valid integer, unable to parse string as an integer"
    return re.sub(r"^\w+ should (be|have)", r"must \1", details["msg"]).partition(", unable")[0]


def _shown(place: Sequence[int | str], value: object) -> str:
    if any(_MAY_BE_SECRET.search(str(step)) for step in place):
        return "set to something"
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _origin(place: Sequence[int | str]) -> str:
    name = ENVIRONMENT_PREFIX + "__".join(str(step) for step in place).upper()
    return f" (The environment's {name} says so.)" if name in os.environ else ""


def _perhaps(place: Sequence[int | str]) -> str:
    """The setting that was probably meant: the same word elsewhere, or a similar one in the same section."""
    section, leaf = re.sub(r"\[\d+\]", "", dotted(place[:-1])), str(place[-1])
    leaves: dict[str, str] = {}
    for name in _known(Settings):
        above, _, word = name.rpartition(".")
        if word == leaf:
            return f"; did you mean {_with_place(name)}?"
        if above == section:
            leaves[word] = name
    close = difflib.get_close_matches(leaf, leaves, 1, cutoff=0.7)
    return f"; did you mean {leaves[close[0]]}?" if close else "."


def _with_place(name: str) -> str:
    # TOML's trap: a key that follows a [table] belongs to that table.
    section, _, leaf = name.rpartition(".")
    return f"{leaf} in [{section}]" if section else f"{leaf} at the top of the file, before any [section]"


def _known(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield prefix + name
        if inner := section_of(field.annotation):
            yield from _known(inner, f"{prefix}{name}.")


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a key that is a table, or a list of tables; None for a plain key."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
