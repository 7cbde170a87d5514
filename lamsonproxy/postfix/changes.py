"""From fragments to changes: what is to be written where, in the order in which it is safe.

Law: a change knows what stood there before and what stands there after, as postconf shows both, so that it can be
taken back exactly and so that a change by somebody else is seen. Nothing here writes to a configuration in use.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lamsonproxy.errors import ConfigError
from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import Entry, Fragments, Option, Parameter
from lamsonproxy.postfix.postconf import Postfix, Target

STAGES = ("the re-entry", "the way to the service", "the switch")
"""In this order: nothing is sent to where nobody waits."""

_NAMES = {
    "smtp": ("smtp/inet", "25/inet"),
    "submission": ("submission/inet", "587/inet"),
    "submissions": ("submissions/inet", "smtps/inet", "465/inet"),
    "pickup": ("pickup/unix", "pickup/fifo"),
}
_OURS_TO_SIGN = ("submission", "submissions", "pickup")


@dataclass(frozen=True, slots=True)
class Change:
    """One key; None is for what is not there."""

    target: Target
    key: str
    before: str | None
    after: str | None

    def is_in_force(self, postfix: Postfix) -> bool:
        return postfix.read(self.target, self.key) == self.after

    def is_undone(self, postfix: Postfix) -> bool:
        return postfix.read(self.target, self.key) == self.before


Stage = Sequence[Change]


def service_key(postfix: Postfix, service: str) -> str:
    """The entry of master.cf that is meant: `smtp` is smtp/inet, or smtpd/pass behind postscreen(8).

    Raises ConfigError.
    """
    entries = postfix.entries()
    found = next((key for key in (*_NAMES.get(service, ()), service) if key in entries), None)
    if found is None:
        there = ", ".join(key for key in entries if key.endswith(("/inet", "/pass")))
        raise ConfigError(
            f"--services {service}: master.cf in {postfix.folder} has no such service; it has {there}."
        )
    if command_of(entries[found]) == "postscreen":
        # postscreen(8) hands clients on and sees no mail.
        if "smtpd/pass" not in entries:
            raise ConfigError(f"--services {service}: postscreen is there, but no smtpd/pass behind it.")
        return "smtpd/pass"
    return found


def command_of(line: str) -> str:
    """The command of an entry of master.cf: `smtpd`, `postscreen`, ..."""
    return line.split()[7]


def stages(postfix: Postfix, choices: Choices, fragments: Fragments) -> list[Stage]:
    """What would change, stage by stage; found out on a copy. Raises ConfigError, PostfixError."""
    keys = (
        []
        if choices.door == "transport"
        else [(name, service_key(postfix, name)) for name in choices.services]
    )
    with postfix.copied() as copy:
        _refuse_what_is_taken(copy, fragments, [key for _, key in keys])
        known = _Known(copy)
        return [
            list(_entry(copy, known, fragments, 0)),
            [*_entry(copy, known, fragments, 1), *_parameters(copy, fragments.parameters)],
            [*_merged(_front(copy, known, choices, fragments, keys)), *_parameters(copy, fragments.routing)],
        ]


def new_entry(postfix: Postfix, entry: Entry) -> Change:
    """The change that adds one entry, with the line as postconf will show it."""
    with postfix.copied() as copy:
        (change,) = _change(copy, "entry", entry.key, entry.line)
        return change


class _Known:
    """Which options this version of Postfix has; asked once for each."""

    def __init__(self, postfix: Postfix) -> None:
        self._postfix = postfix
        self._answers: dict[str, bool] = {}

    def those_of(self, options: Iterable[Option]) -> Iterator[Option]:
        return (option for option in options if self._has(option.name))

    def _has(self, name: str) -> bool:
        if name not in self._answers:
            self._answers[name] = self._postfix.knows(name)
        return self._answers[name]


def _entry(copy: Postfix, known: _Known, fragments: Fragments, number: int) -> Iterator[Change]:
    for entry in fragments.entries[number : number + 1]:
        missing = {option.name for option in entry.options} - {o.name for o in known.those_of(entry.options)}
        yield from _change(copy, "entry", entry.key, entry.without(*missing).line)


def _parameters(copy: Postfix, parameters: Sequence[Parameter]) -> Iterator[Change]:
    for parameter in parameters:
        yield from _change(copy, "parameter", parameter.name, _joined(copy, parameter))


def _joined(copy: Postfix, parameter: Parameter) -> str:
    present = copy.explicit().get(parameter.name)
    if present is None:
        # A default such as $mydestination counts; one that is empty when expanded does not.
        present = copy.effective().get(parameter.name, "")
    if not parameter.joins or not present or parameter.value in present:
        return present if parameter.joins and present else parameter.value
    words = (parameter.value, present) if parameter.joins == "front" else (present, parameter.value)
    return ", ".join(words)


def _front(
    copy: Postfix, known: _Known, choices: Choices, fragments: Fragments, keys: Sequence[tuple[str, str]]
) -> Iterator[Change]:
    entries = copy.entries()
    for service, key in keys:
        options = known.those_of(fragments.front)
        for option in options:
            if command_of(entries[key]) != "smtpd" and option.name.startswith("smtpd_"):
                continue  # pickup(8) has no SMTP client.
            yield from _change(copy, "option", f"{key}/{option.name}", _value(copy, key, option))
        if choices.dkim == "after" and choices.door != "proxy" and service in _OURS_TO_SIGN:
            signing = Option("receive_override_options", "no_milters", "", "", adds=True)
            yield from _change(copy, "option", f"{key}/{signing.name}", _value(copy, key, signing))


def _merged(changes: Iterable[Change]) -> Iterator[Change]:
    """One change for each key: from what stood there first to what stands there last."""
    first_and_last: dict[str, Change] = {}
    for change in changes:
        earlier = first_and_last.get(change.key, change)
        first_and_last[change.key] = Change(change.target, change.key, earlier.before, change.after)
    yield from first_and_last.values()


def _value(copy: Postfix, key: str, option: Option) -> str:
    if not option.adds:
        return option.value
    present = copy.options().get(f"{key}/{option.name}", copy.effective().get(option.name, ""))
    words = present.replace(",", " ").split()
    return ",".join([*words, *([] if option.value in words else [option.value])])


def _change(copy: Postfix, target: Target, key: str, value: str) -> Iterator[Change]:
    before = copy.read(target, key)
    copy.write(target, key, value)
    after = copy.read(target, key)
    if after != before:
        yield Change(target, key, before, after)


def _refuse_what_is_taken(copy: Postfix, fragments: Fragments, keys: Sequence[str]) -> None:
    """What is not ours is not overwritten. Raises ConfigError."""
    problems = list(_taken(copy, fragments, keys))
    if problems:
        raise ConfigError(*problems)


def _taken(copy: Postfix, fragments: Fragments, keys: Sequence[str]) -> Iterator[str]:
    entries, options, effective = copy.entries(), copy.options(), copy.effective()
    for entry in fragments.entries:
        if entry.key in entries:
            yield f"master.cf has a service {entry.key} already, which lamsonproxy has not made; it is left as it is."
    for key in keys:
        for name in ("content_filter", "smtpd_proxy_filter"):
            present = options.get(f"{key}/{name}", effective.get(name, ""))
            if present:
                yield (
                    f"{key} has {name} = {present} already. A second filter behind or before it is a decision of yours:"
                    f" take it away, or chain the two by hand."
                )
