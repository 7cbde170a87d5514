"""`make run`: the service with a small application, a sink in Postfix's place, and one mail while you watch.

    lamson send ──► lamson run (examples/stamp) ──► lamson sink

Law: every command is shown as it is run, so that all of it can be done again by hand. Whatever fails ends in one
sentence and exit status 1; Ctrl-C and SIGTERM stop the others too.

Usage: demo.py [--once]     --once: leave when the first mail has arrived
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLE = REPOSITORY / "examples" / "stamp"
LAMSON = Path(sys.executable).with_name("lamson")
STAMP = b"X-Checked-By: lamsonproxy"
USUAL_PORTS = (10025, 10026, 9125)
LIMIT_S = 60.0


class Failed(Exception):
    """The demonstration cannot go on; the text is for whoever watches."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it all happens."""

    folder: Path
    door: int
    sink: int
    pages: int

    @property
    def settings(self) -> Path:
        return self.folder / "lamson.toml"

    @property
    def arrived(self) -> Path:
        return self.folder / "sink"


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        play(once="--once" in arguments)
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
    return 0


def play(*, once: bool) -> None:
    """All of it, in order."""
    stage = set_up()
    say("A copy of examples/stamp is where all of this happens.")
    print(f"$ cd {stage.folder.relative_to(REPOSITORY)}")
    with ExitStack() as running:
        say("A sink stands where Postfix's re-entry would be.")
        sink = running.enter_context(started(stage, "sink", f"--listen=127.0.0.1:{stage.sink}", "sink"))
        await_(lambda: listens(stage.sink), sink, "the sink does not listen")
        say("The service runs the application in stamp.py.")
        service = running.enter_context(started(stage, "run", "-c", "lamson.toml"))
        await_(lambda: is_ready(stage.pages), service, "the service does not become ready")
        say("One mail goes in where Postfix's content_filter would put it.")
        send(stage)
        await_(lambda: stamped_mail(stage) is not None, service, "no mail with the header has arrived")
        show(stage)
        if not once:
            say("Running until Ctrl-C.")
            await_(lambda: False, service, "the service has stopped", limit_s=float("inf"))


def set_up() -> Stage:
    """A fresh folder under var/, with a copy of the example on ports that are free."""
    var = REPOSITORY / "var"
    var.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=var))
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    stage = Stage(folder, *(usual_or_free(port) for port in USUAL_PORTS))
    text = stage.settings.read_text()
    for usual, port in zip(USUAL_PORTS, (stage.door, stage.sink, stage.pages), strict=True):
        text = text.replace(str(usual), str(port))
    stage.settings.write_text(text)
    return stage


def usual_or_free(port: int) -> int:
    """The port itself where nobody listens on it, else one that the system picks."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(stage: Stage, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `lamson` command in the background; stopped as an operator would stop it."""
    # In a session of its own, Ctrl-C does not reach it before us.
    process = subprocess.Popen(shown(*words), cwd=stage.folder, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def send(stage: Stage) -> None:
    words = shown(
        "send",
        "--from=alice@example.com",
        "--to=bob@example.org",
        "--subject=Soup",
        "--body=Is there soup?",
        f"127.0.0.1:{stage.door}",
    )
    if subprocess.run(words, cwd=stage.folder, timeout=LIMIT_S).returncode != 0:
        raise Failed("the service did not take the mail")


def shown(*words: str) -> list[str | os.PathLike[str]]:
    """The whole command, after it was printed."""
    print(f"$ lamson {shlex.join(words)}", flush=True)
    return [LAMSON, *words]


def await_(
    is_so: Callable[[], bool], process: subprocess.Popen[bytes], otherwise: str, limit_s: float = LIMIT_S
) -> None:
    """Wait for something, while a process lives. Raises Failed."""
    end = time.monotonic() + limit_s
    while not is_so():
        if process.poll() is not None:
            raise Failed(f"{otherwise}: it left with exit status {process.returncode}")
        if time.monotonic() > end:
            raise Failed(f"{otherwise} within {limit_s:g} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_ready(pages: int) -> bool:
    connection = HTTPConnection("127.0.0.1", pages, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def stamped_mail(stage: Stage) -> Path | None:
    """The file of the mail that arrived with the example's header."""
    mails = (stage.arrived / "new").glob("*")
    return next((path for path in mails if STAMP in path.read_bytes()), None)


def show(stage: Stage) -> None:
    mail = stamped_mail(stage)
    assert mail is not None
    say(f"It has arrived, and {STAMP.decode()!r} is in it:")
    print(mail.read_text("utf-8", "replace"))
    say("Where to look next:")
    print(f"  the mail as it arrived   {mail.relative_to(REPOSITORY)}")
    print(f"  the application          {stage.folder.relative_to(REPOSITORY)}/stamp.py")
    print(f"  the settings             {stage.settings.relative_to(REPOSITORY)}")
    print(f"  the numbers              http://127.0.0.1:{stage.pages}/metrics")
    print("  behind a real Postfix    docs/postfix.md")


def say(text: str) -> None:
    print(f"\n# {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
