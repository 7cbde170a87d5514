"""The database goes away while mail flows: what needs it waits at Postfix, all else goes on, and all is done once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from integration import ledger
from integration.children import children_of, poll
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import CONVERSATIONS, Traffic
from tests import mariadb, postgres
from tests.downstream import RawSink
from tests.mariadb import Server
from tests.postgres import Cluster

MAILS = 300
AWAY_S = 20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One that nobody else uses, because it is killed."""
    with postgres.running(fsync=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[Server]:
    """The same."""
    with mariadb.running() as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Cluster | Server:
    """The database of the service: PostgreSQL, where a test does not say which."""
    given: Cluster | Server = request.getfixturevalue(getattr(request, "param", "cluster"))
    return given


@pytest.fixture
def url(server: Cluster | Server) -> Iterator[str]:
    with server.database() as url:
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
        more=ledger.PACE,
    )


@pytest.fixture
def out(sink: RawSink) -> RawSink:
    """The sink, with nothing in it."""
    sink.mails.clear()
    return sink


@pytest.mark.fault("B1")
@pytest.mark.parametrize(
    ("server", "how"),
    [("cluster", signal.SIGQUIT), ("cluster", signal.SIGKILL), ("mariadb_server", signal.SIGKILL)],
    indirect=["server"],
)
def test_while_the_database_is_away_conversations_wait_and_other_mail_flows(
    how: signal.Signals,
    server: Cluster | Server,
    url: str,
    postfix: PrivatePostfix,
    service: Service,
    out: RawSink,
) -> None:
    traffic = Traffic(MAILS, ledger.STEPS)
    with ledger.told(service, postfix), service:
        workers = service.workers
        with traffic.flowing(postfix.ports.front):
            poll("some have counted", lambda: len(ledger.witnesses(out)) >= MAILS // 10, ledger.LIMIT_S)
            server.stop(how=how)
            stopped_at = time.monotonic()
        poll("some wait", lambda: bool(ledger.waiting(postfix)), ledger.LIMIT_S)
        ledger.assert_only_passing_mail_arrives(postfix, out, until=stopped_at + AWAY_S)
        assert service.metric("lamson_store_failures_total") > 0
        assert service.workers == workers
        _start_again(server)
        ledger.assert_each_counts_once(traffic, url, postfix, out)
        assert service.workers == workers
        assert service.metric('lamson_dead_letters{queue="outbox"}') == 0


@pytest.mark.fault("B1")
def test_a_service_that_starts_without_its_database_passes_mail_and_works_when_it_comes(
    cluster: Cluster, url: str, postfix: PrivatePostfix, service: Service, out: RawSink
) -> None:
    cluster.stop()
    traffic = Traffic(CONVERSATIONS * 2, ledger.STEPS)
    with ledger.told(service, postfix), service:
        poll("it says so", lambda: any("store_away" in line for line in service.log()), ledger.LIMIT_S)
        with traffic.flowing(postfix.ports.front):
            pass
        ledger.assert_only_passing_mail_arrives(postfix, out, until=time.monotonic())
        poll("all wait", lambda: ledger.waiting(postfix) == set(traffic.recipients), ledger.LIMIT_S)
        _start_again(cluster)
        ledger.assert_each_counts_once(traffic, url, postfix, out)


@pytest.mark.fault("B1")
def test_while_postgresql_says_nothing_conversations_wait_and_other_mail_flows(
    cluster: Cluster,
    url: str,
    postfix: PrivatePostfix,
    service: Service,
    out: RawSink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAMSON_STATE__LOCK_WAIT_S", "1")
    # Each of them holds one of Postfix's connections until it is given up, and Postfix begins with five.
    traffic = Traffic(3, ledger.STEPS)
    with ledger.told(service, postfix), service:
        workers = service.workers
        with _silent(cluster):
            silent_at = time.monotonic()
            with traffic.flowing(postfix.ports.front):
                pass
            ledger.assert_only_passing_mail_arrives(postfix, out, until=silent_at + AWAY_S)
            poll(
                "each was deferred",
                lambda: ledger.deferred(postfix) >= set(traffic.recipients),
                ledger.LIMIT_S,
            )
        ledger.assert_each_counts_once(traffic, url, postfix, out)
        assert service.workers == workers


def _start_again(server: Cluster | Server) -> None:
    poll("the database runs again", lambda: _starts(server), ledger.LIMIT_S, every_s=0.5)


def _starts(server: Cluster | Server) -> bool:
    try:
        server.start()
    except RuntimeError:
        # What a killed postmaster's children still hold keeps a new one from starting.
        return False
    return True


@contextmanager
def _silent(cluster: Cluster) -> Iterator[None]:
    """Its processes stand still, as on a machine whose disk does not answer; connections stay, and nobody replies."""
    processes = [cluster.pid, *children_of(cluster.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            with suppress(
                ProcessLookupError
            ):  # the postmaster goes on first, and may have ended some of the others
                os.kill(pid, signal.SIGCONT)
