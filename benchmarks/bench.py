"""`make bench`: mails per second, CPU and memory per mail, between smtp-source(1) and smtp-sink(1) on loopback.

Law: every figure stands beside the stock proxy's from the same run, and the ratio is what counts: machines differ and
are shared. Nothing here passes or fails.

Usage: python -m benchmarks.bench [--short] [WORKLOAD ...]
"""

import argparse
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_s, peak_kib, resident_kib
from integration.children import DIES_WITH_US, free_ports, kill_group, listens, poll
from integration.service import Service

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Workload:
    """One shape of traffic."""

    name: str
    size: int
    sessions: int
    mails: int
    keeps_connections: bool = True

    def scaled(self, factor: float) -> "Workload":
        mails = max(self.sessions, int(self.mails * factor))
        return Workload(self.name, self.size, self.sessions, mails, self.keeps_connections)


WORKLOADS = (
    Workload("2 kB, kept connections", 2000, 20, 6000),
    Workload("2 kB, one per connection", 2000, 20, 3000, keeps_connections=False),
    Workload("1 MB, kept connections", MIB, 4, 100),
    Workload("25 MB, two sessions", 25 * MIB, 2, 4),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one peer did with one workload."""

    peer: str
    mails_per_s: float
    cpu_ms: float
    idle_mib: float
    peak_mib: float


@contextmanager
def running(*argv: str | Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A child that listens on a port, killed on leaving."""
    child = subprocess.Popen(
        [*DIES_WITH_US, *map(str, argv)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        poll(f"something listens on port {port}", lambda: listens(port), 20)
        yield child
    finally:
        kill_group(child)


@contextmanager
def stock(relay: int) -> Iterator[tuple[int, int]]:
    (port,) = free_ports(1)
    argv = (sys.executable, "-m", "benchmarks.stock_proxy", str(port), str(relay))
    with running(*argv, port=port) as child:
        yield port, child.pid


@contextmanager
def service(relay: int, app: str) -> Iterator[tuple[int, int]]:
    """The service with one worker; without an application every mail passes unchanged."""
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        with Service(Path(folder), door=port, reentry=relay, app=app, workers=1) as serving:
            yield port, serving.pid


PEERS = (
    ("stock aiosmtpd Proxy", None, "bench.example"),
    ("lamsonproxy, passing", "", "bench.example"),
    ("lamsonproxy, def handler", "benchmarks.app:app", "thread.example"),
    ("lamsonproxy, async handler", "benchmarks.app:app", "loop.example"),
)


def measure(workload: Workload, peer: str, app: str | None, domain: str) -> Figures:
    """Run one workload through one peer, fresh."""
    (relay,) = free_ports(1)
    with running("smtp-sink", "-u", "nobody", f"127.0.0.1:{relay}", "1024", port=relay):
        with stock(relay) if app is None else service(relay, app) as (port, pid):
            _source(port, domain, Workload("warm-up", 2000, 4, 100))
            idle, cpu, begun = resident_kib(pid), cpu_s(pid), time.perf_counter()
            _source(port, domain, workload)
            seconds, cpu = time.perf_counter() - begun, cpu_s(pid) - cpu
            peak = peak_kib(pid)
    return Figures(peer, workload.mails / seconds, 1000 * cpu / workload.mails, idle / 1024, peak / 1024)


def _source(port: int, domain: str, workload: Workload) -> None:
    keep = ["-d"] if workload.keeps_connections else []
    load = ["-s", str(workload.sessions), "-m", str(workload.mails), "-l", str(workload.size)]
    envelope = ["-f", "bench@bench.example", "-t", f"bench@{domain}"]
    command = ["smtp-source", *keep, *load, *envelope, f"127.0.0.1:{port}"]
    subprocess.run(command, check=True, timeout=600)


def hostile(send: Iterator[bytes], app: str = "") -> tuple[float, float]:
    """Seconds of CPU, and MiB above idle, that one hostile session costs the service."""
    (relay,) = free_ports(1)
    with running("smtp-sink", "-u", "nobody", f"127.0.0.1:{relay}", "1024", port=relay):
        with service(relay, app) as (port, pid):
            _source(port, "bench.example", Workload("warm-up", 2000, 4, 100))
            idle, cpu = peak_kib(pid), cpu_s(pid)
            with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
                for block in send:
                    try:
                        connection.sendall(block)
                    except ConnectionError:
                        break  # hung up on: as it should be
                _read_to_the_end(connection)
            return cpu_s(pid) - cpu, (peak_kib(pid) - idle) / 1024


def _read_to_the_end(connection: socket.socket) -> None:
    connection.settimeout(120)
    try:
        while connection.recv(65536):
            pass
    except OSError:
        return


def empty_lines() -> Iterator[bytes]:
    """25 MB of empty lines as one mail, and QUIT."""
    yield b"EHLO bench\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
    for _ in range(25):
        yield b"\r\n" * (MIB // 2)
    yield b".\r\nQUIT\r\n"


def endless_line() -> Iterator[bytes]:
    """200 MiB without a line end, where a command should be."""
    for _ in range(200):
        yield b"x" * MIB


def show(workload: Workload, rows: list[Figures]) -> None:
    base = rows[0]
    print(
        f"\n{workload.name}: {workload.mails} mails of {workload.size} octets, {workload.sessions} sessions"
    )
    print(f"  {'':28}{'mails/s':>9}{'CPU ms/mail':>13}{'ratio':>8}{'idle MiB':>10}{'peak MiB':>10}")
    for row in rows:
        print(
            f"  {row.peer:28}{row.mails_per_s:9.0f}{row.cpu_ms:13.2f}{row.cpu_ms / base.cpu_ms:8.2f}"
            f"{row.idle_mib:10.0f}{row.peak_mib:10.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="a tenth of the mails, for CI")
    parser.add_argument("workloads", nargs="*", help="beginnings of the workloads' names; all by default")
    arguments = parser.parse_args()
    for workload in WORKLOADS:
        if arguments.workloads and not any(workload.name.startswith(w) for w in arguments.workloads):
            continue
        workload = workload.scaled(0.1) if arguments.short else workload
        show(workload, [measure(workload, *peer) for peer in PEERS])
    if not arguments.workloads:
        print("\nHostile sessions, passing")
        for name, send in (
            ("25 MB of empty lines", empty_lines()),
            ("a command line of 200 MiB", endless_line()),
        ):
            seconds, mib = hostile(send)
            print(f"  {name:28}{seconds:9.2f} s of CPU{mib:10.1f} MiB above idle", flush=True)


if __name__ == "__main__":
    main()
