"""`lamson postfix apply`: the re-entry and its probe, the way to the service and the probe of the chain, the switch.

Law: after each stage everything works that worked before, and mail takes the new way only when a probe has taken it.
Whatever fails, an interrupted command included, puts back what stood there before and says why in a sentence.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lamsonproxy.errors import ConfigError, LamsonError
from lamsonproxy.postfix import ledger, plan
from lamsonproxy.postfix.changes import Change, new_entry
from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import TRANSPORT
from lamsonproxy.postfix.ledger import Ledger
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.plan import Plan
from lamsonproxy.postfix.postconf import Postfix, Shown
from lamsonproxy.postfix.probing import check_folder, probe_chain, probe_entry, probe_reentry

Tell = Callable[[str], None]


class ApplyFailed(LamsonError):
    """The configuration is as it was before; the text says what failed."""


class ChangedSince(LamsonError):
    """Somebody has changed what we wrote; the text is a sentence and a diff."""


def refuse_other(record: Ledger, choices: Choices) -> None:
    """Be sure that what is in force is what is wanted. Raises ConfigError."""
    if not record.is_complete:
        raise ConfigError(
            f"An apply of {record.applied_at} was broken off in the middle: `lamson postfix rollback` takes it back."
        )
    if replace(choices, trial=record.choices.trial) != record.choices:
        raise ConfigError(
            f"The door {record.choices.door} at {record.choices.listen} is in force since {record.applied_at},"
            " with other choices than these: `lamson postfix rollback` first."
        )


def check_unchanged(postfix: Postfix, record: Ledger) -> None:
    """Be sure that what we wrote stands as we wrote it, or as it stood before. Raises ChangedSince."""
    foreign = [c for c in record.changes if not c.is_in_force(postfix) and not c.is_undone(postfix)]
    if foreign:
        diff = plan.diff_of(
            _listed(foreign, [c.after for c in foreign]), _listed(foreign, _present(postfix, foreign))
        )
        raise ChangedSince(
            f"Somebody has changed what lamsonproxy wrote at {record.applied_at}; nothing was touched."
            f" Put these lines back as they were then, or undo all by hand;"
            f" the files of before are in {record.backup}.\n{diff}"
        )


def _present(postfix: Postfix, changes: Sequence[Change]) -> list[str | None]:
    return [postfix.read(change.target, change.key) for change in changes]


def _listed(changes: Sequence[Change], values: Sequence[str | None]) -> Shown:
    lines = {"parameter": "", "entry": "", "option": ""}
    for change, value in zip(changes, values, strict=True):
        shown = value if change.target == "entry" else f"{change.key} = {value}"
        lines[change.target] += f"{shown}\n" if value is not None else ""
    return Shown(lines["parameter"], lines["entry"] + lines["option"])


@dataclass
class Applying:
    """One apply. `quarantine` is where the service keeps its mail: there it looks for probes that are awaited."""

    postfix: Postfix
    choices: Choices
    quarantine: Path
    tell: Tell
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def run(self, planned: Plan) -> None:
        """All stages. Raises ApplyFailed with everything undone; ConfigError, ProbeFailed with nothing begun."""
        check_folder(self.quarantine)
        now = self.now()
        backup = ledger.back_up(self.postfix, self.postfix.shown(), now)
        self._record = Ledger(self.choices, now.isoformat(timespec="seconds"), backup)
        self.tell(f"The files of before are kept in {backup}.")
        try:
            self._run_stages(planned)
        except BaseException as error:
            trouble = self._take_back()
            if isinstance(error, LamsonError | OSError):
                raise ApplyFailed(f"{error}\n{trouble}") from error
            self.tell(trouble)
            raise

    def _run_stages(self, planned: Plan) -> None:
        domain = self.postfix.effective()["myhostname"]
        reentry, way, switch = planned.stages
        self._write(reentry)
        self.postfix.reload()
        probe_reentry(self.choices.reentry, domain)
        self.tell(f"The re-entry at {self.choices.reentry} answers.")
        self._write(way)
        self._probe_chain(domain)
        self.tell(f"A probe went through Postfix to the service at {self.choices.listen}, which consumed it.")
        self._write(switch)
        self.postfix.reload()
        self._record = replace(self._record, is_complete=True)
        ledger.write(self.postfix, self._record)

    def _probe_chain(self, domain: str) -> None:
        entry = probe_entry(self.choices)
        temporary = [new_entry(self.postfix, entry)]
        self._write(temporary)
        try:
            self.postfix.reload()
            probe_chain(self.postfix, Place.parse(entry.name), self.choices, self.quarantine, domain)
        finally:
            self.postfix.write("entry", entry.key, None)
        self._record = self._record.without_changes(temporary)

    def _write(self, changes: Sequence[Change]) -> None:
        self._record = self._record.with_changes(changes)
        ledger.write(self.postfix, self._record)
        for change in changes:
            self.postfix.write(change.target, change.key, change.after)

    def _take_back(self) -> str:
        """Undo what was written; a sentence about how that went."""
        try:
            take_back(self.postfix, self._record.changes)
            ledger.forget(self.postfix)
            self.postfix.reload()
        except (LamsonError, OSError) as error:
            return (
                f"Taking it back failed too: {error}. `lamson postfix rollback` tries again;"
                f" the files of before are in {self._record.backup}."
            )
        return "Everything was taken back: the configuration of before is in force."


def take_back(postfix: Postfix, changes: Sequence[Change]) -> None:
    """Put back what stood there, the last change first. Raises PostfixError."""
    for change in reversed(changes):
        if not change.is_undone(postfix):
            postfix.write(change.target, change.key, change.before)


def end_trial(postfix: Postfix, record: Ledger) -> Ledger:
    """Refusals count from now on: soft_bounce goes. Raises PostfixError, OSError."""
    key = f"{TRANSPORT}/unix"
    if postfix.read("option", f"{key}/soft_bounce") is not None:
        postfix.write("option", f"{key}/soft_bounce", None)
        postfix.reload()
    after = postfix.read("entry", key)
    changes = tuple(
        replace(c, after=after) if (c.target, c.key) == ("entry", key) else c for c in record.changes
    )
    ended = replace(record, choices=replace(record.choices, trial=False), changes=changes)
    ledger.write(postfix, ended)
    return ended
