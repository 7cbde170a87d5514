"""postconf(1) and its kin: the only hands that touch Postfix's configuration.

Law: nothing here edits text. Reading is `postconf -n`, `-M`, `-P`; writing is `-e`, `-X`, `-M`, `-MX`, `-P`, `-PX`. A
question about what would happen is answered on a copy of the configuration directory.

postconf(1), postfix(1), postsuper(1), postqueue(1).
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lamsonproxy.errors import ConfigError, LamsonError

COMMAND_S = 120
"""Seconds for one command; `postsuper -r` reads the whole queue."""

Target = Literal["parameter", "entry", "option"]

_OPTION = re.compile(r"(?P<key>\S+/(?:inet|unix|unix-dgram|fifo|pass)/\S+) = ?(?P<value>.*)")
_SBIN = "/usr/sbin:/sbin:/usr/local/sbin"


class PostfixError(LamsonError):
    """A command of Postfix's failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A configuration as `postconf -n` and `postconf -M` show it."""

    main: str
    master: str


class Postfix:
    """One instance, by its configuration directory."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._environment = dict(os.environ if environment is None else environment)
        # root's PATH may lack them, above all under sudo and cron.
        self._environment["PATH"] = f"{self._environment.get('PATH', '')}:{_SBIN}"

    def check(self) -> None:
        """Be sure that there is something to work with. Raises ConfigError with a sentence."""
        if shutil.which("postconf", path=self._environment["PATH"]) is None:
            raise ConfigError(
                "postconf is not found: this is no machine with Postfix (--emit DIR writes files for one)."
            )
        for name in ("main.cf", "master.cf"):
            if not (self.folder / name).is_file():
                raise ConfigError(
                    f"{self.folder} has no {name}: give Postfix's configuration directory with --config-dir."
                )

    def shown(self) -> Shown:
        return Shown(self._postconf("-n"), self._postconf("-M"))

    def version(self) -> tuple[int, ...]:
        """Such as (3, 7, 11)."""
        words = self._postconf("-d", "-h", "mail_version").strip().split("-")[0].split(".")
        return tuple(int(word) for word in words if word.isdecimal())

    def explicit(self) -> dict[str, str]:
        """What main.cf says."""
        return _parameters(self._postconf("-n"))

    def effective(self) -> dict[str, str]:
        """Every parameter, defaults included, `$name` expanded."""
        return _parameters(self._postconf("-x"))

    def entries(self) -> dict[str, str]:
        """The services of master.cf: `name/type` and the whole line."""
        lines = self._postconf("-M").splitlines()
        return {"/".join(line.split()[:2]): line for line in lines if line.strip()}

    def options(self) -> dict[str, str]:
        """The `-o` of master.cf: `name/type/parameter` and the value."""
        matches = map(_OPTION.fullmatch, self._postconf("-P").splitlines())
        return {match["key"]: match["value"] for match in matches if match}

    def knows(self, parameter: str) -> bool:
        """Whether this version has such a parameter."""
        return bool(self._postconf("-d", parameter).strip())

    def read(self, target: Target, key: str) -> str | None:
        """What stands there; None when nothing does."""
        match target:
            case "parameter":
                return self.explicit().get(key)
            case "entry":
                return self.entries().get(key)
            case "option":
                return self.options().get(key)

    def write(self, target: Target, key: str, value: str | None) -> None:
        """Set it; None takes it away. Raises PostfixError."""
        match target, value:
            case "parameter", None:
                self._postconf("-X", key)
            case "parameter", _:
                self._postconf("-e", f"{key}={value}")
            case "entry", None:
                self._postconf("-MX", key)
            case "entry", _:
                self._postconf("-M", f"{key}={value}")
            case "option", None:
                self._postconf("-PX", key)
            case "option", _:
                self._postconf("-P", f"{key}={value}")

    @contextmanager
    def copied(self) -> Iterator["Postfix"]:
        """A copy that nobody uses: for questions. Gone when the context is left."""
        with tempfile.TemporaryDirectory(prefix="lamsonproxy-postfix-") as folder:
            for name in ("main.cf", "master.cf", "dynamicmaps.cf"):
                if (self.folder / name).is_file():
                    shutil.copy(self.folder / name, folder)
            yield _Copy(Path(folder), self._environment)

    def reload(self) -> None:
        """Have master(8) read its configuration. Raises PostfixError when it is not running."""
        self._run("postfix", "reload")

    def is_running(self) -> bool:
        try:
            self._run("postfix", "status")
        except PostfixError:
            return False
        return True

    def queue(self) -> list[dict[str, Any]]:
        """The mails in the queue."""
        return [json.loads(line) for line in self._run("postqueue", "-j").splitlines()]

    def requeue_all(self) -> str:
        """Have all mail but the held one pass cleanup(8) again, which forgets its filter (FILTER_README)."""
        return self._run("postsuper", "-r", "ALL", "incoming", "active", "deferred", says=True)

    def delete(self, queue_id: str) -> None:
        self._run("postsuper", "-d", queue_id)

    def _postconf(self, *arguments: str) -> str:
        return self._run("postconf", *arguments)

    def _run(self, command: str, *arguments: str, says: bool = False) -> str:
        words = [command, "-c", str(self.folder), *arguments]
        try:
            done = subprocess.run(
                words,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=COMMAND_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PostfixError(f"{' '.join(words)}: {error}") from error
        fatal = [line for line in done.stderr.splitlines() if "fatal:" in line]
        if done.returncode != 0 or fatal:
            raise PostfixError(
                f"{' '.join(words)}: {' '.join(fatal) or done.stderr.strip() or done.returncode}"
            )
        return done.stderr if says else done.stdout


class _Copy(Postfix):
    """A copy of a configuration directory."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        super().__init__(folder, environment)
        self._grow_old()

    def write(self, target: Target, key: str, value: str | None) -> None:
        super().write(target, key, value)
        self._grow_old()

    def _grow_old(self) -> None:
        # Who reads a main.cf that was written just now waits for its author to be done (dict_load_file_xp); here it is
        # nobody else.
        os.utime(self.folder / "main.cf", (0, 0))


def default_folder() -> Path:
    """Where this machine's Postfix has its configuration."""
    try:
        path = f"{os.environ.get('PATH', '')}:{_SBIN}"
        done = subprocess.run(
            [shutil.which("postconf", path=path) or "postconf", "-d", "-h", "config_directory"],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Path("/etc/postfix")
    return Path(done.stdout.strip() or "/etc/postfix")


def _parameters(text: str) -> dict[str, str]:
    pairs = (line.partition(" =") for line in text.splitlines())
    return {name: value.removeprefix(" ") for name, separator, value in pairs if separator}
