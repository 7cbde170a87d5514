"""What an application sends, behind a real Postfix: it arrives signed, and its bounces say whose they are."""

from collections.abc import Iterator

import dkim  # type: ignore[import-untyped] # no types
import pytest

from integration import arrival
from integration.children import poll
from integration.client import Client, Mail, Rcpt
from integration.conftest import Rig
from integration.fragments import Options, Ports
from integration.ledger import PACE
from integration.postfix import PrivatePostfix
from integration.service import Service
from lamsonproxy.mail.message import Message
from tests.downstream import SunkMail
from tests.keys import DNS_RECORD, PRIVATE_KEY

DOMAIN = "lists.example.org"
APPLICATION = r"""
from lamsonproxy import App, Consume, bounce_to, route, stateless
from lamsonproxy.mail.verp import decode

MEMBERS = ["bob@example.com", "gone@example.net"]


@route("desk@(host)")
@stateless
def answer(mail, host):
    mail.reply(text="We are open from nine to five. Grüße!\n", sender=f"desk-bounces@{host}")
    return Consume()


@route("cooks@(host)")
@stateless
def send_on(mail, host):
    mail.edits.tag_subject("[cooks]")
    mail.send_on(to=MEMBERS, sender=f"cooks-bounces@{host}")
    return Consume()


def soft(mail):
    return Consume()


def hard(mail):
    told = decode(mail.recipient.raw)
    reason = mail.bounce.recipients[0].reason
    mail.send(to="admin@example.com", from_=f"desk@{told.sender.partition('@')[2]}",
              subject=f"{told.recipient} {reason}", text="Gone.")
    return Consume()


@route("(cooks|desk)-bounces.*@(host)")
@stateless
@bounce_to(soft=soft, hard=hard)
def answered(mail, host):
    return Consume()


app = App(__name__, captures={"host": r"lists\.example\.org"}, verp=True)
"""
GONE = b"RCPT TO:<GONE@EXAMPLE.NET>"
NOT_SIGNED = "lamson_not_signed_total"
LIMIT_S = 120
SIGNING = f"""
[[signing]]
domain = "{DOMAIN}"
selector = "mail2026"
file = "mail2026.pem"
"""
POST = (
    b"Authentication-Results: mx.example.org; dkim=pass header.d=example.com; dmarc=pass header.from=example.com\r\n"
    b"From: Alice <alice@example.com>\r\nTo: cooks@lists.example.org\r\nSubject: Soup\r\n"
    b"Date: Mon, 2 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\nAt eight?\r\n.\r\n  two blanks  \r\n"
)


@pytest.fixture(scope="module")
def options(ports: Ports) -> Options:
    # Bounces that Postfix writes itself pass no content_filter.
    return Options(settings=f"transport_maps = inline:{{ {{ {DOMAIN} = scan:[127.0.0.1]:{ports.door} }} }}")


@pytest.fixture(scope="module")
def service(
    ports: Ports, postfix: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("sending")
    (folder / "sending.py").write_text(APPLICATION)
    (folder / "mail2026.pem").write_bytes(PRIVATE_KEY)
    with Service(
        folder,
        door=ports.door,
        reentry=ports.reentry,
        app="sending:app",
        above=f'authserv_id = "mx.example.org"\ndatabase = "sqlite:///lamson.db"\nhostname = "{DOMAIN}"\n',
        about_door=f'domains = ["{DOMAIN}"]\n',
        more=PACE + SIGNING,
    ) as service:
        yield service


def send(rig: Rig, to: str, content: bytes = POST) -> None:
    with Client(rig.postfix.ports.front) as client:
        client.send(Mail("alice@example.com", [Rcpt(to)], content))


def public_key(name: bytes, timeout: int = 5) -> bytes:
    """DNS, as far as it is asked."""
    return DNS_RECORD if name.rstrip(b".") == b"mail2026._domainkey.lists.example.org" else b""


def is_signed(mail: SunkMail) -> bool:
    signature = Message(mail.content).headers.get("DKIM-Signature") or ""
    return f"d={DOMAIN};" in signature and bool(dkim.DKIM(mail.content).verify(dnsfunc=public_key))


def to(rig: Rig, recipient: str) -> SunkMail:
    """The one mail to this recipient, as soon as it has arrived."""
    poll(f"mail for {recipient}", lambda: recipient in arrival.by_recipient(rig.sink.mails), LIMIT_S)
    (mail,) = arrival.by_recipient(rig.sink.mails)[recipient]
    return mail


def test_a_reply_is_signed_and_the_signature_is_true(rig: Rig) -> None:
    send(rig, f"desk@{DOMAIN}")
    answer = to(rig, "alice@example.com")
    assert is_signed(answer)
    assert arrival.sender(answer) == f"desk-bounces+alice=example.com@{DOMAIN}"
    assert Message(answer.content).text == "We are open from nine to five. Grüße!\n"


def test_what_is_sent_on_is_sealed_too_and_a_bounce_tells_whose_it_is(rig: Rig) -> None:
    not_signed = rig.service.metric(NOT_SIGNED)
    rig.sink.answers[GONE] = "550 5.1.1 No such user"
    send(rig, f"cooks@{DOMAIN}")
    post = to(rig, "bob@example.com")
    assert is_signed(post)
    assert dkim.ARC(post.content).verify(dnsfunc=public_key)[0] == b"pass"
    assert "dmarc=pass" in (Message(post.content).headers.get("ARC-Authentication-Results") or "")
    assert arrival.sender(post) == f"cooks-bounces+bob=example.com@{DOMAIN}"

    told = to(rig, "admin@example.com")
    assert Message(told.content).subject == "gone@example.net userunknown"
    del rig.sink.answers[GONE]
    assert is_signed(told)
    assert rig.service.metric(NOT_SIGNED) == not_signed


def test_what_passes_through_is_not_signed(rig: Rig) -> None:
    send(rig, "bob@elsewhere.example")
    passed = to(rig, "bob@elsewhere.example")
    assert arrival.below_trace(passed.content, arrival.HOPS_BY_FILTER) == POST


def test_what_cannot_be_signed_leaves_as_it_is_and_is_counted(rig: Rig) -> None:
    before = rig.service.metric(NOT_SIGNED)
    headless = POST.replace(b"From: Alice <alice@example.com>\r\n", b"")
    send(rig, f"cooks@{DOMAIN}", headless)
    assert b"DKIM-Signature" not in to(rig, "bob@example.com").content
    poll("it is counted", lambda: rig.service.metric(NOT_SIGNED) > before, LIMIT_S)
    reason = 'kind=send_on error="ParameterError: The From header field MUST be signed"'
    poll("it is told", lambda: any(reason in line for line in rig.service.log()), LIMIT_S)
