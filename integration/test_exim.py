"""mta-conf/exim with Debian's own Exim: mail passes the service once, waits for it, and stays as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt
from integration.exim import EximPorts, PrivateExim
from integration.overlay import unpacked
from integration.service import Service
from tests.downstream import RawSink

LIMIT_S = 60
LONG_LINE = b"x" * 5000 + b"\r\n"
CONTENT = b"From: alice@example.org\r\nSubject: Soup\r\n\r\nIs there \xe4ny?\r\n" + LONG_LINE


@pytest.fixture(scope="module")
def packages() -> Path:
    return unpacked("exim")


@pytest.fixture(scope="module")
def exim(packages: Path) -> Iterator[PrivateExim]:
    with PrivateExim(packages, EximPorts(*free_ports(4))) as exim:
        yield exim


@pytest.fixture(scope="module")
def behind(exim: PrivateExim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, door=exim.ports.door, reentry=exim.ports.reentry) as service:
        yield service


@pytest.fixture
def sink(exim: PrivateExim) -> Iterator[RawSink]:
    with RawSink.threaded(exim.ports.sink) as sink:
        yield sink
    print(exim.log()[-4000:])


def send(exim: PrivateExim, *recipients: str) -> None:
    with Client(exim.ports.front) as client:
        client.send(Mail("alice@example.org", [Rcpt(to) for to in recipients], CONTENT))


def decided(service: Service) -> list[str]:
    return [line for line in service.log() if "door=filter" in line]


def test_each_recipients_mail_passes_the_service_once_and_keeps_its_octets(
    exim: PrivateExim, behind: Service, sink: RawSink
) -> None:
    send(exim, "header@app.test", "bob@pass.test")
    poll("both have arrived", lambda: len(sink.mails) == 2, LIMIT_S)
    stamped, plain = sorted(sink.mails, key=lambda mail: b"header@" not in mail.rcpts[0])
    assert b"X-Stamp: seen\r\n" in stamped.content
    assert plain.content.endswith(CONTENT)
    poll("the queue is empty", lambda: exim.queue_count() == 0, LIMIT_S)
    poll("both are in the log", lambda: len(decided(behind)) >= 2, LIMIT_S)
    assert len(decided(behind)) == 2


def test_mail_waits_while_the_service_is_away(exim: PrivateExim, behind: Service, sink: RawSink) -> None:
    behind.terminate()
    try:
        send(exim, "header@app.test")
        poll("it waits", lambda: "Connection refused" in exim.log(), LIMIT_S)
        assert exim.queue_count() == 1
    finally:
        behind.start()
    poll("it has arrived", lambda: bool(sink.mails), LIMIT_S)
    assert len(sink.mails) == 1
    assert sink.mails[0].mail.startswith(b"MAIL FROM:<alice@example.org>"), "it bounced"
