"""`make run`: the service with a small application, a sink in Postfix's place, and one mail while you watch.

    lamson send ──► lamson run (examples/stamp) ──► lamson sink

Law: every command is shown as it is run, so that all of it can be done again by hand. Whatever fails ends in one
sentence and exit status 1; no process outlives us.

Usage: demo.py [--once]     --once: leave when the first mail has arrived
"""

import os
import shlex
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
    with ExitStack() as running:
        say("A sink stands where Postfix's re-entry would be.")
        sink = running.enter_context(started("sink", f"--listen=127.0.0.1:{stage.sink}", str(stage.arrived)))
        await_(lambda: listens(stage.sink), sink, "the sink does not listen")
        say("The service runs the application in examples/stamp/stamp.py.")
        service = running.enter_context(started("run", "-c", str(stage.settings)))
        await_(lambda: is_ready(stage.pages), service, "the service does not become ready")
        say("One mail goes in where Postfix's content_filter would put it.")
        send(stage)
        await_(lambda: stamped_mail(stage) is not None, service, "no mail with the header has arrived")
        show(stage)
        if not once:
            say("Running until Ctrl-C.")
            await_(lambda: False, service, "the service has stopped", limit_s=float("inf"))


def set_up() -> Stage:
    """A fresh folder under var/, with the example's settings on ports that are free."""
    var = REPOSITORY / "var"
    var.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="demo-", dir=var))
    stage = Stage(folder, *(usual_or_free(port) for port in (10025, 10026, 9125)))
    text = (EXAMPLE / "lamson.toml").read_text()
    for usual, port in ((10025, stage.door), (10026, stage.sink), (9125, stage.pages)):
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
def started(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `lamson` command in the background; stopped as an operator would stop it."""
    process = subprocess.Popen(shown(*words), cwd=EXAMPLE)
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
    if subprocess.run(words, cwd=EXAMPLE, timeout=LIMIT_S).returncode != 0:
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
    print("  the application          examples/stamp/stamp.py")
    print(f"  the settings             {stage.settings.relative_to(REPOSITORY)}")
    print(f"  the numbers              http://127.0.0.1:{stage.pages}/metrics")
    print("  behind a real Postfix    docs/postfix.md")


def say(text: str) -> None:
    print(f"\n# {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
