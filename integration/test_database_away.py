"""The database goes away while mail flows: what needs it waits at Postfix, all else goes on, and all is done once."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from integration import arrival, ledger
from integration.children import poll
from integration.client import Mail, Rcpt
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import CONTENT, CONVERSATIONS, SENDER, Traffic
from tests.downstream import RawSink
from tests.postgres import Cluster, running

MAILS = 300
AWAY_S = 20
LIMIT_S = 240
STEPS = "step.{number}.{tag}@app.test"
PACE = "[outbox]\nsweep_s = 1\nretry_min_s = 1\n"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One that nobody else uses, because it is killed."""
    with running(fsync=True) as cluster:
        yield cluster


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.database() as url:
        yield url


@pytest.fixture
def service(url: str, postfix: PrivatePostfix, tmp_path: Path) -> Service:
    """Not started."""
    return Service(
        tmp_path,
        door=postfix.ports.door,
        reentry=postfix.ports.reentry,
        app="integration.app.counting:app",
        above=f'database = "{url}"',
        more=PACE,
    )


@pytest.fixture
def out(sink: RawSink) -> RawSink:
    """The sink, with nothing in it."""
    sink.mails.clear()
    return sink


@contextmanager
def told(service: Service, postfix: PrivatePostfix) -> Iterator[None]:
    """Show both logs beside a failure, and leave nothing in the queue."""
    try:
        yield
    finally:
        print(*postfix.log()[-30:], *service.log()[-60:], sep="\n")
        postfix.delete_all()


@pytest.mark.fault("B1")
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL])
def test_while_postgresql_is_away_conversations_wait_and_other_mail_flows(
    how: signal.Signals, cluster: Cluster, url: str, postfix: PrivatePostfix, service: Service, out: RawSink
) -> None:
    traffic = Traffic(MAILS, STEPS)
    with told(service, postfix), service:
        workers = service.workers
        with traffic.flowing(postfix.ports.front):
            poll("some have counted", lambda: len(ledger.witnesses(out)) >= MAILS // 10, LIMIT_S)
            cluster.stop(how=how)
            stopped_at = time.monotonic()
        poll("some wait", lambda: any(m["queue_name"] == "deferred" for m in postfix.queue()), LIMIT_S)
        _assert_only_passing_mail_arrives(postfix, out, until=stopped_at + AWAY_S)
        assert service.metric("lamson_store_failures_total") > 0
        assert service.workers == workers
        _start_again(cluster)
        _assert_each_counts_once(traffic, url, postfix, out)
        assert service.workers == workers
        assert service.metric('lamson_dead_letters{queue="outbox"}') == 0


@pytest.mark.fault("B1")
def test_a_service_that_starts_without_its_database_passes_mail_and_works_when_it_comes(
    cluster: Cluster, url: str, postfix: PrivatePostfix, service: Service, out: RawSink
) -> None:
    cluster.stop()
    traffic = Traffic(CONVERSATIONS * 2, STEPS)
    with told(service, postfix), service:
        poll("it says so", lambda: any("store_away" in line for line in service.log()), LIMIT_S)
        with traffic.flowing(postfix.ports.front):
            pass
        _assert_only_passing_mail_arrives(postfix, out, until=time.monotonic())
        poll("all wait", lambda: _waiting(postfix) == set(traffic.recipients), LIMIT_S)
        _start_again(cluster)
        _assert_each_counts_once(traffic, url, postfix, out)


def _assert_only_passing_mail_arrives(postfix: PrivatePostfix, sink: RawSink, *, until: float) -> None:
    """Mail that needs no database arrives, one after the other until then, and nothing else does."""
    # What had left us when the database went away may still be at Postfix.
    poll("all witnesses have arrived", lambda: not _on_their_way(postfix), LIMIT_S)
    before = ledger.witnesses(sink)
    for number in count():
        _pass(postfix, sink, f"passing{number}@pass.test")
        if time.monotonic() >= until:
            break
    assert ledger.witnesses(sink) == before


def _pass(postfix: PrivatePostfix, sink: RawSink, recipient: str) -> None:
    postfix.send(Mail(SENDER, [Rcpt(recipient)], CONTENT))
    poll(f"{recipient} has mail", lambda: recipient in arrival.by_recipient(list(sink.mails)), LIMIT_S)


def _on_their_way(postfix: PrivatePostfix) -> list[str]:
    addresses = (recipient["address"] for mail in postfix.queue() for recipient in mail["recipients"])
    return [address for address in addresses if address.endswith("@witness.test")]


def _assert_each_counts_once(traffic: Traffic, url: str, postfix: PrivatePostfix, sink: RawSink) -> None:
    postfix.flush()
    once = dict.fromkeys(ledger.tags(traffic), 1)
    poll("every mail has counted", lambda: ledger.witnesses(sink).keys() >= once.keys(), LIMIT_S)
    postfix.wait_until_empty(LIMIT_S)
    assert ledger.witnesses(sink) == once
    assert ledger.effects(url) == once
    assert sorted(ledger.steps(url).values()) == [len(once) // CONVERSATIONS] * CONVERSATIONS
    ours = [each for each in postfix.deliveries() if each["to"] in traffic.recipients]
    assert {each["status"] for each in ours} == {"sent", "deferred"}
    assert {each["dsn"] for each in ours if each["status"] == "deferred"} == {"4.3.0"}


def _waiting(postfix: PrivatePostfix) -> set[str]:
    """Who has deferred mail."""
    deferred = (mail for mail in postfix.queue() if mail["queue_name"] == "deferred")
    return {recipient["address"] for mail in deferred for recipient in mail["recipients"]}


def _start_again(cluster: Cluster) -> None:
    poll("PostgreSQL runs again", lambda: _starts(cluster), LIMIT_S, every_s=0.5)


def _starts(cluster: Cluster) -> bool:
    try:
        cluster.start()
    except RuntimeError:
        # What a killed postmaster's children still hold keeps a new one from starting.
        return False
    return True
