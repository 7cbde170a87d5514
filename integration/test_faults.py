"""Every fault of what stands behind the service, as Postfix takes it (topology A of the fault table).

A mail for two recipients goes through a real Postfix; in the re-entry's place a scripted server plays the fault. The
cell is what Postfix made of our one reply: d for deferred, b for bounced, s for sent. A refused recipient beside one
that was taken is sent: its copy is in quarantine, and the sender gets a DSN.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration.children import free_ports, poll
from integration.client import Mail, Rcpt
from integration.fragments import Ports
from integration.postfix import PrivatePostfix
from integration.service import Service
from tests.downstream import RawSink, ScriptedDownstream

TABLE = """
stage      refused  timeout  4xx  5xx  421+close  rst  fin  garbage
connect    d        d        d    d    d          d    d    d
banner     d        d        d    d    d          d    d    d
ehlo       d        d        d    d    d          d    d    d
xforward   d        d        d    d    d          d    d    d
mail       d        d        d    b    d          d    d    d
rcpt1      d        d        d    s    d          d    d    d
rcpt_k     d        d        d    s    d          d    d    d
data       d        d        d    b    d          d    d    d
mid_body   d        d        d    b    d          d    d    d
after_dot  d        d        d    b    d          d    d    d
quit       s        s        s    s    s          s    s    s
"""

WORDS = {"d": "deferred", "b": "bounced", "s": "sent"}
SMALL = b"Subject: hello\r\n\r\ntext\r\n"
BIG = SMALL + (b"x" * 78 + b"\r\n") * 200_000
LIMIT_S = 60


def cells() -> Iterator[tuple[str, str, str]]:
    (_, *faults), *rows = (line.split() for line in TABLE.strip().splitlines())
    return ((row[0], fault, WORDS[cell]) for row in rows for fault, cell in zip(faults, row[1:], strict=True))


@pytest.fixture(scope="module")
def downstream() -> int:
    """The port where the scripted servers stand, one after the other."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def impatient_service(
    ports: Ports, postfix: PrivatePostfix, downstream: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """It waits two seconds where the usual settings wait a minute, so that what stalls is not waited for."""
    quick = {"RELAY__CONNECT_S": "1", "RELAY__COMMAND_S": "2", "DOOR__0__DEADLINE_S": "8"}
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as environment, ExitStack() as running:
        for key, value in quick.items():
            environment.setenv(f"LAMSON_{key}", value)
        with RawSink.threaded(downstream):  # or it would not become ready
            service = Service(folder, door=ports.door, reentry=downstream, app="")
            running.enter_context(service)
        yield service


@pytest.mark.fault("2.2")
@pytest.mark.parametrize(("stage", "fault", "status"), list(cells()), ids=lambda word: str(word))
def test_postfix_keeps_the_mail_unless_downstream_refused_it(
    postfix: PrivatePostfix,
    impatient_service: Service,
    downstream: int,
    stage: str,
    fault: str,
    status: str,
) -> None:
    mail = Mail(
        "alice@example.com",
        (Rcpt("bob@pass.test"), Rcpt("carol@pass.test")),
        BIG if stage == "mid_body" else SMALL,
    )
    with ScriptedDownstream.threaded(stage, fault, port=downstream, k=2):
        queue_id = postfix.send(mail).split()[-1]
        poll("Postfix knows what became of it", lambda: len(_statuses(postfix, queue_id)) == 2, LIMIT_S)
        postfix.delete_all()
    assert set(_statuses(postfix, queue_id).values()) == {status}


def _statuses(postfix: PrivatePostfix, queue_id: str) -> dict[str, str]:
    """The first status of each recipient."""
    statuses: dict[str, str] = {}
    for delivery in postfix.deliveries():
        if delivery["id"] == queue_id:
            statuses.setdefault(delivery["to"], delivery["status"])
    return statuses
