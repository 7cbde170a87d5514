"""Every fault of what stands behind the service, as the remote client hears it through a real Postfix (topology B).

The table is that of tests/wire/test_proxy_faults.py: Postfix hands on our replies as they are, and has none of its own
to give, for we never hang up on it ("queue file write error").
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration.children import free_ports
from integration.client import Client
from integration.fragments import Before, Options, Ports
from integration.postfix import PrivatePostfix
from integration.service import Service
from tests.downstream import FAULTS, STAGES, RawSink, ScriptedDownstream
from tests.wire.test_proxy_faults import BIG, RCPTS, SMALL, TABLE, column

SLOW = ("flood", "drip")
"""Played without Postfix: what it would see is a timeout and garbage."""


@pytest.fixture(scope="module")
def before() -> Before:
    port, door = free_ports(2)
    return Before(port, f"127.0.0.1:{door}")


@pytest.fixture(scope="module")
def options(before: Before) -> Options:
    return Options(before=(before,))


@pytest.fixture(scope="module")
def downstream() -> int:
    """The port where the scripted servers stand, one after the other."""
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def impatient_service(
    ports: Ports,
    before: Before,
    postfix: PrivatePostfix,
    downstream: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """It waits half a second where the usual settings wait a minute, so that what stalls is not waited for."""
    quick = {"RELAY__CONNECT_S": "0.5", "RELAY__COMMAND_S": "0.5", "DOOR__1__DEADLINE_S": "2"}
    more = f'[[door]]\nkind = "proxy"\nlisten = "{before.door}"\n'
    folder = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as environment, ExitStack() as running:
        for key, value in quick.items():
            environment.setenv(f"LAMSON_{key}", value)
        with RawSink.threaded(downstream):  # or it would not become ready
            service = Service(folder, door=ports.door, reentry=downstream, app="", more=more)
            running.enter_context(service)
        yield service


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in SLOW])
def test_postfix_hands_on_what_we_say(
    postfix: PrivatePostfix,
    impatient_service: Service,
    before: Before,
    downstream: int,
    stage: str,
    fault: str,
) -> None:
    with ScriptedDownstream.threaded(stage, fault, port=downstream), Client(before.port) as client:
        client.command("MAIL FROM:<alice@example.org>", "250")
        heard = []
        for rcpt in RCPTS:
            client.write(rcpt + b"\r\n")
            heard.append(client.reply())
        client.write(b"DATA\r\n")
        heard.append(client.reply())
        if heard[3].startswith("354"):
            client.write((BIG if stage == "mid_body" else SMALL) + b".\r\n")
            heard[3] = client.reply()
    assert not any("queue file write error" in reply for reply in heard)
    told = ",".join("-" if reply.startswith("250") else reply[:3] for reply in heard[:3])
    nobody = heard[3].startswith("554 5.5.1 Error: no valid recipients")
    assert told + ("!" if nobody else f",{heard[3][:3]}") == column(TABLE, fault)[stage]
