"""The mail log: one event is one line, whatever was in it; and each event is counted."""

import json
import logging
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from lamsonproxy.errors import AppError, RemoteError, StorageError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import parse_xforward
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.maillog import Event, MailLog
from lamsonproxy.maillog.lines import JsonLines, LineHandler, TextLines
from lamsonproxy.metrics import Metrics
from lamsonproxy.ports import MailLog as MailLogPort

TAKEN = Reply(250, "2.0.0", "Ok: queued as 4X")
PIECES = [
    "\r\n",
    "\n",
    "\r",
    "\x1b[2J",
    "\u202e",
    "\u2028",
    "\x00",
    "\x7f",
    "\udc80",
    '"',
    "\\",
    " ",
    "=",
    "ü",
    "x" * 300,
]


class Lines:
    """A log that is read back from the file that it was written to."""

    def __init__(self, path: Path, formatter: logging.Formatter) -> None:
        self.failures = 0
        self._file = path.open("w+b")
        self.handler = LineHandler(self._file.fileno(), self._fail)
        self.handler.setFormatter(formatter)

    def _fail(self) -> None:
        self.failures += 1

    def read(self) -> list[str]:
        self.handler.flush()
        self._file.seek(0)
        return self._file.read().decode("ascii").splitlines()

    def close(self) -> None:
        self.handler.flush()
        self.handler.close()
        self._file.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[logging.Formatter], Lines]]:
    log = logging.getLogger("lamsonproxy")
    made: list[Lines] = []

    def open_with(formatter: logging.Formatter) -> Lines:
        made.append(Lines(tmp_path / "log", formatter))
        # Alone: pytest's own handler keeps what it gets, and its report cannot carry lone surrogates.
        log.handlers[:] = [made[-1].handler]
        return made[-1]

    log.setLevel(logging.INFO)
    log.propagate = False
    yield open_with
    log.propagate = True
    log.setLevel(logging.NOTSET)
    log.handlers.clear()
    for lines in made:
        lines.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def mail_log(registry: CollectorRegistry) -> MailLog:
    return MailLog(Metrics(registry))


def transaction(sender: str = "a@example.com", to: str = "b@example.org", xforward: str = "") -> Transaction:
    envelope = Envelope(Address(sender), (Recipient(Address(to)),))
    if xforward:
        envelope = Envelope(Address(sender), (Recipient(Address(to)),), xforward=parse_xforward(xforward))
    body = b"Subject: canary-subject\r\n\r\ncanary-body\r\n"
    return Transaction("7QF3", Session("filter", "127.0.0.1", helo="canary-helo"), envelope, Message(body))


def decide(log: MailLog, mail: Transaction, **changes: str) -> None:
    words = {"verdict": "accept", "route": "lists.POSTING", "queued_as": "4X"} | changes
    log.decided(mail, 0, reply=TAKEN, seconds=0.01234, **words)


def test_the_line_of_a_recipient(mail_log: MailLog, opened: Callable[..., Lines]) -> None:
    lines = opened(TextLines(for_journal=True))
    decide(mail_log, transaction(xforward="NAME=mx.example.com ADDR=192.0.2.7 IDENT=3XYZ"))
    assert lines.read() == [
        "<6>7QF3 lists.POSTING accept from=<a@example.com> to=<b@example.org> client=mx.example.com[192.0.2.7]"
        ' queue_id=3XYZ door=filter size=40 reply="250 2.0.0 Ok: queued as 4X" queued_as=4X seconds=0.0123'
    ]


def test_outside_the_journal_a_line_has_the_time_and_the_level(
    mail_log: MailLog, opened: Callable[..., Lines]
) -> None:
    lines = opened(TextLines(for_journal=False))
    decide(mail_log, transaction(), route="", queued_as="")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO 7QF3 - accept from=", lines.read()[0])


def test_the_same_line_as_json(mail_log: MailLog, opened: Callable[..., Lines]) -> None:
    lines = opened(JsonLines())
    decide(mail_log, transaction(to='"x y"@example.org'))
    line = json.loads(lines.read()[0])
    assert line["event"] == "decided"
    assert (line["trace"], line["route"], line["verdict"]) == ("7QF3", "lists.POSTING", "accept")
    assert (line["to"], line["size"], line["seconds"]) == ('<"x y"@example.org>', 40, 0.0123)


@pytest.mark.fault("A4")
@pytest.mark.parametrize(
    "formatter", [TextLines(False), TextLines(True), JsonLines()], ids=["text", "journal", "json"]
)
def test_hostile_text_stays_one_line_of_ascii(
    mail_log: MailLog, opened: Callable[..., Lines], formatter: logging.Formatter
) -> None:
    lines = opened(formatter)
    random.seed(4)
    for _ in range(2_500):
        hostile = "".join(random.choices(PIECES, k=random.randrange(1, 9)))
        decide(mail_log, transaction(hostile, hostile), route=hostile)
        mail_log.notice_failed(hostile, ValueError(hostile))
        mail_log.handler_failed(transaction(), "r", ValueError(hostile))
        logging.getLogger("lamsonproxy.app").warning("%s", hostile)
        lines.handler.flush()
    read = lines.read()
    assert len(read) == 10_000
    assert all(line.isprintable() for line in read)
    assert lines.failures == 0


@pytest.mark.fault("A4")
def test_a_field_ends_where_it_seems_to_end(mail_log: MailLog, opened: Callable[..., Lines]) -> None:
    lines = opened(TextLines(True))
    decide(mail_log, transaction(sender='a" verdict="forged\\', to="x" * 64_000))
    (line,) = lines.read()
    assert ' from="<a\\" verdict=\\"forged\\\\>" ' in line
    assert ' to="<' + "x" * 255 + '" ' in line


@pytest.mark.fault("A4")
def test_a_disk_that_is_full_stops_nothing_and_is_counted() -> None:
    failures: list[int] = []
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        handler = LineHandler(full, lambda: failures.append(1))
        handler.handle(logging.makeLogRecord({"msg": Event("x", {})}))
        handler.flush()
        handler.close()
    finally:
        os.close(full)
    assert failures == [1]


@pytest.mark.fault("A5")
def test_nothing_of_the_content_is_written(mail_log: MailLog, opened: Callable[..., Lines]) -> None:
    lines = opened(TextLines(True))
    mail = transaction()
    mail_log.received(mail)
    decide(mail_log, mail)
    mail_log.relay_failed(mail, RemoteError("DATA", "timeout"))
    mail_log.copies_differ(mail)
    mail_log.handler_overran(mail, "r", 1.0)
    assert "canary" not in "\n".join(lines.read())


def test_what_a_scanner_said_is_one_line(mail_log: MailLog, opened: Callable[..., Lines]) -> None:
    lines = opened(TextLines(for_journal=True))
    mail_log.scanned(
        transaction(), scanner="rspamd", grade="spam", score=17.5, what="add header", seconds=0.25
    )
    mail_log.scanned(transaction(), scanner="clamav", grade="away", score=None, what="a\r\nb", seconds=2)
    assert lines.read() == [
        '<6>7QF3 scanned scanner=rspamd grade=spam score=17.5 what="add header" seconds=0.25',
        '<4>7QF3 scanned scanner=clamav grade=away what="a\\r\\nb" seconds=2',
    ]


def test_a_traceback_is_one_line_and_ends_with_the_error(
    mail_log: MailLog, opened: Callable[..., Lines]
) -> None:
    lines = opened(TextLines(True))
    try:
        raise RuntimeError("a\r\nforged line")
    except RuntimeError as error:
        mail_log.handler_failed(transaction(), "lists.POSTING", error)
    (line,) = lines.read()
    assert line.startswith(
        '<3>7QF3 lists.POSTING handler_failed error="RuntimeError: a\\r\\nforged line" traceback="'
    )
    assert line.endswith('RuntimeError: a\\r\\nforged line"')


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("not even this")


@pytest.mark.fault("H1")
def test_an_exception_that_cannot_say_what_it_is_is_logged(
    mail_log: MailLog, opened: Callable[..., Lines]
) -> None:
    lines = opened(TextLines(True))
    mail_log.handler_failed(transaction(), "r", Speechless())
    assert "error=Speechless" in lines.read()[0]


def test_no_event_ever_raises(registry: CollectorRegistry) -> None:
    log = MailLog(Metrics(registry))
    log.received(None)  # type: ignore[arg-type]  # a bug of ours, and still no mail is lost for it
    assert registry.get_sample_value("lamson_log_failures_total") == 1


def test_every_event_is_counted(mail_log: MailLogPort, registry: CollectorRegistry) -> None:
    mail = transaction()
    mail_log.received(mail)
    mail_log.decided(mail, 0, verdict="quarantine", route="r", reply=TAKEN, queued_as="", seconds=1)
    mail_log.handler_ran(mail, "r", 0.1)
    mail_log.handler_failed(mail, "r", ValueError())
    mail_log.handler_failed(mail, "r", AppError("wrong"))
    mail_log.handler_overran(mail, "r", 540)
    mail_log.relay_answered(TAKEN, 0.1)
    mail_log.relay_failed(mail, RemoteError("dot", "closed", ambiguous=True))
    mail_log.storage_failed(mail, StorageError("kept", OSError(28, "No space left on device")))
    mail_log.copies_differ(mail)
    mail_log.would_loop(mail, Address("a@lists.example.org"))
    mail_log.added_recipient_refused(mail, Address("archive@example.org"), Reply(550, "5.1.1", "no"))
    mail_log.bug(mail, ValueError())
    mail_log.not_measured(ValueError())
    mail_log.notice_sent("n", TAKEN)
    mail_log.notice_sent("n", Reply(550, "5.1.1", "no"))
    mail_log.notice_failed("n", ValueError())
    mail_log.scanned(mail, scanner="clamav", grade="virus", score=None, what="Eicar", seconds=0.1)
    mail_log.refused_peer("filter", "192.0.2.1")
    mail_log.refused_session("filter", "192.0.2.1", "errors")
    for name, labels in [
        ("lamson_message_bytes_count", {}),
        ("lamson_messages_total", {"door": "filter", "verdict": "quarantine"}),
        ("lamson_quarantined_total", {"route": "r"}),
        ("lamson_handler_seconds_count", {"route": "r"}),
        ("lamson_handler_errors_total", {"route": "r", "kind": "raised"}),
        ("lamson_handler_errors_total", {"route": "r", "kind": "wrong"}),
        ("lamson_handler_errors_total", {"route": "r", "kind": "overran"}),
        ("lamson_relay_seconds_count", {}),
        ("lamson_relay_replies_total", {"code_class": "2xx"}),
        ("lamson_relay_failures_total", {"stage": "dot", "kind": "closed"}),
        ("lamson_ambiguous_total", {}),
        ("lamson_storage_failures_total", {}),
        ("lamson_copies_differ_total", {}),
        ("lamson_would_loop_total", {}),
        ("lamson_added_recipients_refused_total", {}),
        ("lamson_notices_total", {"outcome": "sent"}),
        ("lamson_notices_total", {"outcome": "refused"}),
        ("lamson_notices_total", {"outcome": "failed"}),
        ("lamson_scans_total", {"scanner": "clamav", "grade": "virus"}),
        ("lamson_scan_seconds_count", {"scanner": "clamav"}),
        ("lamson_refused_sessions_total", {"door": "filter", "reason": "untrusted"}),
        ("lamson_refused_sessions_total", {"door": "filter", "reason": "errors"}),
    ]:
        assert registry.get_sample_value(name, labels) == 1, name
    assert registry.get_sample_value("lamson_bugs_total") == 2
    assert registry.get_sample_value("lamson_log_failures_total") == 0


@pytest.mark.fault("S11")
def test_a_flood_of_strangers_is_ten_lines_a_minute(
    registry: CollectorRegistry, opened: Callable[..., Lines]
) -> None:
    lines = opened(TextLines(True))
    now = [0.0]
    log = MailLog(Metrics(registry), lambda: now[0])
    for _ in range(1_000):
        log.refused_peer("filter", "192.0.2.1")
    assert len(lines.read()) == 10
    now[0] = 61.0
    log.refused_peer("filter", "192.0.2.1")
    assert lines.read()[-1] == "<4>refused_peer door=filter peer=192.0.2.1 left_out=990"
