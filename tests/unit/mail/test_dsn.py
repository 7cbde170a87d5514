"""DSNs, read back by another hand: the standard library's."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.dsn import FULL_LIMIT, WORD_LIMIT, Refusal, failure_notice
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Params
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTENT = b"From: alice@example.org\r\nSubject: Soup\r\n\r\nIs there any?\r\n"
NO_SUCH_USER = Reply(550, "5.1.1", "No such user")


def notice(
    *recipients: str,
    orcpt: str = "",
    sender: str = "alice@example.org",
    params: str = "",
    content: bytes = CONTENT,
    reply: Reply = NO_SUCH_USER,
) -> tuple[Envelope, bytes] | None:
    own = Params((f"ORCPT={orcpt}",) if orcpt else ())
    refused = [Recipient(Address(address), own) for address in recipients or ("bob@example.net",)]
    envelope = Envelope(Address(sender), tuple(refused), Params(tuple(params.split())))
    refusals = [Refusal(recipient, reply) for recipient in refused]
    return failure_notice(
        envelope, Message(content), refusals, hostname="filter.example.org", trace="7QF3T0A1B2", at=AT
    )


def made(*recipients: str, **words: Any) -> tuple[Envelope, bytes]:
    made = notice(*recipients, **words)
    assert made is not None
    return made


def parsed(octets: bytes) -> EmailMessage:
    return email.message_from_bytes(octets, policy=email.policy.default)


def sections(octets: bytes) -> list[MIMEPart]:
    """The parts of the report."""
    return list(parsed(octets).iter_parts())


def fields(octets: bytes) -> list[dict[str, str]]:
    """The blocks of fields of the status part: the message's, then each recipient's."""
    raw = octets.split(b"delivery-status\r\n", 1)[1].partition(b"\r\n\r\n")[2].partition(b"\r\n--=_")[0]
    blocks = raw.decode().split("\r\n\r\n")
    return [dict(line.split(": ", 1) for line in block.split("\r\n") if line) for block in blocks]


def test_it_is_a_report_of_three_parts_with_no_defects() -> None:
    _, octets = made()
    report = parsed(octets)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in sections(octets)] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert not report.defects and not any(part.defects for part in report.walk())
    assert octets.count(b"\n") == octets.count(b"\r\n") and octets.endswith(b"--\r\n")


def test_its_head_names_nobody_who_would_answer() -> None:
    envelope, octets = made()
    report = parsed(octets)
    assert report["To"] == "alice@example.org"
    assert report["From"] == "Mail Delivery System <MAILER-DAEMON@filter.example.org>"
    assert report["Auto-Submitted"] == "auto-replied"  # RFC 3834 §5
    assert report["Message-ID"] == "<7QF3T0A1B2.dsn@filter.example.org>"
    assert report["Date"].datetime == AT
    assert envelope.sender.raw == "" and [r.address.raw for r in envelope.recipients] == ["alice@example.org"]


def test_the_status_part_says_what_rfc_3464_asks_for() -> None:
    _, octets = made("bob@example.net", "carol@example.net")
    of_message, bob, carol = fields(octets)
    assert of_message["Reporting-MTA"] == "dns; filter.example.org"
    assert of_message["Arrival-Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert bob == {
        "Final-Recipient": "rfc822; bob@example.net",
        "Action": "failed",
        "Status": "5.1.1",
        "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
    }
    assert carol["Final-Recipient"] == "rfc822; carol@example.net"
    # The library reads the blocks as messages: one for the mail, one for each recipient.
    assert len(cast(list[MIMEPart], sections(octets)[1].get_payload())) == 3


def test_a_reply_without_an_enhanced_status_is_5_0_0() -> None:
    _, octets = made(reply=Reply(550, "", "No"))
    assert fields(octets)[1]["Status"] == "5.0.0"


def test_the_senders_own_words_come_back_without_their_xtext() -> None:
    _, octets = made(params="ENVID=QQ+2B1", orcpt="rfc822;bob+2Bsoup@example.net")
    assert fields(octets)[0]["Original-Envelope-Id"] == "QQ+1"
    assert fields(octets)[1]["Original-Recipient"] == "rfc822; bob+soup@example.net"


@pytest.mark.parametrize("orcpt", ["", "bob@example.net", ";bob@example.net", "rfc822;"])
def test_an_orcpt_that_is_none_is_left_out(orcpt: str) -> None:
    assert b"Original-Recipient" not in made(orcpt=orcpt)[1]


@pytest.mark.parametrize(
    ("params", "content", "kind", "returned"),
    [
        ("", CONTENT, "text/rfc822-headers", b"Subject: Soup"),
        ("RET=HDRS", CONTENT, "text/rfc822-headers", b"Subject: Soup"),
        ("RET=FULL", CONTENT, "message/rfc822", b"Is there any?"),
        ("ret=full", CONTENT, "message/rfc822", b"Is there any?"),
        ("RET=FULL", CONTENT + b"x" * FULL_LIMIT, "text/rfc822-headers", b"Subject: Soup"),
        ("SMTPUTF8", CONTENT, "message/global-headers", b"Subject: Soup"),
        ("SMTPUTF8 RET=FULL", CONTENT, "message/global", b"Is there any?"),
    ],
)
def test_the_mail_is_returned_as_asked_and_never_more_than_is_small(
    params: str, content: bytes, kind: str, returned: bytes
) -> None:
    _, octets = made(params=params, content=content)
    assert sections(octets)[2].get_content_type() == kind
    last = octets.rpartition(b"Content-Type: ")[2]
    assert returned in last
    assert (b"Is there any?" in octets) == (b"message/" in kind.encode() and "headers" not in kind)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no head at all",
        b"Subject: no body",
        b"\r\nno head\r\n",
        b"Subject: \xff\x00\r\n\r\n",
        b"\r\n" * 9,
    ],
)
def test_odd_mail_is_returned_without_harm_to_the_report(content: bytes) -> None:
    _, octets = made(content=content, params="RET=FULL")
    assert len(sections(octets)) == 3


def test_utf8_addresses_make_it_global() -> None:
    envelope, octets = made("bøb@exåmple.net", sender="ålice@exåmple.org", params="SMTPUTF8")
    assert sections(octets)[1].get_content_type() == "message/global-delivery-status"
    assert "Final-Recipient: utf-8; bøb@exåmple.net\r\n".encode() in octets
    assert list(envelope.params) == ["SMTPUTF8", "BODY=8BITMIME"]
    assert "To: <ålice@exåmple.org>\r\n".encode() in octets


@pytest.mark.parametrize("sender", ["jos\udce9@example.org", "josé@example.org"])
def test_a_sender_in_raw_octets_is_told_without_smtputf8(sender: str) -> None:
    envelope, octets = made("b\udce9b@example.net", sender=sender)
    assert envelope.params.get("SMTPUTF8") is None
    assert envelope.recipients[0].address.raw == sender
    assert b"Final-Recipient: utf-8; b?b@example.net\r\n" in octets


def test_plain_mail_asks_for_no_extension() -> None:
    assert not made()[0].params


@pytest.mark.parametrize("sender", [""])
def test_the_null_sender_is_told_nothing(sender: str) -> None:
    assert notice(sender=sender) is None


CRLF = "\r\nBcc: evil@example.org\r\n\r\n--=_"
BREAKS = [CRLF, "\n", "\r", "\x00", "\x0b", "\x0c", "\x1b[2J", "\x85", "\u2028", "\u2029", "\u202e", "\udcff"]


@pytest.mark.fault("C4")
@pytest.mark.parametrize("evil", BREAKS, ids=ascii)
def test_nothing_that_anybody_said_begins_a_line_of_its_own(evil: str) -> None:
    _, octets = made(
        f"bob{evil}x@example.net", sender=f"alice{evil}x@example.org", reply=Reply(550, "5.1.1", f"No{evil}x")
    )
    _, honest = made("bob@example.net", sender="alice@example.org", reply=Reply(550, "5.1.1", "No"))
    assert octets.count(b"\r\n") == honest.count(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")
    assert set(parsed(octets).keys()) == set(parsed(honest).keys())
    assert len(fields(octets)) == 2
    assert not any(octet in octets for octet in (b"\x00", b"\x1b", b"\x0b", b"\xff"))


@pytest.mark.fault("C4")
def test_a_line_break_in_xtext_stays_within_its_field() -> None:
    _, octets = made(orcpt="rfc822;a+0D+0AAction:+20delivered", params="ENVID=x+0D+0AStatus:+202.0.0")
    assert fields(octets)[0]["Original-Envelope-Id"] == "x??Status: 2.0.0"
    assert fields(octets)[1]["Original-Recipient"] == "rfc822; a??Action: delivered"


@given(
    recipient=st.text(min_size=1),
    sender=st.text(min_size=1),
    text=st.text(),
    orcpt=st.text(),
    content=st.binary(),
)
def test_whatever_is_said_the_report_has_its_shape(
    recipient: str, sender: str, text: str, orcpt: str, content: bytes
) -> None:
    _, octets = made(
        recipient, sender=sender, reply=Reply(550, "5.0.0", text), orcpt=f"rfc822;{orcpt}", content=content
    )
    report = parsed(octets)
    assert next(report.iter_parts()).get_content_type() == "text/plain"
    assert len(sections(octets)) == 3
    assert set(report.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type")
    }


def test_its_size_has_a_bound_whatever_downstream_talked() -> None:
    endless = Reply(550, "5.1.1", "no " * 100_000)
    _, octets = made(*[f"{n}{'x' * 4000}@example.net" for n in range(100)], reply=endless)
    assert len(octets) < 100 * 4 * (WORD_LIMIT + 100) + FULL_LIMIT
    assert max(map(len, octets.split(b"\r\n"))) <= 998


def test_long_heads_are_cut() -> None:
    _, octets = made(content=b"X: y\r\n" * 100_000 + b"\r\n")
    assert len(octets) < FULL_LIMIT + 10_000
