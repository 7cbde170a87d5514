"""The compose stack under test: started under a name and on ports of its own, asked, hurt, and taken down.

Law: only what an operator can do is done here: `docker compose`, `docker`, SMTP and HTTP. Every command that changes
something is printed before it is run, and nothing stays behind but the images.

COMPOSE names the command, such as "docker-compose" (1.29); without it the first one that answers is taken.
"""

import io
import json
import os
import re
import shlex
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

from integration.children import free_ports, poll

REPOSITORY = Path(__file__).parents[2]
UP_LIMIT_S = 900.0
"""Above the time that fetching the images takes on a slow line."""
HEALTHY_LIMIT_S = 120.0
COMMAND_LIMIT_S = 120.0

_COMPOSE = (("docker", "compose"), ("docker-compose",))
_KEPT = re.compile(rb"X-Lamson-Kept: (\{.*\})\r?\n")


class Unavailable(Exception):
    """There is no Docker that the tests could use; the text says why."""


def compose_command() -> tuple[str, ...]:
    """The command that reads docker-compose.yml, with a Docker that answers. Raises Unavailable."""
    if not _answers("docker", "info"):
        raise Unavailable("there is no Docker that answers `docker info`")
    chosen = shlex.split(os.environ.get("COMPOSE", ""))
    for words in (tuple(chosen),) if chosen else _COMPOSE:
        if _answers(*words, "version"):
            return words
    raise Unavailable(f"there is no {' '.join(chosen) or 'docker compose, and no docker-compose'}")


def _answers(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, timeout=COMMAND_LIMIT_S).returncode == 0
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail at the sink."""

    recipients: tuple[str, ...]
    content: bytes


class Stack:
    """One stack, started on entering and gone after leaving."""

    def __init__(self, compose: tuple[str, ...]) -> None:
        self.smtp, self.smtp_to_lmtp, self.smtp_to_proxy, self._prometheus = free_ports(4)
        self._compose = (*compose, "-p", f"lamsonproxy-test-{os.getpid()}")

    def __enter__(self) -> Self:
        try:
            self._do("up", "-d", "--build", limit_s=UP_LIMIT_S)
            poll("all containers are healthy", self._is_healthy, HEALTHY_LIMIT_S, every_s=0.5)
        except BaseException:
            say(self._ask("logs", "--tail=40"))
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._do("down", "--volumes", "--timeout", "5")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, those that were stopped included."""
        return self._ask("ps", "-a", "-q", service).split()

    def run(self, service: str, *words: str) -> str:
        """What a command says in the first container of a service."""
        return docker("exec", self.containers(service)[0], *words)

    def arrived(self) -> list[Arrived]:
        """The mail at the sink."""
        archive = _bytes_of(
            "docker", "cp", f"{self.containers('sink')[0]}:/var/lib/lamsonproxy/sink/new", "-"
        )
        return list(_mails(archive))

    def numbers(self, query: str) -> list[float]:
        """What Prometheus knows, by its HTTP API: a value for each series that the query gives."""
        where = f"http://127.0.0.1:{self._prometheus}/api/v1/query?{urlencode({'query': query})}"
        with urlopen(where, timeout=10) as answer:
            return [float(series["value"][1]) for series in json.load(answer)["data"]["result"]]

    def queue(self) -> list[dict[str, Any]]:
        """The mails in Postfix's queue, after a hint that now is a good time for those that were deferred."""
        self.run("postfix", "postqueue", "-f")
        return [json.loads(line) for line in self.run("postfix", "postqueue", "-j").splitlines()]

    def wait_until_delivered(self, limit_s: float = 120) -> None:
        """Wait until Postfix has nothing left. Raises TimeoutError with the end of the logs."""
        try:
            poll("Postfix's queue is empty", lambda: not self.queue(), limit_s, every_s=1)
        except TimeoutError as error:
            error.add_note(self._ask("logs", "--tail=40"))
            raise

    def _is_healthy(self) -> bool:
        every = self._ask("ps", "-q").split()
        states = docker("inspect", "--format", "{{.State.Health.Status}}", *every).split()
        return set(states) == {"healthy"}

    def _do(self, *words: str, limit_s: float = COMMAND_LIMIT_S) -> None:
        say(f"$ {shlex.join((*self._compose, *words))}")
        self._run(*words, limit_s=limit_s)

    def _ask(self, *words: str) -> str:
        return self._run(*words, limit_s=COMMAND_LIMIT_S)

    def _run(self, *words: str, limit_s: float) -> str:
        ports = {
            "SMTP_PORT": str(self.smtp),
            "LMTP_SMTP_PORT": str(self.smtp_to_lmtp),
            "PROXY_SMTP_PORT": str(self.smtp_to_proxy),
            "PROMETHEUS_PORT": str(self._prometheus),
        }
        return _bytes_of(*self._compose, *words, limit_s=limit_s, **ports).decode("utf-8", "replace")


def say(text: str) -> None:
    print(text, flush=True)


def docker(*words: str, limit_s: float = COMMAND_LIMIT_S) -> str:
    """What a docker command says. Raises RuntimeError with what it complains about."""
    return _bytes_of("docker", *words, limit_s=limit_s).decode("utf-8", "replace")


def _bytes_of(*words: str, limit_s: float = COMMAND_LIMIT_S, **environment: str) -> bytes:
    done = subprocess.run(
        words, cwd=REPOSITORY, env=os.environ | environment, capture_output=True, timeout=limit_s
    )
    if done.returncode != 0:
        said = (done.stdout[-2000:] + done.stderr[-2000:]).decode("utf-8", "replace")
        raise RuntimeError(f"{shlex.join(words)}: exit status {done.returncode}\n{said}")
    return done.stdout


def _mails(archive: bytes) -> Iterator[Arrived]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as folder:
        for entry in folder:
            if (file := folder.extractfile(entry)) is not None:
                yield _mail(file.read())


def _mail(letter: bytes) -> Arrived:
    kept = _KEPT.match(letter)
    assert kept, letter[:200]
    envelope = json.loads(kept[1])["envelope"]
    return Arrived(tuple(address for address, _ in envelope["recipients"]), letter[kept.end() :])
