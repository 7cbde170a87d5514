"""Before the queue: what the remote client of a real Postfix hears, and what arrives.

One Postfix has three smtpds with the service as their proxy: `before`, `adjusted` with speed_adjust, and `by_socket`.
"""

import json
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from integration import arrival
from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt, send_all
from integration.conftest import Rig
from integration.fragments import NOBODY, Before, Options, Ports
from integration.postfix import PrivatePostfix
from integration.samples import samples
from integration.service import Service
from integration.traffic import Traffic
from tests.downstream import SunkMail

CONTENT = b"From: alice@example.com\r\nSubject: Soup\r\n\r\nIs there any?\r\n..\r\n" + b"x" * 3000 + b"\r\n"
SENDER = "alice@example.com"
SAMPLES = dict(list(samples().items())[::5])
SESSIONS = 4
TROUBLE = "451 4.3.0 Temporary processing failure ("


@pytest.fixture(scope="module")
def before() -> Before:
    port, door = free_ports(2)
    return Before(port, f"127.0.0.1:{door}")


@pytest.fixture(scope="module")
def adjusted() -> Before:
    port, door = free_ports(2)
    return Before(port, f"127.0.0.1:{door}", speed_adjust=True)


@pytest.fixture(scope="module")
def by_socket() -> Iterator[Before]:
    # smtpd(8) runs under an account of its own, which cannot look into pytest's folders.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (port,) = free_ports(1)
        yield Before(port, f"unix:{folder}/proxy")


@pytest.fixture(scope="module")
def options(before: Before, adjusted: Before, by_socket: Before) -> Options:
    return Options(before=(before, adjusted, by_socket))


@pytest.fixture(scope="module")
def service(
    ports: Ports, options: Options, postfix: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    more = "".join(
        f"""\
[[door]]
kind = "proxy"
name = "{name}"
listen = "{each.door}"
socket_mode = "0666"
speed_adjust = {str(each.speed_adjust).lower()}

"""
        for name, each in zip(("proxy", "adjusted", "socket"), options.before, strict=True)
    )
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, door=ports.door, reentry=ports.reentry, more=more) as service:
        yield service


def heard(port: int, *recipients: str, content: bytes = CONTENT) -> list[str]:
    """What the remote client hears: the reply to each RCPT, then that to DATA or to the final dot."""
    with Client(port) as client:
        client.command("XFORWARD NAME=far.example ADDR=192.0.2.7 HELO=far.example", "250")
        client.command(f"MAIL FROM:<{SENDER}>", "250")
        replies = []
        for recipient in recipients:
            client.write(f"RCPT TO:<{recipient}>\r\n".encode())
            replies.append(client.reply())
        client.write(b"DATA\r\n")
        replies.append(client.reply())
        if replies[-1].startswith("354"):
            client.write(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            replies[-1] = client.reply()
        return replies


def arrived(rig: Rig) -> dict[str, int]:
    """How often a mail has arrived for each recipient."""
    rig.postfix.wait_until_empty()
    return {who: len(mails) for who, mails in arrival.by_recipient(rig.sink.mails).items()}


def kept(rig: Rig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(rig.service.command("quarantine", "list", "--json"))
    return found


def wait_for(taken: list[str], count: int) -> None:
    poll(f"{count} mails have been taken", lambda: len(taken) >= count, 60)


def empty_quarantine(rig: Rig) -> None:
    # The same content from the same sender is the same mail: it would be kept in the place of the one before.
    if names := [row["name"] for row in kept(rig)]:
        rig.service.command("quarantine", "delete", *names)


def whose(rows: list[dict[str, Any]]) -> set[str]:
    return {row["recipient"] for row in rows}


def test_a_mail_passes_as_it_came_and_the_client_hears_its_queue_id(rig: Rig, before: Before) -> None:
    mail = Mail(SENDER, [Rcpt("Bob+Tag@pass.test", "NOTIFY=NEVER ORCPT=rfc822;x+2By@z")], CONTENT, "RET=HDRS")
    with Client(before.port) as client:
        reply = client.send(mail)
    rig.postfix.wait_until_empty()
    (found,) = rig.sink.mails
    assert arrival.below_trace(found.content, arrival.HOPS_BY_FILTER) == CONTENT
    assert set(arrival.recipients(found)["Bob+Tag@pass.test"]) >= {"NOTIFY=NEVER", "ORCPT=rfc822;x+2By@z"}
    queue_id = reply.split()[-1]
    assert any(f"{queue_id}: client=" in line for line in rig.postfix.log())
    assert any("proxy-accept: END-OF-MESSAGE" in line and queue_id in line for line in rig.postfix.log())


def test_a_refused_recipient_is_heard_by_the_remote_client_in_our_words_or_downstream_s(
    rig: Rig, before: Before
) -> None:
    replies = heard(before.port, "closed@app.test", "grey@app.test", NOBODY, "bob@pass.test")
    assert replies[:2] == ["550 5.7.1 Closed to 192.0.2.7", "451 4.2.0 Ask again in an hour"]
    assert replies[2].startswith(f"550 5.1.1 <{NOBODY}>: Recipient address rejected: No such user")
    assert replies[3].startswith("250 ")
    assert replies[4].startswith("250 2.0.0 Ok: queued as ")
    assert arrived(rig) == {"bob@pass.test": 1}


def test_a_unix_socket_does_as_well(rig: Rig, by_socket: Before) -> None:
    replies = heard(by_socket.port, "closed@app.test", "bob@pass.test")
    assert replies[0] == "550 5.7.1 Closed to 192.0.2.7"
    assert replies[2].startswith("250 2.0.0 Ok: queued as ")
    assert arrived(rig) == {"bob@pass.test": 1}


@pytest.mark.parametrize(
    ("recipient", "reply"),
    [
        ("reject@app.test", "550 5.7.1 We do not take this"),
        ("reject-whole@app.test", "550 5.7.1 Nobody here takes this"),
        ("defer@app.test", "451 4.2.0 Ask again tomorrow"),
        ("raise@app.test", TROUBLE),
        ("nonsense@app.test", TROUBLE),
        ("consume@app.test", "250 2.0.0 Ok"),
        ("discard@app.test", "250 2.7.0 Ok: discarded"),
    ],
)
@pytest.mark.parametrize("smtpd", ["before", "adjusted"])
def test_a_message_that_does_not_go_on_is_heard_by_the_remote_client_in_our_words(
    rig: Rig, request: pytest.FixtureRequest, smtpd: str, recipient: str, reply: str
) -> None:
    door: Before = request.getfixturevalue(smtpd)
    assert heard(door.port, recipient)[1].startswith(reply)
    assert arrived(rig) == {}
    assert not any("canary" in line for line in rig.postfix.log())


FIVE = {
    "two of each kind": (
        ("bob@pass.test", "consume@app.test", "reject@app.test", "quarantine@app.test", "carol@pass.test"),
        "250 2.0.0 Ok: queued as ",
        {"bob@pass.test": 1, "carol@pass.test": 1, SENDER: 1},
        {"reject@app.test", "quarantine@app.test"},
    ),
    "one deferred": (
        ("bob@pass.test", "consume@app.test", "reject@app.test", "defer@app.test", "quarantine@app.test"),
        "451 4.2.0 Ask again tomorrow",
        {},
        set(),
    ),
    "one for the whole mail": (
        (
            "bob@pass.test",
            "consume@app.test",
            "reject-whole@app.test",
            "quarantine@app.test",
            "carol@pass.test",
        ),
        "550 5.7.1 Nobody here takes this",
        {},
        set(),
    ),
    "all refused": (
        ("reject@app.test", "reject@app.test", "reject@app.test", "reject@app.test", "reject@app.test"),
        "550 5.7.1 We do not take this",
        {},
        set(),
    ),
    "all taken": (
        (
            "consume@app.test",
            "discard@app.test",
            "quarantine@app.test",
            "consume@app.test",
            "discard@app.test",
        ),
        "250 2.0.0 Ok",
        {},
        {"quarantine@app.test"},
    ),
    "copies that differ": (
        ("header@app.test", "bob@pass.test", "consume@app.test", "carol@pass.test", "discard@app.test"),
        TROUBLE,
        {},
        set(),
    ),
}
"""Five recipients, the one reply, what arrives, and who is in quarantine: each row of the fold table."""


@pytest.mark.parametrize("smtpd", ["before", "adjusted"])
@pytest.mark.parametrize("case", FIVE)
def test_mixed_verdicts_on_five_recipients_are_folded(
    rig: Rig, request: pytest.FixtureRequest, smtpd: str, case: str
) -> None:
    recipients, reply, arrivals, quarantined = FIVE[case]
    door: Before = request.getfixturevalue(smtpd)
    empty_quarantine(rig)
    replies = heard(door.port, *recipients)
    assert all(each.startswith("250 ") for each in replies[:5])
    assert replies[5].startswith(reply)
    poll("everything has arrived", lambda: sum(len(m.rcpts) for m in rig.sink.mails) >= len(arrivals), 30)
    assert arrived(rig) == arrivals
    assert whose(kept(rig)) == quarantined


def test_with_speed_adjust_refusals_at_rcpt_wait_for_the_fold(rig: Rig, adjusted: Before) -> None:
    empty_quarantine(rig)
    replies = heard(adjusted.port, "bob@pass.test", "closed@app.test", NOBODY, "carol@pass.test")
    assert [reply[:3] for reply in replies] == ["250"] * 5
    poll("the DSN has arrived", lambda: len(rig.sink.mails) >= 2, 30)
    assert arrived(rig) == {"bob@pass.test": 1, "carol@pass.test": 1, SENDER: 1}
    assert whose(kept(rig)) == {"closed@app.test", NOBODY}


def test_with_speed_adjust_a_deferred_recipient_defers_the_mail(rig: Rig, adjusted: Before) -> None:
    assert heard(adjusted.port, "bob@pass.test", "grey@app.test")[2] == "451 4.2.0 Ask again in an hour"
    assert arrived(rig) == {}


@pytest.mark.fault("C1")
def test_mail_of_the_corpus_differs_in_nothing_but_received(rig: Rig, before: Before) -> None:
    unfiltered = flow(rig, rig.postfix.ports.null)
    passed = flow(rig, before.port)
    for name, mail in passed.items():
        expected = arrival.below_trace(unfiltered[name].content, arrival.HOPS_BY_NULL)
        assert arrival.below_trace(mail.content, arrival.HOPS_BY_FILTER) == expected, name


def flow(rig: Rig, port: int) -> dict[str, SunkMail]:
    """Send every sample to its own address; what has arrived, by sample."""
    rig.sink.mails.clear()
    names = {f"m{number}@pass.test": name for number, name in enumerate(SAMPLES)}
    mails = [Mail(SENDER, [Rcpt(who)], SAMPLES[name](), "BODY=8BITMIME") for who, name in names.items()]
    with ThreadPoolExecutor(SESSIONS) as sessions:
        list(sessions.map(lambda share: send_all(port, share), [mails[n::SESSIONS] for n in range(SESSIONS)]))
    rig.postfix.wait_until_empty(120)
    arrived = arrival.by_recipient(rig.sink.mails)
    assert set(arrived) == set(names)
    return {names[who]: mail for who, (mail,) in arrived.items()}


@pytest.mark.fault("K1")
def test_killed_in_mid_transaction_the_client_hears_a_4xx_and_nothing_is_lost(
    rig: Rig, before: Before
) -> None:
    with Client(before.port) as client:
        client.command(f"MAIL FROM:<{SENDER}>", "250")
        client.command("RCPT TO:<bob@pass.test>", "250")
        client.command("DATA", "354")
        client.write(CONTENT.replace(b"\r\n.", b"\r\n.."))
        rig.service.kill()
        client.write(b".\r\n")
        assert client.reply().startswith("451 ")
    rig.service.start()
    assert arrived(rig) == {}
    assert heard(before.port, "bob@pass.test")[1].startswith("250 ")
    assert arrived(rig) == {"bob@pass.test": 1}


@pytest.mark.fault("K1")
def test_killed_while_mail_flows_a_client_that_tries_again_loses_nothing(rig: Rig, before: Before) -> None:
    recipients = Traffic(120, "slow.{tag}@app.test").recipients
    taken: list[str] = []
    doubtful: set[str] = set()

    def is_taken(recipient: str) -> bool:
        reply = heard(before.port, recipient)[-1]
        if not reply.startswith("250 "):
            assert reply.startswith(("451 ", "554 5.5.1 ")), reply
            doubtful.add(recipient)
            return False
        taken.append(recipient)
        return True

    def send(share: list[str]) -> None:
        for recipient in share:
            poll(f"{recipient} is taken", partial(is_taken, recipient), 60, every_s=0.1)

    with ThreadPoolExecutor(SESSIONS) as sessions:
        flow = [sessions.submit(send, recipients[n::SESSIONS]) for n in range(SESSIONS)]
        for count in (20, 60):
            wait_for(taken, count)
            rig.service.kill()
            rig.service.start()
        for share in flow:
            share.result()
    found = arrived(rig)
    assert set(found) == set(recipients) == set(taken)
    doubled = {who for who, count in found.items() if count > 1}
    print(f"{len(doubtful)} heard a 4xx, {len(doubled)} arrived twice")
    assert doubtful
    assert doubled <= doubtful


def test_a_service_that_is_gone_is_a_4xx(rig: Rig, before: Before) -> None:
    rig.service.kill()
    try:
        assert heard(before.port, "bob@pass.test")[0].startswith("451 ")
    finally:
        rig.service.start()
