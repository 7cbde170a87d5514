"""`lamson postfix plan`: what would change, as a diff of `postconf -n` and of `postconf -M`.

Law: nothing is touched; the changes are made to a copy of the configuration directory.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lamsonproxy.postfix.changes import Change, Stage, stages
from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.doors import fragments
from lamsonproxy.postfix.postconf import Postfix, Shown


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages in order, and the configuration before and after all of them."""

    stages: Sequence[Stage]
    before: Shown
    after: Shown

    @property
    def diff(self) -> str:
        return diff_of(self.before, self.after)

    @property
    def is_empty(self) -> bool:
        return not any(self.stages)


def make(postfix: Postfix, choices: Choices) -> Plan:
    """The plan for a configuration that holds nothing of ours. Raises ConfigError, PostfixError."""
    found = stages(postfix, choices, fragments(choices))
    return Plan(found, *_before_and_after(postfix, [change for stage in found for change in stage]))


def _before_and_after(postfix: Postfix, changes: Iterable[Change]) -> tuple[Shown, Shown]:
    with postfix.copied() as copy:
        before = copy.shown()
        for change in changes:
            copy.write(change.target, change.key, change.after)
        return before, copy.shown()


def undone(postfix: Postfix, changes: Sequence[Change]) -> Plan:
    """The plan that takes changes back."""
    back = [Change(c.target, c.key, c.after, c.before) for c in reversed(changes) if not c.is_undone(postfix)]
    return Plan([back], *_before_and_after(postfix, back))


def diff_of(before: Shown, after: Shown) -> str:
    """Unified, main.cf first; "" when nothing differs."""
    return "".join(
        f"{line}\n"
        for name, old, new in (
            ("postconf -n", before.main, after.main),
            ("postconf -M", _unfolded(before.master), _unfolded(after.master)),
        )
        for line in difflib.unified_diff(
            old.splitlines(), new.splitlines(), f"{name} (now)", f"{name} (then)", "", "", 1, ""
        )
    )


def _unfolded(master: str) -> str:
    # One option a line, as `postconf -Mf` shows them: a diff of lines of 900 columns tells nothing.
    return master.replace(" -o ", "\n    -o ")
