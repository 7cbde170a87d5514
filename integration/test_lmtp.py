"""The lmtp door behind a real Postfix: content_filter by lmtp(8), with a reply for each recipient."""

import re

import pytest

from integration import arrival
from integration.children import poll
from integration.client import Client, Mail, Rcpt
from integration.conftest import Rig
from integration.fragments import NOBODY
from integration.test_smuggling import OUTER, VARIANTS, smuggle
from integration.traffic import SENDER

CONTENT = b"From: alice@example.com\r\nSubject: To everybody\r\n\r\nHello.\r\n"
LIMIT_S = 60

_QUEUED_AGAIN = re.compile(r"postfix/reentry/smtpd\[\d+\]: (\w+): client=.*orig_queue_id=(\w+)")


@pytest.fixture(scope="module")
def kind() -> str:
    return "lmtp"


def decisions(rig: Rig, queue_id: str, recipients: int) -> dict[str, tuple[str, str]]:
    """Status and enhanced status of each recipient after the first attempt, as Postfix logged them."""
    found: dict[str, tuple[str, str]] = {}

    def are_all_there() -> bool:
        for delivery in rig.postfix.deliveries():
            if delivery["id"] == queue_id:
                found.setdefault(delivery["to"], (delivery["status"], delivery["dsn"]))
        return len(found) == recipients

    poll("the filter has decided", are_all_there, LIMIT_S)
    return found


def queued_again(rig: Rig, queue_id: str) -> list[str]:
    """The queue ids under which the re-entry took parts of this mail."""
    matches = filter(None, map(_QUEUED_AGAIN.search, rig.postfix.log()))
    return [match[1] for match in matches if match[2] == queue_id]


def test_mixed_verdicts_on_five_recipients_are_five_replies(rig: Rig) -> None:
    recipients = [
        "accept@app.test",
        "reject@app.test",
        "quarantine@app.test",
        "defer@app.test",
        "bob@pass.test",
    ]
    queue_id = rig.postfix.send(Mail(SENDER, [Rcpt(each) for each in recipients], CONTENT)).split()[-1]
    assert decisions(rig, queue_id, 5) == {
        "accept@app.test": ("sent", "2.0.0"),
        "reject@app.test": ("bounced", "5.7.1"),
        "quarantine@app.test": ("sent", "2.7.0"),
        "defer@app.test": ("deferred", "4.2.0"),
        "bob@pass.test": ("sent", "2.0.0"),
    }
    # Postfix tells the sender of the refusal itself; a notice of ours would be a second one.
    poll("all has arrived", lambda: len(rig.sink.mails) == 2, LIMIT_S)
    arrived = arrival.by_recipient(rig.sink.mails)
    assert set(arrived) == {"accept@app.test", "bob@pass.test", SENDER}
    assert b"We do not take this" in arrived[SENDER][0].content
    assert len(queued_again(rig, queue_id)) == 1
    assert "quarantine@app.test" in rig.service.command("quarantine", "list", "--json")


def test_a_refusal_downstream_of_one_recipient_is_that_recipients_own(rig: Rig) -> None:
    mail = Mail("", [Rcpt("accept@app.test"), Rcpt(NOBODY), Rcpt("bob@pass.test")], CONTENT)
    queue_id = rig.postfix.send(mail).split()[-1]
    assert decisions(rig, queue_id, 3) == {
        "accept@app.test": ("sent", "2.0.0"),
        NOBODY: ("bounced", "5.1.1"),
        "bob@pass.test": ("sent", "2.0.0"),
    }
    rig.postfix.wait_until_empty()
    assert set(arrival.by_recipient(rig.sink.mails)) == {"accept@app.test", "bob@pass.test"}


def test_fifty_recipients_whose_copies_are_equal_are_relayed_once(rig: Rig) -> None:
    recipients = [Rcpt(f"header.r{n}@app.test", "NOTIFY=NEVER") for n in range(50)]
    queue_id = rig.postfix.send(Mail(SENDER, recipients, CONTENT)).split()[-1]
    rig.postfix.wait_until_empty()
    assert len(queued_again(rig, queue_id)) == 1
    assert set(arrival.by_recipient(rig.sink.mails)) == {rcpt.address for rcpt in recipients}


def test_copies_that_differ_are_relayed_each_by_itself(rig: Rig) -> None:
    recipients = [Rcpt(f"personal.r{n}@app.test", f"NOTIFY=NEVER ORCPT=rfc822;o{n}@x") for n in range(5)]
    queue_id = rig.postfix.send(Mail(SENDER, recipients, CONTENT)).split()[-1]
    rig.postfix.wait_until_empty()
    assert len(queued_again(rig, queue_id)) == 5
    for n, (recipient, copies) in enumerate(sorted(arrival.by_recipient(rig.sink.mails).items())):
        (mail,) = copies
        assert f"X-For: r{n}".encode() in mail.content
        assert f"ORCPT=rfc822;o{n}@x" in arrival.recipients(mail)[recipient]


def test_the_first_client_is_known_after_one_xforward_command_and_after_two(rig: Rig) -> None:
    with Client(rig.postfix.ports.front) as client:
        client.command("XFORWARD NAME=mail.example.org ADDR=192.0.2.7 PORT=4321", "250")
        client.command("XFORWARD HELO=far.example PROTO=ESMTP SOURCE=REMOTE", "250")
        queue_id = client.send(Mail(SENDER, [Rcpt("bob@pass.test")], CONTENT)).split()[-1]
    rig.postfix.wait_until_empty()
    (line,) = [line for line in rig.postfix.log() if f"orig_queue_id={queue_id}" in line]
    assert "orig_client=mail.example.org[192.0.2.7]" in line


@pytest.mark.fault("S1")
@pytest.mark.parametrize("variant", VARIANTS, ids=repr)
def test_what_is_smuggled_past_the_front_is_no_further_mail_behind_it(rig: Rig, variant: bytes) -> None:
    seen = len(rig.postfix.log())
    smuggle(rig.postfix.ports.front, variant)
    rig.postfix.wait_until_empty()
    taken = [
        line
        for line in rig.postfix.log()[seen:]
        if re.search(r"postfix/front/smtpd\[\d+\]: \w+: client=", line)
    ]
    assert len(rig.sink.mails) == len(taken)
    assert OUTER.recipients[0].address in arrival.by_recipient(rig.sink.mails)
