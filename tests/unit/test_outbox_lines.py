"""What the mail log says of the outbox, of timers and of retention: a line and a number each."""

import logging
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from lamsonproxy.errors import StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import ConversationKey, Outgoing, Timer
from lamsonproxy.mail.reply import Reply
from lamsonproxy.maillog import MailLog
from lamsonproxy.metrics import Metrics
from lamsonproxy.ports import Due
from tests.relay_rig import envelope

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOB, CAROL = Address("bob@example.net"), Address("carol@example.net")
DUE = Due(4711, "lease", Outgoing(envelope(BOB.raw, CAROL.raw), b"x" * 40, "send_on"), 2, "7QF3", NOON)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def log(registry: CollectorRegistry, caplog: pytest.LogCaptureFixture) -> MailLog:
    caplog.set_level(logging.INFO, "lamsonproxy")
    return MailLog(Metrics(registry))


def test_a_mail_of_the_outbox_is_one_line_however_many_it_goes_to(
    log: MailLog, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    log.outbox_sent(DUE, [BOB, CAROL], Reply(250, "2.0.0", "Ok: queued as 4X"))
    [record] = caplog.records
    assert str(record.msg) == (
        '7QF3 outbox_sent row=4711 kind=send_on from=<alice@example.org> to="<bob@example.net> '
        '<carol@example.net>" recipients=2 size=40 attempts=3 reply="250 2.0.0 Ok: queued as 4X"'
    )
    assert registry.get_sample_value("lamson_outbox_total", {"result": "sent"}) == 2


def test_refused_and_deferred_are_warnings_and_the_second_says_until_when(
    log: MailLog, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    log.outbox_refused(DUE, BOB, Reply(550, "5.1.1", "No such user"))
    log.outbox_deferred(DUE, [CAROL], Reply(450, "4.2.0", "Greylisted"), NOON)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert str(caplog.records[1].msg).endswith("retry_at=2026-03-01T12:00:00+00:00")
    for result in ("refused", "deferred"):
        assert registry.get_sample_value("lamson_outbox_total", {"result": result}) == 1


@pytest.mark.parametrize(
    ("error", "has_traceback"), [(StoreError("away"), False), (ValueError("a bug"), True)]
)
def test_what_was_not_foreseen_comes_with_its_traceback(
    log: MailLog, caplog: pytest.LogCaptureFixture, error: Exception, has_traceback: bool
) -> None:
    log.outbox_failed(error)
    log.retention_failed(error)
    assert [bool(record.exc_info) for record in caplog.records] == [has_traceback] * 2


def test_a_mail_that_leaves_without_its_signature_is_a_warning_and_a_number(
    log: MailLog, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    log.not_signed(DUE, ValueError("no head"))
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert str(record.msg) == '7QF3 not_signed row=4711 kind=send_on error="ValueError: no head"'
    assert registry.get_sample_value("lamson_not_signed_total") == 1


def test_a_sweep_that_failed_is_counted_and_a_timer_names_its_function(
    log: MailLog, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    key = ConversationKey("app.lists", "cooks", "bob@example.net")
    log.outbox_failed(StoreError("away"))
    log.retention_failed(StoreError("away"))
    log.timer_failed(None, StoreError("away"))
    log.timer_failed(Timer(key, "PENDING", "EXPIRED", NOON, BOB, {}), StoreError("away"))
    assert str(caplog.records[2].msg) == '- timer_failed error="StoreError: away"'
    assert str(caplog.records[3].msg) == 'app.lists.EXPIRED timer_failed error="StoreError: away"'
    for sweep, times in (("outbox", 1), ("retention", 1), ("timer", 2)):
        assert registry.get_sample_value("lamson_sweep_failures_total", {"sweep": sweep}) == times
