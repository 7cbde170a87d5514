"""One line of doctor: what was looked at, whether it is well, why it matters, and what mends it.

Law: values, and the two ways to make them. A finding that is not well names a command or a line of lamson.toml.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lamsonproxy.postfix.facts import Facts
from lamsonproxy.postfix.fragments import Option


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line; `check` is its name in --json."""

    level: Level
    check: str
    sentence: str
    mend: str = ""


Findings = Iterator[Finding]
Check = Callable[[Facts], Findings]


def judge(is_well: bool, check: str, well: str, ill: str, mend: str, level: Level = Level.ERROR) -> Finding:
    """An error, unless it is well."""
    return Finding(Level.OK, check, well) if is_well else Finding(level, check, ill, mend)


def warn(is_well: bool, check: str, well: str, ill: str, mend: str) -> Finding:
    """A warning, unless it is well."""
    return judge(is_well, check, well, ill, mend, Level.WARNING)


def option_command(key: str, name: str, value: str) -> str:
    return f"postconf -P '{key}/{name}={value}' && postfix reload"


def parameter_command(name: str, value: str) -> str:
    return f"postconf -e '{name} = {value}' && postfix reload"


def as_wanted(facts: Facts, key: str, options: Sequence[Option]) -> Findings:
    """Whether a service has each of these options of a fragment in force."""
    for option in options:
        if facts.knows(option.name):
            yield _as_option(facts, key, option)


def _as_option(facts: Facts, key: str, option: Option) -> Finding:
    present = facts.value(option.name, key)
    return judge(
        _plain(present) in {_plain(value) for value in (option.value, *option.also)},
        option.name,
        f"{key} has {option.name} = {present}." if present else f"{key} has no {option.name}.",
        f"{key} has {option.name} = {present or '(nothing)'}, and not {option.value or '(nothing)'}. {option.why}",
        option_command(key, option.name, option.value),
        Level.ERROR if option.is_grave else Level.WARNING,
    )


def _plain(value: str) -> str:
    return " ".join(value.replace(",", " ").split()).lower()
