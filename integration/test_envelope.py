"""What was said about a mail arrives as it was said: recipients, DSN parameters, the first client."""

from integration import arrival
from integration.children import poll
from integration.client import Client, Mail, Rcpt
from integration.conftest import Rig

CONTENT = b"From: alice@example.com\r\nSubject: To everybody\r\n\r\nHello.\r\n"
NOTIFY = ("NEVER", "SUCCESS", "FAILURE", "DELAY", "SUCCESS,FAILURE,DELAY")
LIMIT_S = 60
BATCH = 50
"""default_destination_recipient_limit: Postfix hands over no more recipients than this at once."""


def test_a_thousand_recipients_arrive_each_with_its_own_dsn_parameters(rig: Rig) -> None:
    recipients = [
        Rcpt(f"R{n}@pass.test", f"NOTIFY={NOTIFY[n % 5]} ORCPT=rfc822;Original+2B{n}@Example.NET")
        for n in range(1000)
    ]
    rig.postfix.send(Mail("alice@example.com", recipients, CONTENT, "RET=FULL ENVID=One+2BTwo"))
    rig.postfix.wait_until_empty()
    arrived = arrival.by_recipient(rig.sink.mails)
    assert {rcpt.address for rcpt in recipients} == set(arrived)
    for rcpt in recipients:
        (mail,) = arrived[rcpt.address]
        assert sorted(rcpt.options.split()) == sorted(arrival.recipients(mail)[rcpt.address])
        assert {"RET=FULL", "ENVID=One+2BTwo"} <= set(arrival.address_and_parameters(mail.mail)[1])
    assert rig.service.metric('lamson_messages_total{door="filter",verdict="accept"}') >= 1000


def test_a_thousand_recipients_come_in_batches_and_go_on_in_the_same_ones(rig: Rig) -> None:
    recipients = [Rcpt(f"header.r{n}@app.test") for n in range(1000)]
    rig.postfix.send(Mail("alice@example.com", recipients, CONTENT))
    rig.postfix.wait_until_empty()
    assert sum(len(mail.rcpts) for mail in rig.sink.mails) == 1000
    assert {len(mail.rcpts) for mail in rig.sink.mails} == {BATCH}


def test_the_reentry_logs_the_first_queue_id_and_the_first_client(rig: Rig) -> None:
    with Client(rig.postfix.ports.front) as client:
        client.command("XFORWARD NAME=mail.example.org ADDR=192.0.2.7 PORT=4321", "250")
        client.command("XFORWARD HELO=far.example PROTO=ESMTP SOURCE=REMOTE", "250")
        queue_id = client.send(Mail("alice@example.com", [Rcpt("bob@pass.test")], CONTENT)).split()[-1]
    rig.postfix.wait_until_empty()
    (line,) = [line for line in rig.postfix.log() if f"orig_queue_id={queue_id}" in line]
    assert "postfix/reentry/smtpd" in line
    assert "orig_client=mail.example.org[192.0.2.7]" in line


def test_postfix_logs_under_which_name_the_reentry_has_queued_the_mail(rig: Rig) -> None:
    queue_id = rig.postfix.send(Mail("alice@example.com", [Rcpt("bob@pass.test")], CONTENT)).split()[-1]
    rig.postfix.wait_until_empty()
    (first,) = [each for each in rig.postfix.deliveries() if each["id"] == queue_id]
    queued_as = first["text"].split()[-1]
    assert any(f"{queued_as}: client=" in line and queue_id in line for line in rig.postfix.log())
    poll("ours links them too", lambda: _links(rig.service.log(), queue_id, queued_as), LIMIT_S)


def _links(lines: list[str], *ids: str) -> bool:
    return any(all(each in line for each in ids) for line in lines)
