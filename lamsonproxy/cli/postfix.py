"""`lamson postfix plan|apply|rollback|doctor`: what was asked for made into choices, and what came of it into words."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

import typer

from lamsonproxy.cli.place import settled_at
from lamsonproxy.config import Door, Settings
from lamsonproxy.errors import ConfigError
from lamsonproxy.postfix import ledger, plan
from lamsonproxy.postfix.apply import Applying, check_unchanged, end_trial, refuse_other
from lamsonproxy.postfix.choices import DKIM, DOORS, Choices, Dkim, DoorKind, contradictions
from lamsonproxy.postfix.doctor import examine, has_errors
from lamsonproxy.postfix.facts import Facts, ServiceDoor, ServiceSide
from lamsonproxy.postfix.ledger import Ledger
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.postconf import Postfix, default_folder
from lamsonproxy.postfix.rollback import roll_back, waiting

_MEANING = {
    "submission": "submission: your users' mail passes the application too, and so does what they send outside.",
    "submissions": "submissions: your users' mail passes the application too, and so does what they send outside.",
    "pickup": "pickup: mail of this machine's own programs passes too (cron, bounces of mailing lists, sendmail(1)).",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of the command line; "" and () are what was not said."""

    door: str = ""
    listen: str = ""
    reentry: str = ""
    domains: tuple[str, ...] = ()
    dkim: str = ""
    services: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """Questions to the operator; with --yes each is answered with its default."""

    yes: bool

    def confirms(self, question: str) -> bool:
        return self.yes or typer.confirm(question, default=True)

    def dkim(self, default: Dkim) -> Dkim:
        """Where outgoing mail is DKIM-signed."""
        if self.yes:
            return default
        return _one_of(
            DKIM,
            "--dkim",
            typer.prompt(
                "Where is DKIM signing done: before the application sees the mail, after it, or nowhere (none)?",
                default=default,
            ),
        )


def show_plan(
    config: Path | None, folder: Path | None, wishes: Wishes, emit: Path | None, asking: Asking
) -> None:
    """Print what would change, or write it to files. Raises ConfigError, PostfixError."""
    settings = settled_at(config)()
    if emit is not None:
        from lamsonproxy.postfix.emit import emit_all

        choices = chosen(settings, wishes, None, lambda: _one_of(DKIM, "--dkim", wishes.dkim or "none"))
        for path in emit_all(choices, emit):
            print(path)
        return
    postfix, record = _opened(folder)
    choices = chosen(settings, wishes, record, lambda: asking.dkim(_dkim_default(postfix, wishes)))
    if record is not None:
        refuse_other(record, choices)
        check_unchanged(postfix, record)
        print(_in_force(record))
        return
    _print_plan(plan.make(postfix, choices), choices)


def run_apply(
    config: Path | None, folder: Path | None, wishes: Wishes, asking: Asking, *, final: bool
) -> None:
    """Do it. Raises ConfigError, PostfixError, ProbeFailed, ApplyFailed, ChangedSince."""
    settings = settled_at(config)()
    postfix, record = _opened(folder)
    _must_be_root()
    choices = chosen(settings, wishes, record, lambda: asking.dkim(_dkim_default(postfix, wishes)))
    if record is None:
        if final:
            raise ConfigError("There is no trial to end: nothing of lamsonproxy's is in force.")
        _begin(postfix, settings, choices, asking)
        return
    refuse_other(record, choices)
    if final and record.choices.trial and choices.door != "proxy":
        end_trial(postfix, record)
        print("The trial is over: refusals count from now on (soft_bounce is off on our transport).")
        return
    check_unchanged(postfix, record)
    print(_in_force(record))


def run_rollback(folder: Path | None, asking: Asking) -> None:
    """Undo it. Raises ConfigError, PostfixError, ChangedSince."""
    postfix, record = _opened(folder)
    _must_be_root()
    if record is None:
        print("There is nothing to take back: nothing of lamsonproxy's is in force.")
        return
    check_unchanged(postfix, record)
    print(plan.undone(postfix, record.changes).diff, end="")
    if not asking.confirms("Take this back?"):
        raise typer.Exit(1)
    roll_back(postfix, record)
    print("The configuration of before is in force.")
    number = waiting(postfix, record)
    if number and asking.confirms(
        f"Requeue the {number} mails that wait, so that they forget the filter (held ones stay)?"
    ):
        print(postfix.requeue_all().strip())
        postfix.reload()


def show_doctor(config: Path | None, folder: Path | None, *, as_json: bool, offline: bool) -> int:
    """Print what doctor found; the exit status. Raises ConfigError, PostfixError."""
    settings = settled_at(config)()
    postfix, record = _opened(folder)
    findings = examine(Facts.read(postfix, service_side(settings), record), offline=offline)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{finding.level:<7}  {finding.check}: {finding.sentence}")
            if finding.mend:
                print(f"{'':<9}mend: {finding.mend}")
    return int(has_errors(findings))


def service_side(settings: Settings) -> ServiceSide:
    """The settings, as far as Postfix is concerned."""
    limits, relay = settings.limits, settings.relay
    return ServiceSide(
        doors=tuple(map(_service_door, settings.door)),
        relay=Place(relay.host, relay.port),
        hostname=settings.hostname,
        workers=settings.workers,
        sessions=limits.sessions,
        connections=relay.connections,
        relay_idle_s=relay.idle_s,
        in_flight_bytes=limits.in_flight_bytes,
        recipients=limits.recipients,
    )


def _service_door(door: Door) -> ServiceDoor:
    return ServiceDoor(
        name=door.name,
        kind=door.kind,
        listen=Place.parse(str(door.listen)),
        deadline_s=door.deadline_s,
        size_limit=door.size_limit,
        idle_timeout_s=door.idle_timeout_s,
        unmatched=door.unmatched,
        trusts_loopback=any(network.is_loopback or network.num_addresses > 2**31 for network in door.trust),
        rcpt_timeout_s=door.rcpt_timeout_s,
        domains=tuple(door.domains),
        speed_adjust=door.speed_adjust,
    )


def chosen(settings: Settings, wishes: Wishes, record: Ledger | None, dkim: Callable[[], Dkim]) -> Choices:
    """What was said, then what is in force, then what lamson.toml says. Raises ConfigError."""
    earlier = record.choices if record else None
    first = str(settings.door[0].kind)
    kind = _one_of(DOORS, "--door", wishes.door or (earlier.door if earlier else first))
    same = earlier if earlier and earlier.door == kind else None
    door = _door_for(kind, settings, wishes.listen)
    if door is None and not wishes.listen:
        raise ConfigError(
            f"lamson.toml has no door of the kind that --door {kind} needs; add one, or say --listen."
        )
    choices = Choices(
        door=kind,
        listen=_place("--listen", wishes.listen or str(door.listen if door else "")),
        reentry=_place("--reentry", wishes.reentry or str(Place(settings.relay.host, settings.relay.port))),
        domains=wishes.domains or (same.domains if same else _domains_of(kind, door)),
        services=wishes.services or (same.services if same else ("smtp",)),
        peers=wishes.peers or (same.peers if same else ()),
        speed_adjust=door is not None and door.speed_adjust,
        trial=kind != "proxy",
    )
    problems = list(contradictions(replace(choices, dkim=_one_of(DKIM, "--dkim", wishes.dkim or "none"))))
    if problems:
        raise ConfigError(*problems)
    said = _one_of(DKIM, "--dkim", wishes.dkim) if wishes.dkim else (same.dkim if same else dkim())
    return replace(choices, dkim=said)


def _door_for(kind: DoorKind, settings: Settings, listen: str) -> Door | None:
    """The door of lamson.toml: the one that listens there; transport leads to an lmtp door that names its domains."""
    doors = [door for door in settings.door if door.kind == ("lmtp" if kind == "transport" else kind)]
    doors.sort(key=lambda door: bool(door.domains), reverse=kind == "transport")
    doors.sort(key=lambda door: str(door.listen) != listen)
    return doors[0] if doors else None


def _domains_of(kind: DoorKind, door: Door | None) -> tuple[str, ...]:
    return tuple(door.domains) if door and kind == "transport" else ()


def _begin(postfix: Postfix, settings: Settings, choices: Choices, asking: Asking) -> None:
    planned = plan.make(postfix, choices)
    _print_plan(planned, choices)
    if not postfix.is_running():
        raise ConfigError(
            "Postfix is not running, so nothing can be probed: `postfix start` first. Nothing was touched."
        )
    if not asking.confirms("Apply this?"):
        raise typer.Exit(1)
    for number in signal.SIGTERM, signal.SIGHUP:
        # As for Ctrl-C: what was begun is taken back, above all when the connection to the machine breaks.
        signal.signal(number, signal.default_int_handler)
    Applying(postfix, choices, settings.quarantine.path, print).run(planned)
    print(f"The door {choices.door} is in force. `lamson postfix rollback` takes it back.")
    if choices.trial:
        print(
            "It is on trial: refusals are deferrals (soft_bounce). `lamson postfix apply --final` ends the trial."
        )


def _print_plan(planned: plan.Plan, choices: Choices) -> None:
    print(planned.diff, end="")
    for service in choices.services:
        if choices.door != "transport" and service in _MEANING:
            print(_MEANING[service])
    if choices.dkim == "after" and "smtp" in choices.services and choices.door != "transport":
        print(
            "--dkim after: mail from outside passes the milters at the re-entry as well, from 127.0.0.1. A signer that"
            " trusts that address would sign forged mail of your domains: let it sign by the client's name or by"
            " authentication, or hand over --services submission,submissions alone."
        )


def _in_force(record: Ledger) -> str:
    choices = record.choices
    trial = " It is on trial: `lamson postfix apply --final` ends it." if choices.trial else ""
    head = f"Nothing to change: the door {choices.door} at {choices.listen} is in force since {record.applied_at}."
    return head + trial


def _opened(folder: Path | None) -> tuple[Postfix, Ledger | None]:
    postfix = Postfix(folder.absolute() if folder else default_folder())
    postfix.check()
    return postfix, ledger.read(postfix)


def _must_be_root() -> None:
    if os.geteuid() != 0:
        raise ConfigError("Only root may change Postfix's configuration and reload it. Nothing was touched.")


def _dkim_default(postfix: Postfix, wishes: Wishes) -> Dkim:
    effective = postfix.effective()
    if not effective.get("smtpd_milters") and not effective.get("non_smtpd_milters"):
        return "none"
    return "after" if wishes.door in ("proxy", "transport") else "before"


def _place(option: str, text: str) -> Place:
    try:
        return Place.parse(text)
    except ValueError as error:
        raise ConfigError(f"{option} {text} {error}.") from None


_Word = TypeVar("_Word", bound=str)


def _one_of(those: tuple[_Word, ...], option: str, said: str) -> _Word:
    if said not in those:
        raise ConfigError(f"{option} {said}: there are {', '.join(those)}.")
    return next(word for word in those if word == said)
