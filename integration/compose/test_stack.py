"""docker-compose.yml as a user gets it: mail goes in from outside, and everything else is looked at from outside.

The stack is Debian trixie's Postfix 3.10 around two containers of the service that share one name.
"""

import json
import time
from collections import Counter

import pytest

from integration.children import poll
from integration.client import Client, Mail, Rcpt
from integration.compose.stack import Arrived, Stack, docker, say
from integration.traffic import Traffic

MAILS = 1000
"""So many that a busy machine, which is slow to look, still sees the middle of the flow."""
IN_ITS_HANDS = 10
"""Mails that one container has at one time: the process limit of the transport `scan`."""
STOP_LIMIT_S = 30
"""limits.drain_s (25) and a little: a container that is told to stop has left by then."""

EXECUTABLE = b"""\
From: mallory@example.com\r
Subject: Look at this\r
MIME-Version: 1.0\r
Content-Type: application/octet-stream; name="game.exe"\r
Content-Disposition: attachment; filename="game.exe"\r
\r
MZ\r
"""

NOBODY = "nobody@example.org"
"""The re-entry refuses this recipient (integration/postfix/master.cf)."""
HEAD = b"From: alice@example.com\r\nSubject: Soup\r\n"
SOUP = HEAD + b"\r\nIs there any?\r\n"
STAMPED_SOUP = HEAD + b"X-Checked-By: lamsonproxy\r\n\r\nIs there any?\r\n"


def send(stack: Stack, recipient: str, content: bytes, sender: str = "alice@example.com") -> str:
    with Client(stack.smtp) as client:
        return client.send(Mail(sender, [Rcpt(recipient)], content))


def arrived_for(stack: Stack, recipient: str) -> list[Arrived]:
    return [mail for mail in stack.arrived() if recipient in mail.recipients]


def test_mail_from_outside_is_stamped_at_the_far_end(stack: Stack) -> None:
    say(
        "One mail goes in from outside; the far end must have it with the stamp, and with every byte of the body."
    )
    body = b"\r\n.dot\r\n" + bytes(range(0x80, 0x100)) + b" " * 2000 + b"\r\n"
    head = b"X-Spam-Flag: NO\r\nFrom: alice@example.com\r\nSubject: Soup\r\nMessage-ID: <1@example.com>\r\n"
    send(stack, "bob@example.org", head + body)
    stack.wait_until_delivered()
    (mail,) = arrived_for(stack, "bob@example.org")
    stamped = head.removeprefix(b"X-Spam-Flag: NO\r\n") + b"X-Checked-By: lamsonproxy\r\n"
    assert mail.content.endswith(stamped + body)
    assert b"(lamsonproxy/" in mail.content
    assert "orig_queue_id=" in docker("logs", *stack.containers("postfix"))


def test_mail_through_the_lmtp_door_is_stamped_and_a_refused_recipient_is_postfixs_to_report(
    stack: Stack,
) -> None:
    say(
        "Two recipients go in at the front of the door lmtp, and the re-entry refuses one: "
        "the other must have the mail, stamped, and the sender a notice of Postfix's."
    )
    with Client(stack.smtp_to_lmtp) as client:
        client.send(Mail("lmtp@example.com", [Rcpt("dora@example.org"), Rcpt(NOBODY)], SOUP))
    stack.wait_until_delivered()
    (stamped,) = arrived_for(stack, "dora@example.org")
    assert stamped.recipients == ("dora@example.org",)
    assert stamped.content.endswith(STAMPED_SOUP)
    assert b"(lamsonproxy/" in stamped.content
    (notice,) = arrived_for(stack, "lmtp@example.com")
    assert b"X-Postfix-Queue-ID:" in notice.content
    assert b"Diagnostic-Code: smtp; 550 5.1.1" in notice.content


def test_at_the_proxy_door_a_refused_recipient_is_heard_at_once_and_the_others_have_stamped_mail(
    stack: Stack,
) -> None:
    say("At the front of the door proxy the client must hear at RCPT that the re-entry refuses a recipient.")
    with Client(stack.smtp_to_proxy) as client:
        client.command("MAIL FROM:<proxy@example.com>", "250")
        assert "No such user" in client.command(f"RCPT TO:<{NOBODY}>", "550 5.1.1")
        client.command("RCPT TO:<erin@example.org>", "250")
        client.command("DATA", "354")
        client.write(SOUP)
        client.finish(b".\r\n")
    stack.wait_until_delivered()
    (stamped,) = arrived_for(stack, "erin@example.org")
    assert stamped.content.endswith(STAMPED_SOUP)
    assert b"(lamsonproxy/" in stamped.content
    assert arrived_for(stack, "proxy@example.com") == []


def test_the_postfix_is_no_open_relay(stack: Stack) -> None:
    say("Mail for a domain that is not ours must be refused, at each front.")
    for port in (stack.smtp, stack.smtp_to_lmtp, stack.smtp_to_proxy):
        with Client(port) as client:
            client.command("MAIL FROM:<alice@example.com>", "250")
            client.command("RCPT TO:<bob@elsewhere.test>", "554 5.7.1")


def test_a_program_is_kept_where_both_containers_see_it(stack: Stack) -> None:
    say(
        "A mail with a program in it must be in the quarantine that both containers share, for nobody else to read."
    )
    send(stack, "bob@example.org", EXECUTABLE, sender="mallory@example.com")
    stack.wait_until_delivered()
    for container in stack.containers("lamsonproxy"):
        (kept,) = json.loads(docker("exec", container, "lamson", "quarantine", "list", "--json"))
        assert kept["reason"] == "executable attachment"
    path = f"/var/lib/lamsonproxy/quarantine/new/{kept['name']}"
    assert stack.run("lamsonproxy", "stat", "-c", "%a %u", path).split() == ["600", "10025"]


def test_the_image_has_the_libraries_of_every_setting(stack: Stack) -> None:
    libraries = "dkim, authheaders, spf, css_inline, markdown, nh3, httpx, aiospamc, jinja2, pymysql, asyncmy"
    stack.run("lamsonproxy", "python", "-c", f"import {libraries}")


def test_nothing_of_ours_is_root_or_can_write_to_its_own_image(stack: Stack) -> None:
    for container in (*stack.containers("lamsonproxy"), *stack.containers("sink")):
        status = docker("exec", container, "cat", "/proc/1/status")
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Uid"].split() == ["10025"] * 4
        assert (fields["CapBnd"], fields["CapEff"], fields["NoNewPrivs"]) == ("0" * 16, "0" * 16, "1")
        with pytest.raises(RuntimeError, match="Read-only file system"):
            docker("exec", container, "touch", "/opt/lamsonproxy/new")


def test_prometheus_knows_both_containers_and_what_they_counted(stack: Stack) -> None:
    say("Prometheus must have found both containers by their one name, and have their numbers.")
    poll("both are scraped", lambda: stack.numbers('up{job="lamsonproxy"}') == [1, 1], 60, every_s=0.5)
    before = accepted(stack)
    send(stack, "carol@example.org", b"Subject: x\r\n\r\n")
    poll("the mail is counted", lambda: accepted(stack) > before, 60, every_s=0.5)
    assert stack.numbers("sum(lamson_workers)") == [4]


def accepted(stack: Stack) -> float:
    return sum(stack.numbers('sum(lamson_messages_total{verdict="accept"})'))


def test_a_container_stopped_in_the_middle_of_a_flow_loses_and_doubles_nothing(stack: Stack) -> None:
    say("While mail flows, one of the two containers is stopped; each mail must arrive once.")
    traffic = Traffic(MAILS, "stop.{tag}@example.org")
    first = stack.containers("lamsonproxy")[0]
    with traffic.flowing(stack.smtp):
        # Nothing is waited for: a look at the sink takes longer than the flow.
        began = time.monotonic()
        docker("stop", "--time", "60", first)
        took_s = time.monotonic() - began
    say(f"It left after {took_s:.1f} s.")
    stack.wait_until_delivered()
    assert received(stack, traffic) == Counter(traffic.recipients)
    assert took_s < STOP_LIMIT_S
    assert docker("inspect", "--format", "{{.State.ExitCode}}", first).strip() == "0"
    docker("start", first)


def test_a_container_killed_in_the_middle_of_a_flow_loses_nothing(stack: Stack) -> None:
    say("The same with a kill: a mail may arrive twice then (RFC 1047), but not never.")
    traffic = Traffic(MAILS, "kill.{tag}@example.org")
    second = stack.containers("lamsonproxy")[1]
    with traffic.flowing(stack.smtp):
        # Nothing is waited for: a look at the sink takes longer than the flow.
        docker("kill", second)
    stack.wait_until_delivered()
    counts = received(stack, traffic)
    twice = counts.total() - len(counts)
    say(f"{twice} mails arrived twice.")
    assert set(counts) == set(traffic.recipients)
    assert twice <= IN_ITS_HANDS
    docker("start", second)


def received(stack: Stack, traffic: Traffic) -> Counter[str]:
    """How often the mail for each recipient is at the sink."""
    expected = set(traffic.recipients)
    return Counter(address for mail in stack.arrived() for address in mail.recipients if address in expected)


def test_the_service_waits_in_health_for_a_postfix_that_is_gone(stack: Stack) -> None:
    say("Postfix is stopped: the containers must say so, and be well again when it is back.")
    (postfix,) = stack.containers("postfix")
    docker("stop", postfix)
    container = stack.containers("lamsonproxy")[0]
    with pytest.raises(RuntimeError, match=r"/readyz: The relay postfix:10026 cannot be reached"):
        docker("exec", container, "lamson", "check", "--live")
    docker("start", postfix)

    def is_well() -> bool:
        try:
            docker("exec", container, "lamson", "check", "--live")
        except RuntimeError:
            return False
        return True

    poll("it is well again", is_well, 60, every_s=0.5)
