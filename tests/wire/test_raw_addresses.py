"""Addresses in octets that are not UTF-8, which Postfix with smtputf8_enable = no hands on: everything copes with them.

They came with a 250 from Postfix, so a 5xx of ours would be a bounce of mail that goes through without us.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from lamsonproxy.app.mail import Mail
from lamsonproxy.cli.quarantine import rows
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import Accept, Discard, Quarantine, Reject
from lamsonproxy.maillog import MailLog
from lamsonproxy.maillog.lines import JsonLines, TextLines
from lamsonproxy.metrics import Metrics
from lamsonproxy.queues.quarantine import MaildirQuarantine
from tests.engine_rig import BARE, CONTENT, Rig, answering, mail, on
from tests.wire.test_filter import filtering

SENDER, BOB = "jos\udce9@example.org", "b\udce9b@caf\udce9.example"
ORCPT = f"ORCPT=rfc822;{BOB}"


async def test_they_go_through_the_filter_door_and_the_relay_octet_for_octet() -> None:
    seen: list[str] = []

    def handler(mail: Mail, local: str = "") -> None:
        seen.append(f"{mail.recipient.local} {mail.recipient.domain} {mail.recipient.ascii_domain}")
        mail.headers.add("X-Checked-By", "lamsonproxy")

    async with filtering(on(".+@caf.\\.example", handler)) as filter:
        client = await filter.client()
        assert (await client.ask(b"XFORWARD NAME=caf\xe9.example\r\n")).startswith("250 ")
        assert (await client.ask(b"MAIL FROM:<jos\xe9@example.org>\r\n")).startswith("250 ")
        assert (await client.ask(b"RCPT TO:<b\xe9b@caf\xe9.example> ORCPT=rfc822;b\xe9b\r\n")).startswith(
            "250 "
        )
        assert (await client.ask(b"DATA\r\n")).startswith("354 ")
        assert (await client.ask(CONTENT + b".\r\n")).startswith("250 ")
    [sunk] = filter.sink.mails
    assert sunk.mail == b"MAIL FROM:<jos\xe9@example.org>"
    assert sunk.rcpts[0].startswith(b"RCPT TO:<b\xe9b@caf\xe9.example>")
    assert len(seen) == 1


@pytest.mark.parametrize("verdict", [Accept(), Discard(), Quarantine("odd"), Reject("5.7.1", "No")])
async def test_every_verdict_about_them_is_settled(verdict: object) -> None:
    for settle in ("settle", "settle_each"):
        rig = Rig((on(".+@caf.+", answering(verdict)),))
        transaction = mail(f"{BOB} {ORCPT}", "carol@x.org", sender=SENDER)
        replies: Any = await getattr(rig, settle)(transaction)
        assert (replies if isinstance(replies, Reply) else replies[1]).is_positive
        [(envelope, _)] = [*rig.downstream.mails]
        assert envelope.sender.raw == SENDER


async def test_before_the_queue_they_are_asked_about_and_handed_on() -> None:
    rig = Rig()
    transaction = mail(BOB, sender=SENDER)
    proxying = rig.engine.receive(BARE)
    assert (await proxying.ask(transaction)).is_positive
    assert (await proxying.settle(transaction, lambda: False)).is_positive
    assert rig.downstream.mails == [(transaction.envelope, CONTENT)]


async def test_a_refused_one_is_told_by_a_notice_that_can_be_sent() -> None:
    rig = Rig()
    rig.downstream.replies = {BOB: Reply(550, "5.1.1", "No such user")}
    assert (await rig.settle(mail(f"{BOB} {ORCPT}", "carol@x.org", sender=SENDER))).is_positive
    [notice] = rig.sent.letters.values()
    assert notice.envelope.recipients[0].address.raw == SENDER and not notice.envelope.params.get("SMTPUTF8")
    assert b"Final-Recipient: utf-8; b?b@caf?.example" in notice.content


def test_they_come_back_out_of_the_quarantine_and_are_listed(tmp_path: Path) -> None:
    quarantine = MaildirQuarantine(tmp_path)
    quarantine.open()
    envelope = mail(f"{BOB} {ORCPT}", sender=SENDER, xforward="NAME=caf\udce9.example").envelope
    quarantine.hold("name", envelope, (CONTENT,), "odd").release()
    assert quarantine.read("name").envelope == envelope == Envelope.from_json(envelope.to_json())
    [row] = rows(quarantine)
    assert (row.sender, row.recipient) == (SENDER, BOB)
    json.dumps(row.recipient).encode("ascii")


class Remembering(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


def test_they_are_logged_in_ascii_and_are_no_label() -> None:
    registry = CollectorRegistry()
    records: list[logging.LogRecord] = []
    handler = Remembering(records)
    logger = logging.getLogger("lamsonproxy")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        transaction = mail(BOB, sender=SENDER, xforward="NAME=caf\udce9.example ADDR=192.0.2.7")
        log = MailLog(Metrics(registry))
        taken = Reply(250, "2.0.0", "Ok")
        log.decided(transaction, 0, verdict="accept", route="r", reply=taken, queued_as="", seconds=1)
        log.would_loop(transaction, transaction.envelope.recipients[0].address)
        log.added_recipient_refused(transaction, transaction.envelope.recipients[0].address, taken)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    assert len(records) == 3
    for form in TextLines(True), JsonLines():
        assert all(r"b\udce9b" in form.format(record) and form.format(record).isascii() for record in records)
    assert registry.get_sample_value("lamson_log_failures_total") == 0
    assert b"caf" not in generate_latest(registry)
