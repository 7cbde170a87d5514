"""`make bench-conversations`: stateful mails per second and CPU per mail, beside the same mails taken without a state.

    python -m benchmarks.conversations [--short] [--rows N]

Each mail is one step of one of 1,000 conversations, in random order; the handlers send and relay nothing, so that what
is measured is the door, the walk and the transaction. Every mail has a queue id (XFORWARD), as Postfix's have.

Law: as for `benchmarks.bench`: figures beside figures of the same run, and nothing passes or fails. The database runs
on the same machine and its CPU is counted beside ours.
"""

import argparse
import asyncio
import itertools
import os
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from benchmarks.bench import running as downstream
from benchmarks.processes import cpu_s
from integration.children import free_ports
from integration.service import Service
from tests.postgres import running

CONVERSATIONS = 1000
SESSIONS = 16
BODY = b"From: a@bench.example\r\nSubject: step\r\n\r\n" + b"x" * 70 + b"\r\n" + b"y" * 1900 + b"\r\n.\r\n"

_ids = itertools.count(os.getpid() << 32)


async def _session(port: int, word: str, mails: int, chance: random.Random) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def answered(lines: int) -> None:
        await writer.drain()
        for _ in range(lines):
            line = await reader.readline()
            while line[3:4] == b"-":
                line = await reader.readline()
            assert line[:1] in b"23", line

    writer.write(b"EHLO bench.example\r\n")
    await answered(2)
    for _ in range(mails):
        n = chance.randrange(CONVERSATIONS)
        writer.write(
            b"XFORWARD IDENT=%x\r\nMAIL FROM:<a@bench.example>\r\nRCPT TO:<%s-%d@talks.example>\r\nDATA\r\n"
            % (next(_ids), word.encode(), n)
        )
        await answered(4)
        writer.write(BODY)
        await answered(1)
    writer.write(b"QUIT\r\n")
    await answered(1)
    writer.close()


async def send(port: int, word: str, mails: int) -> None:
    chance = random.Random(1)
    await asyncio.gather(*(_session(port, word, mails // SESSIONS, chance) for _ in range(SESSIONS)))


@contextmanager
def service(url: str, workers: int) -> Iterator[tuple[int, int]]:
    door, reentry = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        database = url or f"sqlite:///{folder}/lamson.db"
        serving = Service(
            Path(folder), door=door, reentry=reentry, app="benchmarks.talks:app", workers=workers, more=""
        )
        serving.settings.write_text(f'database = "{database}"\n' + serving.settings.read_text())
        sink = ("smtp-sink", "-u", "nobody", f"127.0.0.1:{reentry}", "1024")
        with downstream(*sink, port=reentry), serving:
            yield door, serving.pid


def measure(name: str, url: str, workers: int, mails: int, database_pid: int | None) -> None:
    with service(url, workers) as (port, pid):
        asyncio.run(send(port, "talk", SESSIONS * 10))
        asyncio.run(send(port, "step", SESSIONS * 10))
        figures = []
        for word in ("talk", "step"):
            spent = cpu_s(pid), cpu_s(database_pid) if database_pid else 0.0
            begun = time.perf_counter()
            asyncio.run(send(port, word, mails))
            seconds = time.perf_counter() - begun
            ours, theirs = cpu_s(pid) - spent[0], (cpu_s(database_pid) if database_pid else 0.0) - spent[1]
            figures.append((mails / seconds, 1000 * ours / mails, 1000 * theirs / mails))
    (rate0, cpu0, _), (rate, cpu, theirs) = figures
    print(f"{name:34}{rate0:9.0f}{rate:9.0f}{cpu0:9.2f}{cpu:9.2f}{cpu / cpu0:7.1f}{theirs:11.2f}", flush=True)


def fill(url: str, rows: int) -> None:
    """So many conversations of others."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO lamson_conversation (id, machine, key, correspondent, state, is_confirmed, moved_at)"
                " SELECT encode(sha256(n::text::bytea), 'hex'), 'benchmarks.talks', n::text,"
                " 'c' || n || '@bench.example', 'TALKING', false, now() FROM generate_series(1, :rows) AS n"
            ),
            {"rows": rows},
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE lamson_conversation"))
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a tenth of the mails, for CI")
    parser.add_argument("--rows", type=int, default=1_000_000, help="other conversations in the table")
    arguments = parser.parse_args()
    mails = SESSIONS * (25 if arguments.short else 250)
    rows = arguments.rows // (20 if arguments.short else 1)
    print(f"{mails} mails of 2 kB, {SESSIONS} sessions, {CONVERSATIONS} conversations; CPU in ms per mail")
    print(f"{'':34}{'taken/s':>9}{'steps/s':>9}{'CPU':>9}{'CPU':>9}{'ratio':>7}{'CPU of db':>11}")
    measure("SQLite, 1 worker", "", 1, mails, None)
    with running(fsync=True) as cluster:
        for workers in (1, 2):
            with cluster.database() as url:
                measure(f"PostgreSQL, {workers} worker(s)", url, workers, mails, cluster.pid)
                if workers == 2:
                    fill(url, rows)
                    measure(f"  beside {rows} others", url, workers, mails, cluster.pid)


if __name__ == "__main__":
    main()
