"""What stands behind the service goes away in the middle: mail waits, none bounces, and all arrives."""

from dataclasses import replace
from pathlib import Path

import pytest

from integration import arrival
from integration.children import free_ports, poll
from integration.fragments import Ports, Programs
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import SENDER, Traffic
from tests.downstream import RawSink, SunkMail

MAILS = 300
LIMIT_S = 60


@pytest.mark.fault("2.2")
def test_without_the_sink_mail_waits_and_arrives_when_it_is_back(
    postfix: PrivatePostfix, service: Service
) -> None:
    traffic = Traffic(MAILS, "header.{tag}@app.test")
    with traffic.flowing(postfix.ports.front), RawSink.threaded(postfix.ports.sink) as before:
        poll("some have arrived", lambda: len(before.mails) >= MAILS // 3, LIMIT_S)
    poll("mail waits", lambda: _waits(postfix), LIMIT_S)
    with RawSink.threaded(postfix.ports.sink) as after:
        postfix.flush_until_empty(LIMIT_S)
        _assert_all_arrived(traffic, before.mails + after.mails)


@pytest.mark.fault("2.2")
def test_without_the_reentry_mail_waits_and_arrives_when_it_is_back(
    programs: Programs, tmp_path: Path
) -> None:
    """The re-entry is a Postfix of its own here, so that it can go away while the front stays."""
    ports = Ports(*free_ports(5))
    elsewhere = replace(ports, **dict(zip(("front", "null", "reentry"), free_ports(3), strict=True)))
    traffic = Traffic(MAILS, "header.{tag}@app.test")
    with (
        RawSink.threaded(ports.sink) as sink,
        PrivatePostfix(programs, ports) as front,
        PrivatePostfix(programs, elsewhere) as behind,
        Service(tmp_path, door=ports.door, reentry=elsewhere.reentry) as service,
    ):
        with traffic.flowing(ports.front):
            poll("some have arrived", lambda: len(sink.mails) >= MAILS // 3, LIMIT_S)
            behind.stop()
        poll("mail waits", lambda: _waits(front), LIMIT_S)
        poll("it says so", lambda: service.page("/readyz")[0] == 503, LIMIT_S)
        behind.start()
        front.flush_until_empty(LIMIT_S)
        behind.wait_until_empty(LIMIT_S)
        _assert_all_arrived(traffic, sink.mails)
        assert {each["status"] for each in front.deliveries()} == {"sent", "deferred"}
        poll("it is ready again", lambda: service.page("/readyz")[0] == 200, LIMIT_S)


def _waits(postfix: PrivatePostfix) -> bool:
    return any(mail["queue_name"] == "deferred" for mail in postfix.queue())


def _assert_all_arrived(traffic: Traffic, mails: list[SunkMail]) -> None:
    assert set(arrival.by_recipient(mails)) == set(traffic.recipients)
    assert {arrival.sender(mail) for mail in mails} == {SENDER}, "something bounced"
