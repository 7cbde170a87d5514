"""Two Postfix hosts, a service on each, one database: conversations are shared, and no mail is taken for another."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest

from integration import ledger
from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt
from integration.fragments import Ports, Programs
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import SENDER, Traffic
from tests.downstream import RawSink
from tests.postgres import Cluster

MAILS = 400
IDENT = "4jXkFQ3V7FzK5CC"
CONTENT = (
    b"Received: from client.example by %s with ESMTP id 4jXkFQ3V7FzK5CC\r\nSubject: One more\r\n\r\nMore.\r\n"
)


@dataclass(frozen=True, slots=True)
class Host:
    """A Postfix and the service behind it."""

    postfix: PrivatePostfix
    service: Service


@pytest.fixture(scope="module")
def url(postgresql: Cluster) -> Iterator[str]:
    with postgresql.database() as url:
        yield url


@pytest.fixture(scope="module")
def hosts(
    programs: Programs, ports: Ports, url: str, sink: RawSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Host, Host]]:
    with ExitStack() as stack:

        def host(name: str) -> Host:
            front, null, reentry, door = free_ports(4)
            own = replace(ports, front=front, null=null, reentry=reentry, door=door)
            postfix = stack.enter_context(PrivatePostfix(programs, own))
            service = Service(
                tmp_path_factory.mktemp(name),
                door=door,
                reentry=reentry,
                app="integration.app.counting:app",
                above=f'database = "{url}"',
                more=ledger.PACE,
            )
            return Host(postfix, stack.enter_context(service))

        yield host("one"), host("another")


@pytest.mark.fault("B5")
def test_two_hosts_share_their_conversations_and_every_mail_is_one_step(
    hosts: tuple[Host, Host], url: str, sink: RawSink
) -> None:
    sink.mails.clear()
    traffic = Traffic(MAILS, ledger.STEPS)
    with ExitStack() as stack:
        for host in hosts:
            stack.enter_context(ledger.told(host.service, host.postfix))
        with traffic.flowing(*(host.postfix.ports.front for host in hosts)):
            pass
        for host in hosts:
            host.postfix.wait_until_empty(ledger.LIMIT_S)
        once = dict.fromkeys(ledger.tags(traffic), 1)
        poll("every mail has counted", lambda: ledger.witnesses(sink).keys() >= once.keys(), ledger.LIMIT_S)
        assert ledger.witnesses(sink) == ledger.effects(url) == once
        assert sorted(ledger.steps(url).values()) == sorted(ledger.mails_each(traffic).values())
        assert {each["status"] for host in hosts for each in host.postfix.deliveries()} == {"sent"}


def test_the_same_queue_id_of_two_hosts_is_two_mails_and_a_retry_is_known_at_either_service(
    hosts: tuple[Host, Host], url: str
) -> None:
    one, another = (host.service for host in hosts)
    at_one, at_another = (host.postfix.ports.door for host in hosts)
    hand_over(at_one, CONTENT % b"one.postfix.test")
    hand_over(at_another, CONTENT % b"another.postfix.test")
    assert ledger.effects(url)["same"] == 2
    # Postfix may have more than one filter behind a name, and a retry goes to any of them.
    hand_over(at_another, CONTENT % b"one.postfix.test")
    hand_over(at_one, CONTENT % b"another.postfix.test")
    assert ledger.effects(url)["same"] == 2
    poll("both have counted it", lambda: settled_again(one) == settled_again(another) == 1, ledger.LIMIT_S)


def hand_over(door: int, content: bytes) -> str:
    """A mail at a door, as Postfix's smtp(8) brings it."""
    with Client(door, "mx.postfix.test") as client:
        client.command(f"XFORWARD IDENT={IDENT}", "250")
        return client.send(Mail(SENDER, [Rcpt("step.77.same@app.test")], content))


def settled_again(service: Service) -> float:
    return service.metric("lamson_settled_retries_total")
