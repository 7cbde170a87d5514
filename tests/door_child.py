"""A door in a process of its own, under limits of the kernel: what a stopwatch would only guess, the kernel knows.

    with door_child(budget=2**26, cpu_s=3) as child:
        ...  # child.port
        assert child.figures()["peak"] < ...

Run as a program it prints its port as a line of JSON, then the figures for each line that it reads, and leaves at the
end of its input. A desk takes every mail and keeps none; in `hold` mode it answers when it is told to.
"""

import asyncio
import gc
import ipaddress
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.dialogue import Rules
from lamsonproxy.doors.door import Door, DoorSettings
from lamsonproxy.doors.smtp import SmtpDoor
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from tests.doubles import TAKEN, RecordingLog

MIB = 2**20


@dataclass
class Child:
    """The parent's end."""

    process: subprocess.Popen[str]
    port: int

    def figures(self) -> dict[str, Any]:
        """`peak` and `cpu` of the process so far, `sessions`, `used` octets of the budget, `mails`, `reasons`."""
        return self.ask("figures")

    def ask(self, word: str) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the door is dead: {self.process.wait(10)}"
        told: dict[str, Any] = json.loads(answer)
        return told


@contextmanager
def door_child(**limits: Any) -> Iterator[Child]:
    """`budget`, `sessions`, `size_limit`, `hold`; and of the kernel: `nofile`, `cpu_s`, `address_space`."""
    command = [sys.executable, "-m", "tests.door_child", json.dumps(limits)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        try:
            yield Child(process, json.loads(process.stdout.readline())["port"])
            process.stdin.close()
            assert process.wait(10) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


# -- the program ---------------------------------------------------------------------------------------------


class HoldingDesk:
    """Takes every mail, keeps none; holds them while it is told to."""

    def __init__(self, hold: bool) -> None:
        self.mails = 0
        self.is_open = asyncio.Event()
        if not hold:
            self.is_open.set()

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        self.mails += 1
        await self.is_open.wait()
        yield TAKEN

    def heard(self, transaction: Transaction) -> None:
        return None


async def _serve(limits: dict[str, Any]) -> None:
    log, desk = RecordingLog(), HoldingDesk(limits.get("hold", False))
    door = SmtpDoor(
        DoorSettings(
            name="filter",
            rules=Rules(hostname="door.test", size_limit=limits.get("size_limit", 64 * MIB)),
            trust=(ipaddress.ip_network("127.0.0.0/8"),),
            sessions=limits.get("sessions", 500),
        ),
        desk,
        Budget(limits.get("budget", 2**30)),
        log,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(door.session, "127.0.0.1", 0, backlog=1024)
    _limit_self(limits)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    words = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), os.fdopen(0, "rb", 0))
    while word := await words.readline():
        if word == b"release\n":
            desk.is_open.set()
        gc.collect()
        print(json.dumps(_figures(door, desk, log)), flush=True)
    server.close()


def _limit_self(limits: dict[str, Any]) -> None:
    if "nofile" in limits:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits["nofile"], limits["nofile"]))
    if "cpu_s" in limits:
        spent = resource.getrusage(resource.RUSAGE_SELF)
        allowed = int(spent.ru_utime + spent.ru_stime) + limits["cpu_s"] + 1
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed))
    if "address_space" in limits:
        with open("/proc/self/statm", encoding="ascii") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + limits["address_space"],) * 2)


def _figures(door: Door, desk: HoldingDesk, log: RecordingLog) -> dict[str, Any]:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "peak": _peak(),
        "cpu": spent.ru_utime + spent.ru_stime,
        "sessions": len(door.sessions),
        "used": door.budget.used,
        "mails": desk.mails,
        "reasons": sorted({told["reason"] for told in log.named("refused_session")}),
    }


def _peak() -> int:
    """The most octets that were resident. Not `ru_maxrss`: a child inherits it from the parent, whose size would be
    the floor of every figure (Linux, fs/exec.c, setmax_mm_hiwater_rss)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(json.loads(sys.argv[1])))
