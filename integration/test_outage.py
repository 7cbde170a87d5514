"""What stands behind the service goes away in the middle: mail waits, none bounces, and all arrives."""

import pytest

from integration import arrival
from integration.children import poll
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import SENDER, Traffic
from tests.downstream import RawSink, SunkMail

MAILS = 300
LIMIT_S = 120


@pytest.mark.fault("2.2")
def test_without_the_sink_mail_waits_and_arrives_when_it_is_back(
    postfix: PrivatePostfix, service: Service
) -> None:
    traffic = Traffic(MAILS, "header.{tag}@app.test")
    with traffic.flowing(postfix.ports.front), RawSink.threaded(postfix.ports.sink) as before:
        poll("some have arrived", lambda: len(before.mails) >= MAILS // 3, LIMIT_S)
    poll("mail waits", lambda: _waits(postfix), LIMIT_S)
    with RawSink.threaded(postfix.ports.sink) as after:
        postfix.flush()
        postfix.wait_until_empty(LIMIT_S)
        _assert_all_arrived(traffic, before.mails + after.mails)


@pytest.mark.fault("2.2")
def test_without_the_reentry_mail_waits_and_arrives_when_it_is_back(
    postfix: PrivatePostfix, service: Service
) -> None:
    traffic = Traffic(MAILS, "header.{tag}@app.test")
    seen = len(list(postfix.deliveries()))
    with RawSink.threaded(postfix.ports.sink) as sink:
        with traffic.flowing(postfix.ports.front):
            poll("some have arrived", lambda: len(sink.mails) >= MAILS // 3, LIMIT_S)
            postfix.close_reentry()
        poll("mail waits", lambda: _waits(postfix), LIMIT_S)
        assert service.page("/readyz")[0] == 503
        postfix.open_reentry()
        postfix.flush()
        postfix.wait_until_empty(LIMIT_S)
        _assert_all_arrived(traffic, sink.mails)
        poll("it is ready again", lambda: service.page("/readyz")[0] == 200, LIMIT_S)
    outcomes = {each["status"] for each in list(postfix.deliveries())[seen:]}
    assert outcomes == {"sent", "deferred"}


def _waits(postfix: PrivatePostfix) -> bool:
    return any(mail["queue_name"] == "deferred" for mail in postfix.queue())


def _assert_all_arrived(traffic: Traffic, mails: list[SunkMail]) -> None:
    assert set(arrival.by_recipient(mails)) == set(traffic.recipients)
    assert {arrival.sender(mail) for mail in mails} == {SENDER}, "something bounced"
