"""A place where workers begin at once: everything is imported, and a worker is a fork.

    python -m integration.crashes.nursery lamson.toml

    in    before-commit      start a worker that dies there, or `-` for one that does not
    out   {"ready": true}    when its doors are open, or when it has ended before
    out   {"ended": -9}      its exit status, as the subprocess module has them

Law: the worker itself is the service's own, on the channel that a supervisor would have made. Only starting a Python
for each of sixty deaths is saved.
"""

import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lamsonproxy.app.application import find_app
from lamsonproxy.cli.place import settled_at
from lamsonproxy.config import Settings
from lamsonproxy.crash import AT
from lamsonproxy.service.serving import serve
from lamsonproxy.workers.channel import Assignment, written
from lamsonproxy.workers.child import work
from lamsonproxy.workers.listeners import Listeners


def main(config: Path) -> None:
    settings = settled_at(config)()
    find_app(settings.app).load()
    doors = Listeners().changed({door.name: door.listen for door in settings.door}).sockets
    for line in sys.stdin:
        _live(settings, doors, line.strip())


def _live(settings: Settings, doors: Mapping[str, socket.socket], point: str) -> None:
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory() as folder, ours:
        sockets = {name: door.fileno() for name, door in doors.items()}
        ours.sendall(written(Assignment(0, 0, settings.model_dump(mode="json"), sockets, folder)))
        pid = os.fork()
        if pid == 0:
            ours.close()
            _be_worker(theirs, point)
        theirs.close()
        _say(ready=_is_ready(ours))
        _, status = os.waitpid(pid, 0)
        _say(ended=os.waitstatus_to_exitcode(status), pid=pid)


def _be_worker(channel: socket.socket, point: str) -> None:
    os.environ[AT] = point.removeprefix("-")
    status = 1
    try:
        status = work(channel, serve)
    finally:
        # Not exit: what is open in the parent is none of ours to close.
        os._exit(status)


def _is_ready(channel: socket.socket) -> bool:
    with channel.makefile("rb") as lines:
        return any(json.loads(line).get("event") == "ready" for line in lines)


def _say(**words: object) -> None:
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
