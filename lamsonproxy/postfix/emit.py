"""The fragments as files, each line under its reason: postfix-conf/, and `lamson postfix plan --emit DIR`.

    master.cf  main.cf       what to add, annotated
    postconf.sh              the same as commands
    docker-mailserver/       postfix-main.cf, postfix-master.cf and user-patches.sh, as that image takes them
    mailcow/                 extra.cf, and what to add to its master.cf

Law: nothing is said here that `doors/` does not say; the files are written anew each time.
"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from lamsonproxy.postfix.choices import DOORS, Choices, DoorKind
from lamsonproxy.postfix.doors import fragments
from lamsonproxy.postfix.fragments import Entry, Fragments, Option, Parameter

_KEYS = {
    "smtp": "smtp/inet",
    "submission": "submission/inet",
    "submissions": "submissions/inet",
    "pickup": "pickup/unix",
}
# Both images have postscreen(8) at port 25 and the smtpd behind it.
_KEYS_BEHIND_POSTSCREEN = _KEYS | {"smtp": "smtpd/pass"}


def emit_all(choices: Choices, folder: Path) -> list[Path]:
    """Write the files; their paths. Raises OSError."""
    paths = []
    for name, text in files(choices).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755 if path.suffix == ".sh" else 0o644)
        paths.append(path)
    return paths


EXAMPLE_DOMAINS = ("lists.example.org",)


def every_door() -> Mapping[str, str]:
    """postfix-conf/: the files of each door with its defaults, by their paths."""
    return {f"{door}/{name}": text for door in DOORS for name, text in files(example(door)).items()}


def example(door: DoorKind) -> Choices:
    """A door as postfix-conf/ and docs/postfix.md show it: in force, not on trial."""
    domains = EXAMPLE_DOMAINS if door == "transport" else ()
    return Choices(door=door, domains=domains, dkim="after" if door == "transport" else "none", trial=False)


def files(choices: Choices) -> Mapping[str, str]:
    """Every file by its name."""
    found = fragments(choices)
    return {
        "master.cf": _text(_master_cf(choices, found, _KEYS)),
        "main.cf": _text(_main_cf(choices, found)),
        "postconf.sh": _text(_script(choices, found)),
        "docker-mailserver/postfix-main.cf": _text(_plain_parameters(found)),
        "docker-mailserver/postfix-master.cf": _text(_overrides(choices, found)),
        "docker-mailserver/user-patches.sh": _text(_entry_commands(found)),
        "mailcow/extra.cf": _text(_plain_parameters(found)),
        "mailcow/master.cf": _text(_master_cf(choices, found, _KEYS_BEHIND_POSTSCREEN)),
    }


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _reason(why: str, source: str, indent: str = "") -> str:
    return f"{indent}# {why} [{source}]"


def _master_cf(choices: Choices, found: Fragments, keys: Mapping[str, str]) -> Iterator[str]:
    yield f"# master.cf for the door {choices.door} of lamsonproxy: add these services."
    for entry in found.entries:
        yield ""
        yield from annotated(entry)
    if found.front:
        for service in choices.services:
            yield ""
            yield f"# Last of all, below the entry {keys.get(service, service)} that is there already:"
            for option in _for_service(service, found.front):
                yield _reason(option.why, option.source, "#   ")
                yield f"#   -o {option}{' (added to what is there)' if option.adds else ''}"


def annotated(entry: Entry) -> Iterator[str]:
    """An entry of master.cf, each line under its reason; comments may stand between its lines (master(5))."""
    yield _reason(entry.why, entry.source)
    yield entry.columns
    for option in entry.options:
        yield _reason(option.why, option.source, "    ")
        yield f"    -o {option}"


def _main_cf(choices: Choices, found: Fragments) -> Iterator[str]:
    yield f"# main.cf for the door {choices.door} of lamsonproxy."
    for parameter in (*found.parameters, *found.routing):
        yield ""
        yield _reason(parameter.why, parameter.source)
        yield from _joining(parameter)
        yield f"{parameter.name} = {parameter.value}"
    if not found.parameters and not found.routing:
        yield "# Nothing: this door is turned on in master.cf alone."


def _joining(parameter: Parameter) -> Iterator[str]:
    if parameter.joins:
        yield f"# Keep what is there already: this goes {'in front of' if parameter.joins == 'front' else 'behind'} it."


def _script(choices: Choices, found: Fragments) -> Iterator[str]:
    yield "#!/bin/sh"
    yield f"# The door {choices.door} of lamsonproxy by postconf(1) alone: run it as root while the service is running;"
    yield "# `lamson postfix apply` does the same, with a backup, with probes and with a way back."
    yield "set -eu"
    yield ""
    yield from _entry_commands(found, shebang=False)
    for parameter in (*found.parameters, *found.routing):
        yield _command(parameter)
    yield "postfix reload"
    if found.front:
        yield ""
        yield "# The switch. Where a service has receive_override_options already, add to them by hand instead."
        for line in _front_values(choices, found, _KEYS):
            yield f"postconf -P {shlex.quote(line)}"
        yield "postfix reload"


def _command(parameter: Parameter) -> str:
    if not parameter.joins:
        return f"postconf -e {shlex.quote(f'{parameter.name} = {parameter.value}')}"
    present, ours = f"$(postconf -h {parameter.name})", parameter.value
    both = f"{ours}, {present}" if parameter.joins == "front" else f"{present}, {ours}"
    return f'postconf -e "{parameter.name} = {both}"'


def _entry_commands(found: Fragments, *, shebang: bool = True) -> Iterator[str]:
    if shebang:
        yield "#!/bin/bash"
        yield "# user-patches.sh: postfix-master.cf can change services, but make none."
    for entry in found.entries:
        yield f"postconf -M {shlex.quote(f'{entry.key}={entry.line}')}"


def _plain_parameters(found: Fragments) -> Iterator[str]:
    for parameter in (*found.parameters, *found.routing):
        yield _reason(parameter.why, parameter.source)
        yield from _joining(parameter)
        yield f"{parameter.name} = {parameter.value}"


def _overrides(choices: Choices, found: Fragments) -> Iterator[str]:
    yield "# Each line goes through `postconf -P`; a reason for each is in ../master.cf."
    yield from _front_values(choices, found, _KEYS_BEHIND_POSTSCREEN)


def _front_values(choices: Choices, found: Fragments, keys: Mapping[str, str]) -> Iterator[str]:
    for service in choices.services if found.front else ():
        for option in _for_service(service, found.front):
            yield f"{keys.get(service, service)}/{option}"


def _for_service(service: str, options: tuple[Option, ...]) -> Iterator[Option]:
    return (option for option in options if service != "pickup" or not option.name.startswith("smtpd_"))
