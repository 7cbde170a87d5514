"""Processes that are left behind: children of handlers, and workers whose supervisor is gone."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.supervised import LIMIT_S, REAL, Supervised, until

APP = """
import os, pathlib, signal, time
from lamsonproxy import App, route, stateless

app = App("bearing")

@route("(kind)@x.org", kind="[a-z]+")
@stateless
async def bear(mail, kind):
    if kind == "block":
        pathlib.Path("blocked").touch()
        time.sleep(1000)
    elif kind == "fork":
        if not (pid := os.fork()):
            os.setsid()
            signal.pause()
        pathlib.Path("child.new").write_text(str(pid))
        os.rename("child.new", "child")
    elif kind == "spawn":
        os.system("sleep 1000 & echo $! > child.new; mv child.new child")
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Supervised]:
    (tmp_path / "bearing.py").write_text(APP)
    supervised = Supervised(tmp_path, REAL)
    supervised.write(app="bearing:app", workers=1)
    yield supervised
    supervised.end()
    child = tmp_path / "child"
    if child.exists():
        kill(int(child.read_text()))


def kill(pid: int) -> None:
    if not is_gone(pid):
        os.kill(pid, signal.SIGKILL)


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists() or "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def send(service: Supervised, kind: str) -> None:
    """A mail whose handler is told this; nobody waits for the reply."""
    address = service.address("filter")
    assert address
    with socket.create_connection(address, timeout=LIMIT_S) as client, client.makefile("rwb") as stream:
        for command in (b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<%s@x.org>" % kind.encode(), b"DATA", b"\r\n."):
            stream.write(command + b"\r\n")
        stream.flush()
        until(lambda: (service.folder / ("blocked" if kind == "block" else "child")).exists())


@pytest.mark.fault("K1")
@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_a_child_of_a_handler_does_not_hide_that_its_worker_died(service: Supervised, kind: str) -> None:
    service.start_and_wait()
    (worker,) = service.workers()
    send(service, kind)
    os.kill(worker, signal.SIGKILL)
    until(lambda: f"pid={worker} reason=died" in service.said)
    until(lambda: service.number("lamson_workers") == 1)


@pytest.mark.fault("K3")
@pytest.mark.parametrize("kind", ["fork", "spawn"])
def test_a_child_of_a_handler_keeps_neither_the_supervisor_nor_the_port(
    service: Supervised, kind: str
) -> None:
    service.start_and_wait()
    address = service.address("filter")
    assert address
    send(service, kind)
    assert service.leave() == 0
    with socket.create_server(address):
        pass


@pytest.mark.fault("K3")
def test_a_child_of_a_handler_ends_with_its_worker(service: Supervised) -> None:
    service.start_and_wait()
    send(service, "spawn")
    child = int((service.folder / "child").read_text())
    assert not is_gone(child)
    assert service.leave() == 0
    until(lambda: is_gone(child))


@pytest.mark.fault("K1")
def test_a_worker_that_stands_still_gives_up_the_port_of_a_supervisor_that_was_killed(
    service: Supervised,
) -> None:
    service.start_and_wait()
    (worker,) = service.workers()
    address = service.address("filter")
    assert address
    send(service, "block")
    service.signal(signal.SIGKILL)
    service.process.wait(LIMIT_S)
    until(lambda: is_free(address), limit_s=5)
    assert not is_gone(worker)
    kill(worker)


def is_free(address: tuple[str, int]) -> bool:
    try:
        with socket.create_server(address):
            return True
    except OSError:
        return False
