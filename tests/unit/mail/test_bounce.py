"""Bounces by family: each is the shape of many hosts, with the parts that matter."""

import re
from pathlib import Path

import pytest

from lamsonproxy.mail.bounce import Bounce, BouncedRecipient, parse_bounce
from lamsonproxy.mail.bounces import second_opinion
from lamsonproxy.mail.bounces.reasons import HARD, REASONS

PAGE = Path(__file__).parents[3] / "docs" / "bounces.md"

FROM_HOST = "From: MAILER-DAEMON@mx.example.net (Mail Delivery System)\r\nReturn-Path: <>\r\n"
ORIGINAL = (
    "Message-ID: <1@lists.example.org>\r\nFrom: a@lists.example.org\r\nTo: bob@example.com\r\n\r\nHello\r\n"
)


def report(*parts: tuple[str, str], kind: str = "delivery-status", head: str = FROM_HOST) -> bytes:
    """A multipart/report of parts, each with its type."""
    content = "".join(f"--b\r\nContent-Type: {of_type}\r\n\r\n{text}\r\n" for of_type, text in parts)
    head += f"Content-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
    return (head + content + "--b--\r\n").encode()


def status(text: str, *, told: str = "Sorry.") -> bytes:
    return report(("text/plain", told), ("message/delivery-status", text), ("message/rfc822", ORIGINAL))


def plain(text: str, head: str = FROM_HOST) -> bytes:
    return f"{head}Subject: Undelivered mail\r\n\r\n{text}\r\n".encode()


def known(raw: bytes) -> Bounce:
    bounce = parse_bounce(raw)
    assert bounce is not None
    return bounce


def said(raw: bytes) -> list[tuple[str, str, bool]]:
    return [(recipient.address, recipient.reason, recipient.hard) for recipient in known(raw).recipients]


# Delivery status (RFC 3464)


def test_a_delivery_status_is_read_field_by_field() -> None:
    bounce = known(
        status(
            "Reporting-MTA: dns; mx.example.net\r\n\r\n"
            "Final-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 <bob@example.com>: Recipient address\r\n rejected: User unknown\r\n"
        )
    )
    assert bounce.kind == "failure"
    assert bounce.recipients == (
        BouncedRecipient("bob@example.com", "failed", "5.1.1", "550", "userunknown"),
    )
    assert bounce.hard
    assert bounce.message_id == "<1@lists.example.org>"
    assert bounce.original == ORIGINAL.encode()


def test_recipients_are_told_apart_with_and_without_empty_lines_between() -> None:
    blocks = [
        "Final-Recipient: rfc822; full@example.com\r\nAction: failed\r\nStatus: 5.2.2\r\n",
        "Final-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    ]
    expected = [("full@example.com", "mailboxfull", False), ("gone@example.com", "userunknown", True)]
    assert said(status("\r\n".join(blocks))) == expected
    assert said(status("".join(blocks))) == expected
    assert not known(status("".join(blocks))).hard


def test_addresses_beyond_ascii_are_read() -> None:
    fields = "Final-Recipient: utf-8; jürgen@bücher.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    raw = report(("message/global-delivery-status", fields), ("message/global-headers", ORIGINAL))
    assert said(raw) == [("jürgen@bücher.example", "userunknown", True)]
    assert known(raw).message_id == "<1@lists.example.org>"


def test_the_address_is_taken_where_the_final_recipient_is_a_program() -> None:
    fields = "Original-Recipient: rfc822; bob@example.com\r\nFinal-Recipient: x-unix; |/usr/bin/x\r\n"
    raw = status(f"{fields}Action: failed\r\nStatus: 5.0.0\r\nDiagnostic-Code: X-Unix; 69\r\n")
    assert said(raw) == [("bob@example.com", "mailererror", False)]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("failed", "failure"),
        ("delayed", "delay"),
        ("delivered", "delivered"),
        ("relayed (no DSN behind)", "delivered"),
        ("expanded", "delivered"),
    ],
)
def test_the_action_makes_the_kind(action: str, kind: str) -> None:
    assert known(status(f"Final-Recipient: rfc822; a@example.com\r\nAction: {action}\r\n")).kind == kind


def test_a_missing_action_is_told_by_the_status() -> None:
    assert known(status("Final-Recipient: rfc822; a@example.com\r\nStatus: 4.4.1\r\n")).kind == "delay"


def test_an_action_that_is_none_is_told_by_the_status() -> None:
    fields = "Final-Recipient: rfc822; a@example.com\r\nStatus: 4.4.1\r\nAction: lost at sea\r\n"
    (recipient,) = known(status(fields)).recipients
    assert recipient.action == "delayed"


@pytest.mark.fault("C1")
def test_what_strangers_say_is_no_address_with_control_characters_and_no_status_in_prose() -> None:
    told = "From: MAILER-DAEMON\r\nSubject: delivery failed\r\n\r\n5.2.3@\0\r\n"
    assert parse_bounce(told.encode()) is None
    event = (
        '{"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{"emailAddress": "a\\nb\\ud800@x",'
        ' "action": "lost\\n", "status": "gone\\n"}]}, "mail": {"commonHeaders": {"messageId": "x\\ny"}}}'
    )
    bounce = known(f"From: a@example.com\r\n\r\n{event}\r\n".encode())
    (recipient,) = bounce.recipients
    assert (recipient.address, recipient.action, recipient.status) == ("a b @x", "failed", "")
    assert bounce.message_id == "x y"


def test_a_report_that_a_guest_of_ours_stumbles_over_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parse_bounce(b"Return-Path: <>\r\nSubject: undeliverable\r\n\r\ncould not be delivered\r\n")
    assert caplog.records == []


def test_a_recipient_that_still_may_work_is_never_hard() -> None:
    fields = (
        "Final-Recipient: rfc822; a@example.com\r\nAction: {}\r\nDiagnostic-Code: smtp; {} User unknown\r\n"
    )
    assert said(status(fields.format("delayed", "550 5.1.1"))) == [("a@example.com", "userunknown", False)]
    assert said(status(fields.format("failed", "450 4.1.1"))) == [("a@example.com", "userunknown", False)]


def test_a_report_without_a_recipient_is_about_whom_the_mail_was_for() -> None:
    assert said(status("Reporting-MTA: dns; mx.example.net\r\n")) == [("bob@example.com", "undefined", False)]


def test_the_place_in_the_dialogue_is_found_in_the_text_for_people() -> None:
    fields = "Final-Recipient: rfc822; a@example.com\r\nAction: failed\r\nDiagnostic-Code: smtp; 550 Unknown user\r\n"
    told = "<a@example.com>: host mx.example.com said: 550 Unknown user (in reply to {} command)"
    assert said(status(fields, told=told.format("RCPT TO"))) == [("a@example.com", "userunknown", True)]
    assert said(status(fields, told=told.format("end of DATA"))) == [("a@example.com", "filtered", False)]


# Reports for people


def test_postfix_style_paragraphs_are_read() -> None:
    raw = plain(
        "I'm sorry to have to inform you that your message could not\r\nbe delivered.\r\n\r\n"
        "<bob@example.com>: host mx.example.com[192.0.2.1] said: 552 5.2.2\r\n    <bob@example.com>... Mailbox full\r\n"
        "\r\n<eve@example.com>: Host or domain name not found. Name service error for\r\n    name=example.com: Host not"
        f" found\r\n\r\nReceived: from a by b\r\n{ORIGINAL}"
    )
    assert said(raw) == [("bob@example.com", "mailboxfull", False), ("eve@example.com", "hostunknown", True)]
    assert known(raw).message_id == "<1@lists.example.org>"


def test_qmail_style_paragraphs_are_read() -> None:
    raw = plain(
        "Hi. This is the qmail-send program. I wasn't able to deliver your message.\r\n\r\n<bob@example.com>:\r\n"
        "192.0.2.1 does not like recipient.\r\nRemote host said: 550 no such user\r\nGiving up on 192.0.2.1.\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\n{ORIGINAL}"
    )
    assert said(raw) == [("bob@example.com", "userunknown", True)]
    assert known(raw).message_id == "<1@lists.example.org>"


def test_exim_names_the_recipients_in_a_field() -> None:
    raw = plain(
        "This message was created automatically by mail delivery software.\r\n\r\n  bob@example.com\r\n"
        "    host mx.example.com: SMTP error from remote mail server after MAIL FROM:<a@lists.example.org>:\r\n"
        "    550 no such user\r\n",
        f"{FROM_HOST}X-Failed-Recipients: bob@example.com\r\n",
    )
    assert said(raw) == [("bob@example.com", "rejected", False)]


def test_sendmail_transcripts_are_read() -> None:
    raw = plain(
        "   ----- Transcript of session follows -----\r\n550 example.com (smtp)... 550 Host unknown\r\n"
        "554 <bob@example.com>... 550 Host unknown (Authoritative answer from name server)\r\n\r\n"
        f"   ----- Unsent message follows -----\r\n{ORIGINAL}"
    )
    assert said(raw) == [("bob@example.com", "hostunknown", True)]


def test_recipients_in_the_middle_of_a_sentence_are_found() -> None:
    raw = plain(
        "User mailbox exceeds allowed size: bob@example.com\r\n\r\nOriginal message follows.\r\n\r\n"
        + ORIGINAL
    )
    assert said(raw) == [("bob@example.com", "mailboxfull", False)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "Sent <<< RCPT TO:<bob@example.com>\r\nReceived >>> 550 no such user\r\nUnable to deliver",
            "userunknown",
        ),
        (
            "Could not be delivered because of\r\n\r\n552 full\r\n\r\nAffected:\r\n    bob@example.com",
            "undefined",
        ),
        ("Failed recipient(s):\r\nbob@example.com\r\n\r\nError message:\r\n552 Mailbox full", "mailboxfull"),
        ("The message was undeliverable to:\r\n\tbob@example.com (user not found)", "userunknown"),
        ("Could not be delivered to: <bob@example.com>\r\n As their mailbox is full.", "mailboxfull"),
        ("Your message to <bob@example.com> was automatically rejected:\r\nQuota exceeded", "mailboxfull"),
        ("did not reach the following:\r\n\r\nbob@example.com on Thu, 29 Apr\r\n <mx #5.1.1>", "userunknown"),
        ("\r\nDelivery failed 20 attempts: bob@example.com", "expired"),
    ],
)
def test_other_shapes_of_text_are_read(text: str, reason: str) -> None:
    ((address, why, _),) = said(plain(text))
    assert (address, why) == ("bob@example.com", reason)


def test_a_forwarded_report_is_read_through_its_quotes() -> None:
    text = "Look:\r\n> Reporting-MTA: dns; mx\r\n>\r\n> Final-Recipient: rfc822; bob@example.com\r\n> Status: 5.1.1"
    raw = f"From: a@lists.example.org\r\nSubject: Fwd: Returned mail\r\n\r\n{text}\r\n".encode()
    assert said(raw) == [("bob@example.com", "userunknown", True)]


def test_html_alone_is_read_as_it_is_shown() -> None:
    page = "<style>550 a@b.example</style><p>Delivery to the following recipient failed:</p><p>bob@example.com</p>"
    raw = report(("text/html", f"{page}<p>550 5.1.1 No such user<script>x"), kind="none")
    assert said(raw) == [("bob@example.com", "userunknown", True)]


@pytest.mark.fault("C9")
def test_a_reference_to_no_character_is_no_reason_to_stumble() -> None:
    page = f"<p>&#{'1' * 5000};</p><p>&lt;bob@example.com&gt;: 550 5.1.1 No such user</p>"
    [failed] = known(
        f"{FROM_HOST}Subject: Failed\r\nContent-Type: text/html\r\n\r\n{page}\r\n".encode()
    ).recipients
    assert failed.address == "bob@example.com"


def test_a_warning_is_a_delay() -> None:
    raw = plain(
        "THIS IS A WARNING MESSAGE ONLY.\r\nDelivery to the following recipient has been delayed:\r\n\r\n  b@c.example"
    )
    assert known(raw).kind == "delay"
    assert said(raw) == [("b@c.example", "expired", False)]


def test_a_report_may_be_wrapped_in_another_ones_comment() -> None:
    inner = "<bob@example.com>: 550 5.2.2 full\r\n"
    raw = plain(
        f"The mail below could not be delivered.\r\n\r\nReturn-Path: <>\r\n{FROM_HOST}\r\nUndelivered:\r\n{inner}"
    )
    assert said(raw) == [("bob@example.com", "mailboxfull", False)]


def test_a_report_to_the_failed_recipient_is_about_him() -> None:
    raw = plain(
        "There was an error delivering your mail to <bob@example.com>.\r\n550 5.1.1 no",
        f"{FROM_HOST}To: bob@example.com\r\n",
    )
    assert said(raw) == [("bob@example.com", "userunknown", True)]


# What is no failure


def test_a_feedback_report_names_who_complained() -> None:
    fields = "Feedback-Type: abuse\r\nVersion: 1\r\nOriginal-Rcpt-To: <bob@example.com>\r\n"
    raw = report(("message/feedback-report", fields), ("message/rfc822", ORIGINAL), kind="feedback-report")
    bounce = known(raw)
    assert (bounce.kind, bounce.message_id) == ("feedback", "<1@lists.example.org>")
    assert bounce.recipients == (BouncedRecipient("bob@example.com", "complained", "", "", "feedback"),)
    assert not bounce.hard


def test_a_feedback_report_without_its_recipient_has_that_of_the_mail() -> None:
    raw = report(("message/feedback-report", "Feedback-Type: abuse\r\n"), ("message/rfc822", ORIGINAL))
    assert said(raw) == [("bob@example.com", "feedback", False)]


@pytest.mark.parametrize(
    "head", ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "Return-Path: <>"]
)
def test_a_vacation_answer_names_who_is_away(head: str) -> None:
    bounce = known(
        f"{head}\r\nFrom: Bob <bob@example.com>\r\nSubject: Out of office\r\n\r\nBack soon.\r\n".encode()
    )
    assert bounce.kind == "vacation"
    assert bounce.recipients == (BouncedRecipient("bob@example.com", "delivered", "", "", "vacation"),)


def test_an_event_of_amazon_is_read_whole_or_wrapped_by_sns() -> None:
    event = (
        '{"notificationType":"Bounce","bounce":{"bouncedRecipients":[{"emailAddress":"bob@example.com",'
        '"action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},'
        '"mail":{"commonHeaders":{"messageId":"<1@lists.example.org>"}}}'
    )
    wrapped = (
        '{"Type":"Notification","Message":"' + event.replace('"', '\\"') + '"}\r\n--\r\nUnsubscribe at ...'
    )
    for text in (event, wrapped):
        raw = plain(text, "From: no-reply@sns.example\r\n")
        assert said(raw) == [("bob@example.com", "userunknown", True)]
        assert known(raw).message_id == "<1@lists.example.org>"


def test_events_of_deliveries_and_complaints_are_no_failures() -> None:
    delivery = (
        '{"eventType":"Delivery","delivery":{"recipients":["a@b.example"],"smtpResponse":"250 2.6.0 ok"}}'
    )
    complaint = (
        '{"eventType":"Complaint","complaint":{"complainedRecipients":[{"emailAddress":"a@b.example"}]}}'
    )
    assert known(plain(delivery)).kind == "delivered"
    assert known(plain(delivery)).recipients[0].status == "2.6.0"
    assert known(plain(complaint)).kind == "feedback"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("MailboxFull", "mailboxfull"), ("MessageTooLarge", "mesgtoobig"), ("General", "undefined")],
)
def test_an_event_without_a_diagnostic_tells_its_reason_by_its_kind(kind: str, reason: str) -> None:
    event = (
        f'{{"eventType":"Bounce","bounce":{{"bounceType":"Transient","bounceSubType":"{kind}",'
        '"bouncedRecipients":[{"emailAddress":"bob@example.com"}]}}'
    )
    assert said(plain(event, "From: no-reply@sns.example\r\n")) == [("bob@example.com", reason, False)]


@pytest.mark.parametrize(
    "text", ["{", "{}", "[" * 5000, '{"a":' * 5000, '{"eventType":["Bounce"]}', '{"Message":1}']
)
def test_json_that_is_no_event_is_no_bounce(text: str) -> None:
    assert parse_bounce(plain(text, "From: a@example.com\r\n")) is None


# What is no bounce


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("Subject: Delivery problem with my order", "The delivery failed. Please write to bob@example.com"),
        ("Subject: Re: Undelivered Mail", "What is this?\r\n> <a@example.com>: 550 5.1.1 no such user"),
        ("Subject: Re: Returned mail", "> Final-Recipient: rfc822; a@example.com\r\n> Status: 5.1.1"),
        ("Subject: Help", "What is this?\r\n\r\nFinal-Recipient: rfc822; a@example.com\r\nStatus: 5.1.1"),
        ("Subject: I have moved", "Mail to bob@old.example is returned, use bob@new.example."),
        ("From: postmaster@example.com", "Your mailbox bob@example.com is ready."),
        ("Auto-Submitted: auto-generated\r\nSubject: Backup failed", "The backup of a@example.com failed."),
        ("List-Id: <cooks>\r\nAuto-Submitted: auto-replied\r\nSubject: Out of office", "Soup?"),
    ],
)
def test_what_people_and_programs_write_about_mail_is_no_bounce(head: str, text: str) -> None:
    assert parse_bounce(f"{head}\r\n\r\n{text}\r\n".encode()) is None


@pytest.mark.parametrize("raw", [b"", b"\0", b"\r\n", b"From: <>", b"Return-Path: <>\r\n\r\nfailed: @"])
def test_nothing_much_is_no_bounce(raw: bytes) -> None:
    assert parse_bounce(raw) is None


def test_no_more_recipients_are_read_than_a_mail_may_have() -> None:
    fields = "".join(f"Final-Recipient: rfc822; {n}@a.example\r\nAction: failed\r\n\r\n" for n in range(3000))
    assert len(known(status(fields)).recipients) == 1000


def test_the_page_explains_every_reason_and_says_which_are_hard() -> None:
    table = PAGE.read_text().partition("## The reasons")[2].partition("\n## ")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert set(rows) == REASONS
    assert {reason for reason, row in rows.items() if "**hard**" in row} == HARD


def test_the_examples_of_the_page_run() -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    forgotten: list[str] = []
    raw = status("Final-Recipient: rfc822; bob@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n")
    # The modules of an application are played as one (tests/unit/app/test_bounces_page.py).
    for example in (example for example in examples if not example.startswith("# app/")):
        exec(example, {"raw": raw, "forget": forgotten.append})
    assert forgotten == ["bob@example.com"]


def test_a_second_opinion_that_fails_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(message: object) -> object:
        raise RecursionError

    monkeypatch.setattr(second_opinion, "all_failures", fails)
    assert parse_bounce(plain("Your mail could not be delivered.")) is None
