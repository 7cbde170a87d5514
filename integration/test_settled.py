"""A mail that comes again is the same mail, or another one: two doors in a chain, and before the queue."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import ledger
from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt
from integration.fragments import Before, Options, Ports
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import CONTENT, SENDER
from tests.downstream import RawSink

CRASH = "LAMSON_CRASH_AT"
EACH = """\
each      unix - - n - 10 lmtp
    -o syslog_name=postfix/each
    -o lmtp_send_xforward_command=yes
"""


@pytest.fixture(scope="module")
def lmtp() -> int:
    """The port of the second door."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def before() -> Before:
    port, door = free_ports(2)
    return Before(port, f"127.0.0.1:{door}")


@pytest.fixture(scope="module")
def options(lmtp: int, before: Before) -> Options:
    chained = f"transport_maps = inline:{{ {{ app.test = each:inet:[127.0.0.1]:{lmtp} }} }}"
    return Options(settings=chained, services=EACH, before=(before,))


@pytest.fixture
def service(
    ports: Ports, lmtp: int, before: Before, postfix: PrivatePostfix, sink: RawSink, tmp_path: Path
) -> Iterator[Service]:
    """One service with three doors; stopped, because a test says how it starts."""
    sink.mails.clear()
    more = f"""\
[[door]]
kind = "lmtp"
listen = "127.0.0.1:{lmtp}"
domains = ["app.test"]

[[door]]
kind = "proxy"
listen = "{before.door}"

{ledger.PACE}"""
    service = Service(
        tmp_path,
        door=ports.door,
        reentry=ports.reentry,
        app="integration.app.counting:app",
        above='database = "sqlite:///var/lamson.db"',
        more=more,
    )
    with ledger.told(service, postfix):
        try:
            yield service
        finally:
            service.kill()


def url_of(service: Service) -> str:
    return f"sqlite:///{service.folder}/var/lamson.db"


def wait_until_forgotten(service: Service) -> None:
    """Postfix has read our answer, hung up, and the mail may come as another one."""
    poll("it is forgotten", lambda: not ledger.settled(url_of(service)), ledger.LIMIT_S)


def test_two_doors_in_a_chain_do_not_settle_each_others_mail(
    service: Service, postfix: PrivatePostfix, sink: RawSink
) -> None:
    service.start()
    postfix.send(Mail(SENDER, [Rcpt("chain.m1@app.test")], CONTENT))
    at_both = {"m1.filter": 1, "m1.lmtp": 1}
    poll("both have told", lambda: ledger.witnesses(sink) == at_both, ledger.LIMIT_S)
    postfix.wait_until_empty()
    assert ledger.effects(url_of(service)) == at_both
    # XFORWARD hands the first door's queue id to the second: it alone would not tell the two apart.
    lines = [line for line in service.log() if "to=<chain.m1@app.test>" in line]
    idents = {found[1] for line in lines if (found := re.search(r"queue_id=(\w+)", line))}
    assert len(lines) == 2 and len(idents) == 1


def test_before_the_queue_the_same_mail_sent_on_purpose_is_another_mail(
    service: Service, before: Before, sink: RawSink
) -> None:
    service.start()
    with Client(before.port) as client:
        for _ in range(3):
            client.send(Mail(SENDER, [Rcpt("step.1.twice@app.test")], CONTENT))
            wait_until_forgotten(service)
    assert ledger.effects(url_of(service)) == {"twice": 3}
    poll("each has told", lambda: ledger.witnesses(sink) == {"twice": 3}, ledger.LIMIT_S)


@pytest.mark.fault("K2")
def test_before_the_queue_a_retry_after_a_lost_answer_is_the_same_mail_and_the_next_one_is_not(
    service: Service, before: Before, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Mail(SENDER, [Rcpt("step.1.lost@app.test")], CONTENT)
    monkeypatch.setenv(CRASH, "before-answer")
    service.start()
    with Client(before.port) as client:
        client.envelope(mail)
        client.write(CONTENT + b".\r\n")
        assert client.reply().startswith("451")
    assert ledger.effects(url_of(service)) == {"lost": 1}
    service.kill()
    monkeypatch.delenv(CRASH)
    service.start()
    with Client(before.port) as client:
        client.send(mail)
        assert ledger.effects(url_of(service)) == {"lost": 1}
        wait_until_forgotten(service)
        client.send(mail)
        assert ledger.effects(url_of(service)) == {"lost": 2}
    assert service.metric("lamson_settled_retries_total") == 1
