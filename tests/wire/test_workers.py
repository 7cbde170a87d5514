"""The supervisor and its workers, as processes: replaced, reloaded, drained.

Most tests use a stand-in for the worker that carries no mail; the last ones use the real thing.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.supervised import REAL, Supervised, until


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path)
    supervised.write()
    yield supervised
    supervised.end()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path, REAL)
    supervised.write(app="", more='[relay]\nport = 1\nhost = "127.0.0.1"')
    yield supervised
    supervised.end()


def is_refused(address: tuple[str, int]) -> bool:
    with socket.socket() as client:
        return client.connect_ex(address) != 0


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def test_workers_share_the_socket_and_leave_on_sigterm(service: Supervised) -> None:
    service.start_and_wait()
    workers = service.workers()
    assert len(workers) == 2
    assert service.ask()[1] in workers
    assert service.page("/healthz") == (200, "ok\n")
    assert service.number("lamson_workers") == 2
    assert service.leave() == 0
    assert all(map(is_gone, workers))


def test_ctrl_c_is_for_the_supervisor_alone(service: Supervised) -> None:
    service.start_and_wait()
    assert all(os.getpgid(pid) != os.getpgid(service.process.pid) for pid in service.workers())
    service.signal(signal.SIGINT)
    assert service.process.wait(30) == 0


def test_a_worker_that_died_is_replaced(service: Supervised) -> None:
    service.start_and_wait()
    before = service.workers()
    dead = service.ask()[1]
    os.kill(dead, signal.SIGKILL)
    until(lambda: len(service.workers() - {dead}) == 2 and service.number("lamson_workers") == 2)
    assert len(service.workers() & before) == 1
    assert service.number('lamson_worker_restarts_total{reason="died"}') == 1
    until(lambda: f"pid={dead} reason=died" in service.said)


@pytest.mark.fault("H3")
def test_a_worker_whose_loop_stands_still_is_replaced_and_the_other_goes_on(service: Supervised) -> None:
    service.start_and_wait()
    stalled = service.ask("stall")[1]
    until(lambda: is_gone(stalled))
    until(lambda: service.number("lamson_workers") == 2)
    assert service.number('lamson_worker_restarts_total{reason="stalled"}') == 1
    assert service.ask()[1] != stalled


@pytest.mark.fault("K1")
@pytest.mark.parametrize("seconds", [3.5, 4.5], ids=["a little longer than stall_s", "longer"])
def test_a_supervisor_that_stood_still_does_not_blame_its_workers(
    service: Supervised, seconds: float
) -> None:
    service.start_and_wait()
    before = service.workers()
    service.signal(signal.SIGSTOP)
    wakes_at = time.monotonic() + seconds
    until(lambda: time.monotonic() > wakes_at)
    service.signal(signal.SIGCONT)
    until(lambda: service.page("/healthz")[0] == 200)
    assert service.number("lamson_workers") == 2
    stalled = service.ask("stall")[1]
    until(lambda: f"pid={stalled} reason=stalled" in service.said)
    assert service.said.count("worker_lost") == 1
    assert stalled in before


def test_a_successor_takes_the_seat_of_whom_it_replaces(service: Supervised) -> None:
    service.start_and_wait()
    used_up = service.ask("use up")[1]
    until(lambda: used_up not in service.workers() and len(service.workers()) == 2)
    seats = [path.read_text().split() for path in service.folder.glob("seat-*")]
    (left,) = (sitters for sitters in seats if str(used_up) in sitters)
    (stayed,) = (sitters for sitters in seats if str(used_up) not in sitters)
    assert (left[0], len(left), len(stayed)) == (str(used_up), 2, 1)


def test_a_used_up_worker_leaves_when_its_successor_is_ready(service: Supervised) -> None:
    service.write(workers=1)
    service.start_and_wait()
    used_up = service.ask("use up")[1]
    until(lambda: is_gone(used_up))
    # There was never a moment without a worker: the successor was ready, with another number, before the end.
    assert service.ask()[2] == 1
    assert service.number('lamson_worker_restarts_total{reason="used_up"}') == 1


def test_sighup_changes_to_new_workers_without_refusing_anybody(service: Supervised) -> None:
    service.start_and_wait()
    before, address = service.workers(), service.address("filter")
    service.write("better:app")
    service.signal(signal.SIGHUP)
    until(lambda: service.ask()[0] == "better:app")  # each ask is a connection that must be answered
    until(lambda: service.ask() and service.workers().isdisjoint(before))
    assert service.address("filter") == address
    assert len(service.workers()) == 2
    until(lambda: "reloaded" in service.said)


@pytest.mark.fault("K4")
@pytest.mark.parametrize(
    ("app", "more", "sentence"),
    [
        ("good:app", "colour = 1", "limits.colour is not a setting."),
        ("fails:app", "", "The database is down."),
        ("dies:app", "", "A worker ended at its start (exit status 3)."),
        ("sleeps:app", "start_s = 0.5", "A worker was not ready within 0.5 s (limits.start_s)."),
    ],
)
def test_a_reload_that_fails_leaves_the_old_workers(
    service: Supervised, app: str, more: str, sentence: str
) -> None:
    service.start_and_wait()
    before = service.workers()
    service.write(app, limits=more)
    service.signal(signal.SIGHUP)
    until(lambda: service.number("lamson_reload_failures_total") == 1)
    until(lambda: f'reload_failed problem="{sentence}"' in service.said)
    assert service.ask()[0] == "good:app"
    until(lambda: service.workers() == before)


def test_sighup_opens_new_addresses_and_closes_old_ones(service: Supervised) -> None:
    service.start_and_wait()
    old = service.address("filter")
    service.write(more='[[door]]\nname = "second"\nlisten = "127.0.0.1:0"')
    service.settings.write_text(
        service.settings.read_text().replace("[[door]]\nlisten", '[[door]]\nname="first"\nlisten')
    )
    service.signal(signal.SIGHUP)
    until(lambda: service.address("second"))
    assert service.address("first") != old
    assert old
    until(lambda: is_refused(old))


@pytest.mark.fault("K5")
def test_a_start_that_fails_is_told_in_sentences_once(service: Supervised) -> None:
    service.write("fails:app")
    service.start()
    assert service.process.wait(30) == 1
    assert service.said.splitlines() == ["The database is down.", "The moon is full."]


@pytest.mark.fault("K5")
def test_a_port_in_use_is_told_in_a_sentence(service: Supervised) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        service.settings.write_text(
            f'[[door]]\nlisten = "127.0.0.1:{port}"\n[metrics]\nlisten = "127.0.0.1:0"'
        )
        service.start()
        assert service.process.wait(30) == 1
    assert service.said == f"filter cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.fault("K5")
def test_it_is_ready_when_all_first_workers_are(service: Supervised) -> None:
    page = free_port()
    service.write("first:app", limits="start_s = 30")
    service.settings.write_text(
        service.settings.read_text().replace(
            '[metrics]\nlisten = "127.0.0.1:0"', f'[metrics]\nlisten = "127.0.0.1:{page}"'
        )
    )
    service.start()
    until(lambda: b"200 OK" in hears(page, b"GET /healthz HTTP/1.1\r\n\r\n"))
    until(lambda: b"\nlamson_workers 1.0" in hears(page, b"GET /metrics HTTP/1.1\r\n\r\n"))
    answer = hears(page, b"GET /readyz HTTP/1.1\r\n\r\n")
    assert b" 503 " in answer and b"The first workers are starting." in answer


@pytest.mark.fault("K1")
def test_while_no_worker_is_ready_clients_hear_so(service: Supervised) -> None:
    service.write("once:app", workers=1)
    service.start_and_wait()
    (worker,) = service.workers()
    os.kill(worker, signal.SIGKILL)
    address = service.address("filter")
    assert address
    until(lambda: "worker_not_replaced" in service.said)
    with socket.create_connection(address, timeout=30) as client, client.makefile("rb") as stream:
        assert stream.read() == b"421 4.3.2 Service not available, closing transmission channel\r\n"
    assert service.number("lamson_turned_away_total") == 1
    (service.folder / "started").unlink()
    until(lambda: service.number("lamson_workers") == 1)
    assert service.ask()[0] == "once:app"


@pytest.mark.fault("K3")
def test_a_worker_that_does_not_leave_is_killed_in_the_end(service: Supervised) -> None:
    service.write(workers=1)
    service.start_and_wait()
    deaf = service.ask("deaf")[1]
    assert service.leave() == 0
    assert is_gone(deaf)


@pytest.mark.fault("A4")
def test_a_log_that_nobody_reads_stops_neither_the_mail_nor_the_pages_nor_the_end(real: Supervised) -> None:
    os.mkfifo(real.log)
    # Not for reading alone: that would wait for the writer that we start later.
    log = os.open(real.log, os.O_RDWR | os.O_NONBLOCK)
    try:
        fill(log)
        door, page = free_port(), free_port()
        real.settings.write_text(
            real.settings.read_text()
            .replace('[[door]]\nlisten = "127.0.0.1:0"', f'[[door]]\nlisten = "127.0.0.1:{door}"')
            .replace('[metrics]\nlisten = "127.0.0.1:0"', f'[metrics]\nlisten = "127.0.0.1:{page}"')
        )
        real.start()
        until(lambda: hears(door, b"").startswith(b"220 "))
        assert b"200 OK" in hears(page, b"GET /healthz HTTP/1.1\r\n\r\n")
        assert real.leave() == 0
    finally:
        os.close(log)


def fill(pipe: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"x" * 512)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port: int = bound.getsockname()[1]
        return port


def hears(port: int, says: bytes) -> bytes:
    """What a server answers first; nothing when there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
            client.sendall(says)
            return client.recv(4096)
    except ConnectionRefusedError:
        return b""


def test_systemd_hears_what_goes_on(service: Supervised, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)

        def systemd_hears(word: bytes) -> bool:
            return word in systemd.recv(4096)

        service.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
        until(lambda: systemd_hears(b"READY=1"))
        until(lambda: systemd_hears(b"WATCHDOG=1"))
        service.signal(signal.SIGHUP)
        until(lambda: systemd_hears(b"RELOADING=1\nMONOTONIC_USEC="))
        until(lambda: systemd_hears(b"READY=1"))
        service.signal(signal.SIGTERM)
        until(lambda: systemd_hears(b"STOPPING=1"))
        assert service.process.wait(30) == 0


def test_real_workers_serve_and_their_numbers_are_summed(real: Supervised) -> None:
    real.start_and_wait()
    address = real.address("filter")
    assert address
    with socket.create_connection(address, timeout=30) as client:
        assert client.recv(100).startswith(b"220 ")
        until(lambda: real.number('lamson_sessions{door="filter"}') == 1)
    status, sentence = real.page("/readyz")
    assert status == 503
    assert sentence.startswith("The relay 127.0.0.1:1 cannot be reached: ")
    assert real.leave() == 0


def test_workers_keep_to_a_core_where_they_are_told_to_and_to_all_where_not(real: Supervised) -> None:
    given = os.sched_getaffinity(0)
    real.settings.write_text("pin_workers = true\n" + real.settings.read_text())
    real.start_and_wait()
    before = real.workers()
    assert {len(cores_of(worker)) for worker in before} == {1}
    assert cores_of(real.process.pid) == given
    real.settings.write_text(real.settings.read_text().replace("pin_workers = true", "pin_workers = false"))
    real.signal(signal.SIGHUP)
    until(lambda: real.workers().isdisjoint(before) and len(real.workers()) == len(before))
    assert {frozenset(cores_of(worker)) for worker in real.workers()} == {frozenset(given)}
    assert real.leave() == 0


def cores_of(pid: int) -> set[int]:
    """The cores of all its threads."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return set[int]().union(*(os.sched_getaffinity(int(thread.name)) for thread in threads))


@pytest.mark.fault("K1")
def test_workers_leave_when_the_supervisor_is_killed(real: Supervised) -> None:
    real.start_and_wait()
    workers = real.workers()
    real.signal(signal.SIGKILL)
    until(lambda: all(map(is_gone, workers)))


@pytest.mark.fault("D3")
def test_a_folder_of_numbers_that_was_deleted_keeps_nobody_from_starting(
    real: Supervised, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    real.start_and_wait(RUNTIME_DIRECTORY=str(tmp_path / "run"))
    (folder,) = (tmp_path / "run").iterdir()
    shutil.rmtree(folder)
    dead = min(real.workers())
    os.kill(dead, signal.SIGKILL)
    until(lambda: f"pid={dead} reason=died" in real.said and real.number("lamson_workers") == 2)
    before = real.workers()
    real.signal(signal.SIGHUP)
    until(lambda: " reloaded" in real.said and real.workers().isdisjoint(before))
    assert list(folder.iterdir())


@pytest.mark.fault("S11")
def test_a_worker_may_open_as_many_files_as_the_hard_limit_allows(real: Supervised) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        real.start_and_wait()
        assert {resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in real.workers()} == {(hard, hard)}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
