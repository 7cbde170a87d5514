"""`lamson postfix apply` and `rollback` on a Postfix that knew nothing of us: there, back, and not half-way."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from integration import arrival
from integration.children import free_ports, poll
from integration.client import Mail, Rcpt
from integration.fragments import Options, Ports, Programs
from integration.plain import EarlyService, PlainPostfix
from integration.service import Service
from tests.downstream import RawSink

LIMIT_S = 60
CONTENT = b"From: alice@example.org\r\nSubject: Soup\r\n\r\nIs there any?\r\n"
STAMP = b"X-Stamp: seen"
DOORS = ("filter", "lmtp", "proxy", "transport")
TO = {"transport": "redirect@app.test"}
"""What is written to at each door, header@app.test where nothing else is said: a mail of our own domains that came by
transport_maps may not go back to them."""


@pytest.fixture(scope="module")
def plain(programs: Programs, ports: Ports) -> Iterator[PlainPostfix]:
    with PlainPostfix(programs, ports, Options()) as postfix:
        yield postfix


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    """A folder that Postfix's own account may enter, which those of pytest are not."""
    with TemporaryDirectory(prefix="lamsonproxy-sockets-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def door_service(
    plain: PlainPostfix, sockets: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    lmtp, proxy, lists = free_ports(3)
    doors = f"""
[[door]]
kind = "lmtp"
listen = "127.0.0.1:{lmtp}"

[[door]]
kind = "proxy"
listen = "127.0.0.1:{proxy}"

[[door]]
name = "lmtp-socket"
kind = "lmtp"
listen = "unix:{sockets}/lmtp"
socket_mode = "0666"

[[door]]
name = "proxy-socket"
kind = "proxy"
listen = "unix:{sockets}/proxy"
socket_mode = "0666"

[[door]]
name = "lists"
kind = "lmtp"
listen = "127.0.0.1:{lists}"
domains = ["app.test"]
unmatched = "reject"
"""
    with EarlyService(folder, door=plain.ports.door, reentry=plain.ports.reentry, more=doors) as service:
        yield service


@pytest.fixture
def settled(plain: PlainPostfix) -> Iterator[PlainPostfix]:
    """The Postfix, and nothing of ours in it afterwards, whatever the test did."""
    before = plain.shown()
    yield plain
    plain.lamson("rollback", "--yes")
    plain.delete_all()
    for line in plain.log()[-40:]:
        print(line)
    assert plain.shown() == before


def apply(plain: PlainPostfix, service: Service, door: str, *more: str) -> str:
    """Apply, and what it printed; it must have worked."""
    said = plain.lamson("apply", "--yes", "--door", door, *services(plain), *more, settings=service.settings)
    assert said.status == 0, said
    return said.out


def services(plain: PlainPostfix) -> tuple[str, str]:
    return ("--services", f"127.0.0.1:{plain.ports.front}/inet")


def was_handled(plain: PlainPostfix, sink: RawSink, door: str = "filter") -> bool:
    """Send one mail in front; whether a handler has had it before it came to the sink."""
    to = TO.get(door, "header@app.test")
    sink.mails.clear()
    plain.send(Mail("alice@example.org", [Rcpt(to)], CONTENT))
    poll("it has arrived", lambda: bool(sink.mails), LIMIT_S)
    (mail,) = sink.mails
    (arrived_for,) = arrival.recipients(mail)
    return STAMP in mail.wire or arrived_for != to


@pytest.mark.fault("2.9")
@pytest.mark.parametrize("door", DOORS)
def test_mail_flows_through_the_service_and_after_the_rollback_past_it(
    settled: PlainPostfix, door_service: Service, sink: RawSink, door: str
) -> None:
    before = settled.shown()
    assert not was_handled(settled, sink, door)
    apply(settled, door_service, door)
    assert was_handled(settled, sink, door)
    assert not [mail for mail in settled.queue() if "lamson-probe" in str(mail)]
    said = settled.lamson("rollback", "--yes")
    assert said.status == 0, said
    assert settled.shown() == before
    assert not was_handled(settled, sink, door)


@pytest.mark.parametrize("door", ["lmtp", "proxy"])
def test_mail_flows_through_a_unix_socket(
    settled: PlainPostfix, door_service: Service, sockets: Path, sink: RawSink, door: str
) -> None:
    apply(settled, door_service, door, "--listen", f"unix:{sockets}/{door}")
    assert was_handled(settled, sink, door)
    assert settled.lamson("doctor", settings=door_service.settings).status == 0


@pytest.mark.fault("2.9")
@pytest.mark.parametrize("door", DOORS)
def test_doctor_has_only_ok_lines_after_an_apply(
    settled: PlainPostfix, door_service: Service, door: str
) -> None:
    apply(settled, door_service, door)
    said = settled.lamson("doctor", settings=door_service.settings)
    lines = said.out.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert (said.status, len(lines) > 20) == (0, True)
    found = json.loads(settled.lamson("doctor", "--json", settings=door_service.settings).out)
    assert {finding["level"] for finding in found} == {"ok"}


@pytest.mark.parametrize("door", DOORS)
def test_the_second_apply_changes_nothing_and_says_so(
    settled: PlainPostfix, door_service: Service, door: str
) -> None:
    apply(settled, door_service, door)
    first = settled.shown()
    assert apply(settled, door_service, door).startswith("Nothing to change")
    assert settled.shown() == first


@pytest.mark.parametrize("door", DOORS)
def test_a_plan_shows_what_apply_does_and_touches_nothing(
    settled: PlainPostfix, door_service: Service, door: str
) -> None:
    before = settled.shown()
    words = ("--yes", "--door", door, *services(settled))
    planned = settled.lamson("plan", *words, settings=door_service.settings).out
    assert settled.shown() == before
    after = apply(settled, door_service, door)
    assert planned and after.startswith(planned)
    added = re.findall(r"^\+    -o (\S+?)=", planned, re.MULTILINE)
    assert "smtpd_recipient_restrictions" in added


def test_a_service_that_is_stopped_ends_with_the_old_configuration_and_a_sentence(
    settled: PlainPostfix, door_service: Service, sink: RawSink
) -> None:
    before = settled.shown()
    door_service.terminate()
    try:
        said = settled.lamson(
            "apply", "--yes", "--door", "filter", *services(settled), settings=door_service.settings
        )
    finally:
        door_service.start()
    assert said.status == 1
    assert "Connection refused" in said.err
    assert "Everything was taken back" in said.err
    assert settled.shown() == before
    assert not settled.queue()
    assert not was_handled(settled, sink)


def test_a_wrong_port_ends_with_the_old_configuration_and_a_sentence(
    settled: PlainPostfix, door_service: Service
) -> None:
    before = settled.shown()
    said = settled.lamson(
        "apply", "--yes", "--door", "filter", "--listen", "127.0.0.1:9", *services(settled),
        settings=door_service.settings,
    )  # fmt: skip
    assert (said.status, settled.shown()) == (1, before)
    assert "did not reach the service at 127.0.0.1:9" in said.err


def test_somebody_else_at_the_port_is_not_taken_for_the_service(
    settled: PlainPostfix, door_service: Service, sink: RawSink
) -> None:
    before = settled.shown()
    said = settled.lamson(
        "apply", "--yes", "--door", "filter", "--listen", f"127.0.0.1:{settled.ports.sink}", *services(settled),
        settings=door_service.settings,
    )  # fmt: skip
    assert (said.status, settled.shown()) == (1, before)
    assert "was not the service" in said.err


def test_the_trial_defers_what_the_service_refuses_until_it_is_ended(
    settled: PlainPostfix, door_service: Service
) -> None:
    apply(settled, door_service, "filter")
    assert "soft_bounce=yes" in settled.shown()[1]
    assert apply(settled, door_service, "filter", "--final").startswith("The trial is over")
    assert "soft_bounce" not in settled.shown()[1]
    assert apply(settled, door_service, "filter").startswith("Nothing to change")


def test_a_change_by_somebody_else_stops_the_rollback_with_a_diff(
    settled: PlainPostfix, door_service: Service
) -> None:
    apply(settled, door_service, "filter")
    settled.postconf("-P", "lamson/unix/smtp_data_done_timeout=700s")
    changed = settled.shown()
    said = settled.lamson("rollback", "--yes")
    assert (said.status, settled.shown()) == (1, changed)
    assert "+    -o smtp_data_done_timeout=700s" in said.err
    settled.postconf("-P", "lamson/unix/smtp_data_done_timeout=600s")


def test_mail_that_waits_for_the_service_leaves_another_way_after_the_rollback(
    settled: PlainPostfix, door_service: Service, sink: RawSink
) -> None:
    apply(settled, door_service, "filter")
    sink.mails.clear()
    door_service.terminate()
    try:
        settled.send(Mail("alice@example.org", [Rcpt("header@app.test")], CONTENT))
        poll("it waits", lambda: any(m["queue_name"] == "deferred" for m in settled.queue()), LIMIT_S)
        assert settled.lamson("rollback", "--yes").status == 0
        poll("it has arrived", lambda: bool(sink.mails), LIMIT_S)
    finally:
        door_service.start()
    assert STAMP not in sink.mails[0].wire


def test_a_silent_port_and_a_signal_end_with_the_old_configuration(
    settled: PlainPostfix, door_service: Service
) -> None:
    before = settled.shown()
    with silent_port() as port, begun(settled, door_service, port) as command:
        poll("the probe waits", lambda: bool(settled.queue()), LIMIT_S)
        command.send_signal(signal.SIGTERM)
        assert command.wait(LIMIT_S) != 0
    assert settled.shown() == before
    assert not settled.queue()


def test_what_a_killed_apply_has_left_is_taken_back_by_the_rollback(
    settled: PlainPostfix, door_service: Service
) -> None:
    before = settled.shown()
    with silent_port() as port, begun(settled, door_service, port) as command:
        poll("the probe waits", lambda: bool(settled.queue()), LIMIT_S)
        command.kill()
        command.wait(LIMIT_S)
    assert settled.shown() != before
    said = settled.lamson(
        "apply", "--yes", "--door", "filter", *services(settled), settings=door_service.settings
    )
    assert (said.status, "was broken off in the middle" in said.err) == (1, True)
    assert settled.lamson("rollback", "--yes").status == 0
    assert settled.shown() == before


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def begun(plain: PlainPostfix, service: Service, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """An apply on its way to this port."""
    words = ("--yes", "--door", "filter", "--listen", f"127.0.0.1:{port}", *services(plain))
    command = plain.begin_lamson("apply", *words, settings=service.settings)
    try:
        yield command
    finally:
        command.kill()
        command.communicate()


def test_where_there_is_no_postfix_or_none_that_runs_a_sentence_says_so(
    settled: PlainPostfix, door_service: Service, tmp_path: Path
) -> None:
    words = ("--yes", "--door", "filter", *services(settled))
    said = settled.lamson("plan", *words, settings=door_service.settings, folder=tmp_path)
    assert (said.status, "has no main.cf" in said.err) == (1, True)
    settled.stop()
    try:
        said = settled.lamson("apply", *words, settings=door_service.settings)
    finally:
        settled.start()
    assert (said.status, "Postfix is not running" in said.err) == (1, True)
