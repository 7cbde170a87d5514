"""mta-conf/sendmail with Debian's own Sendmail: mail passes the service once, and waits for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt
from integration.overlay import unpacked
from integration.sendmail import PrivateSendmail, SendmailPorts
from integration.service import Service
from tests.downstream import RawSink

LIMIT_S = 60
HEAD = (
    b"From: alice@example.org\r\nSubject: Soup\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    b"Message-Id: <soup@example.org>\r\n\r\n"
)
CONTENT = HEAD + b"Is there \xe4ny?\r\n"


@pytest.fixture(scope="module")
def packages() -> Path:
    return unpacked("sendmail")


@pytest.fixture(scope="module")
def sendmail(packages: Path) -> Iterator[PrivateSendmail]:
    with PrivateSendmail(packages, SendmailPorts(*free_ports(4))) as sendmail:
        yield sendmail


@pytest.fixture(scope="module")
def behind(sendmail: PrivateSendmail, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, door=sendmail.ports.door, reentry=sendmail.ports.reentry) as service:
        yield service


@pytest.fixture
def sink(sendmail: PrivateSendmail) -> Iterator[RawSink]:
    with RawSink.threaded(sendmail.ports.sink) as sink:
        yield sink


def send(sendmail: PrivateSendmail, *recipients: str) -> None:
    with Client(sendmail.ports.front) as client:
        client.send(Mail("alice@example.org", [Rcpt(to) for to in recipients], CONTENT, "BODY=8BITMIME"))


def decided(service: Service) -> list[str]:
    return [line for line in service.log() if "door=filter" in line]


def test_each_recipients_mail_passes_the_service_once_and_keeps_its_octets(
    sendmail: PrivateSendmail, behind: Service, sink: RawSink
) -> None:
    send(sendmail, "header@app.test", "bob@pass.test")
    poll("both have arrived", lambda: len(sink.mails) == 2, LIMIT_S)
    stamped, plain = sorted(sink.mails, key=lambda mail: b"header@" not in mail.rcpts[0])
    assert b"X-Stamp: seen\r\n" in stamped.content
    assert plain.content.endswith(CONTENT)
    poll("both are in the log", lambda: len(decided(behind)) >= 2, LIMIT_S)
    assert len(decided(behind)) == 2


def test_mail_waits_while_the_service_is_away(
    sendmail: PrivateSendmail, behind: Service, sink: RawSink
) -> None:
    behind.terminate()
    try:
        send(sendmail, "header@app.test")
        poll("it waits", lambda: sendmail.waiting() == 1, LIMIT_S)
        assert not sink.mails
    finally:
        behind.start()
    poll("it has arrived", lambda: bool(sink.mails), LIMIT_S)
    assert sink.mails[0].mail.startswith(b"MAIL From:<alice@example.org>"), "it bounced"
