from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.answering import (
    HTML_LIMIT,
    QUOTE_LIMIT,
    REFERENCES_LIMIT,
    SUBJECT_LIMIT,
    attached,
    attribution,
    auto_subject,
    forward_attached,
    forward_inline,
    forward_subject,
    quote,
    references_for,
    reply_subject,
    said,
    vacation,
)
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.message import Message

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("head", "in_reply_to", "references"),
    [
        (b"Message-ID: <a@x>\r\n", "<a@x>", "<a@x>"),
        (b"Message-ID: <b@x>\r\nReferences: <1@x>\r\n <a@x>\r\n", "<b@x>", "<1@x> <a@x> <b@x>"),
        (b"Message-ID: <b@x>\r\nIn-Reply-To: <a@x>\r\n", "<b@x>", "<a@x> <b@x>"),
        (b"Message-ID: <b@x>\r\nIn-Reply-To: <a@x> <z@x>\r\n", "<b@x>", "<b@x>"),
        (b"Message-ID: <b@x>\r\nReferences: <b@x> <a@x>\r\n", "<b@x>", "<a@x> <b@x>"),
        (b"References: <1@x>\r\n", "", "<1@x>"),
        (b"Subject: none\r\n", "", ""),
        (b"Message-ID: no id\r\nReferences: <\xff> junk <ok@x> <two words@x>\r\n", "", "<ok@x>"),
        (b"Message-ID: <" + b"x" * 1000 + b"@x>\r\n", "", ""),
    ],
)
def test_an_answer_says_what_it_answers(head: bytes, in_reply_to: str, references: str) -> None:
    assert references_for(Message(head + b"\r\n")) == (in_reply_to, references)


def test_a_long_thread_keeps_its_first_and_last_ids() -> None:
    ids = [f"<{n}@x>" for n in range(1000)]
    raw = f"Message-ID: <last@x>\r\nReferences: {' '.join(ids)}\r\n\r\n".encode()
    kept = references_for(Message(raw))[1].split()
    assert len(kept) == REFERENCES_LIMIT
    assert (kept[0], kept[-2:]) == ("<0@x>", ["<999@x>", "<last@x>"])


@pytest.mark.parametrize(
    ("subject", "replied", "forwarded"),
    [
        ("Soup", "Re: Soup", "Fwd: Soup"),
        ("Re: Soup", "Re: Soup", "Fwd: Re: Soup"),
        ("AW: Soup", "AW: Soup", "Fwd: AW: Soup"),
        ("Re[2]: Soup", "Re[2]: Soup", "Fwd: Re[2]: Soup"),
        ("fw: Soup", "Re: fw: Soup", "fw: Soup"),
        ("Recipe", "Re: Recipe", "Fwd: Recipe"),
        ("", "Re:", "Fwd:"),
        ("a\u2028b \x07 \udcffc", "Re: a b c", "Fwd: a b c"),
    ],
)
def test_a_subject_is_marked_once(subject: str, replied: str, forwarded: str) -> None:
    assert reply_subject(subject) == replied
    assert forward_subject(subject) == forwarded


def test_a_quotation_shows_whose_it_is_and_leaves_the_signature_out() -> None:
    text = "Hello,\n\n> older\nbye  \n-- \nAl\n"
    assert quote(text, "Al wrote:") == "Al wrote:\n> Hello,\n>\n>> older\n> bye\n"


@pytest.mark.parametrize("end", ["\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_no_line_of_a_quotation_looks_like_the_answer(end: str) -> None:
    raw = compose(to="b@x.org", from_="a@x.org", text=quote(f"one{end}two"), date=NOON, message_id="<1@x>")
    assert Message(raw).text.splitlines() == ["> one", "> two"]


def test_a_long_text_is_quoted_in_part() -> None:
    quoted = quote("word\n" * QUOTE_LIMIT)
    assert len(quoted) < 2 * QUOTE_LIMIT
    assert quoted.endswith("> […]\n")


def test_an_attribution_names_the_author_and_the_date() -> None:
    message = Message(b"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\nFrom: =?utf-8?q?Zo=C3=AB?= <z@x.org>\r\n\r\n")
    assert attribution(message) == "On Sun, 1 Mar 2026 12:00:00 +0000, Zoë <z@x.org> wrote:"
    assert attribution(Message(b"From: z@x.org\r\n\r\n")) == "z@x.org wrote:"


def test_a_mail_that_does_not_say_whose_it_is_is_somebodys() -> None:
    assert attribution(Message(b"Date: Sun, 1 Mar 2026 12:00:00 +0000\r\n\r\n")).endswith(", somebody wrote:")
    assert attribution(Message(b"")) == "Somebody wrote:"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("text/plain\r\n\r\nplain\r\n", "plain\n"),
        ("text/html\r\n\r\n<style>p {}</style><p>Come <b>at</b><br>eight.</p>\r\n", "Come at\neight.\n"),
        (
            "multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n\r\n"
            "--b\r\nContent-Type: text/html\r\n\r\n<p>a\r\n--b--",
            "a\n",
        ),
        ("image/png\r\n\r\nPNG", ""),
    ],
)
def test_what_a_mail_says_is_its_text_or_that_of_its_html(body: str, text: str) -> None:
    message = Message(f"From: a@x.org\r\nContent-Type: {body}".encode())
    assert said(message) == text
    assert forward_inline(message).endswith(f"From: a@x.org\n\n{text}")


def test_of_endless_html_the_beginning_is_said() -> None:
    message = Message(b"Content-Type: text/html\r\n\r\n" + b"a " * HTML_LIMIT)
    assert len(said(message)) < HTML_LIMIT + 10
    assert said(message).endswith("a\n[…]\n")


def test_a_mail_is_forwarded_in_the_text() -> None:
    message = Message(b"From: a@x.org\r\nSubject: Soup\r\nX-Secret: s\r\n\r\nCome at eight.\r\n")
    assert forward_inline(message, "See below.\n") == (
        "See below.\n\n---------- Forwarded message ----------\nFrom: a@x.org\nSubject: Soup\n\nCome at eight.\n"
    )


def test_a_mail_is_forwarded_as_it_is() -> None:
    raw = b"Subject:  odd \r\n\r\nCome.\r\n"
    mail = compose(
        to="b@x.org",
        from_="a@x.org",
        attachments=[forward_attached(Message(raw))],
        date=NOON,
        message_id="<1@x>",
    )
    [attached] = Message(mail).attachments
    assert attached.content_type == "message/rfc822"
    assert raw in mail


@pytest.mark.parametrize(
    ("head", "kind", "name"),
    [
        ("Content-Type: image/png; name=a.png", "image/png", "a.png"),
        ("Content-Type: text/calendar; method=REQUEST; charset=utf-8; name=a.ics", "text/calendar", "a.ics"),
        ('Content-Type: text/plain; charset="x; y"; name=a.txt', "text/plain", "a.txt"),
        ("Content-Type: message/rfc822; name=a.eml", "message/rfc822", "a.eml"),
        ("Content-Type: FOO; name=a", "text/plain", "a"),
        ("Content-Type: a/b/c; name=a", "application/octet-stream", "a"),
        (f"Content-Type: a/{'b' * 99}; name=a", "application/octet-stream", "a"),
        ("Content-Type: multipart/mixed; boundary=c; name=a", "application/octet-stream", "a"),
        ('Content-Disposition: attachment; filename="../../CON.exe"', "text/plain", "_CON.exe"),
        ("Content-Disposition: attachment", "text/plain", ""),
    ],
)
def test_an_attachment_goes_with_another_mail_whatever_it_says_it_is(head: str, kind: str, name: str) -> None:
    raw = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{head}\r\n\r\nSubject: x\r\n\r\n--b--\r\n"
    [came] = (part for part in Message(raw.encode()).parts if part.depth == 1)
    mail = compose(to="b@x.org", from_="a@x.org", attachments=[attached(came)], date=NOON, message_id="<1@x>")
    [goes] = (part for part in Message(mail).parts if part.depth == 1)
    assert (goes.content_type, goes.filename) == (kind, name)
    assert goes.content().rstrip() == came.content().rstrip()
    assert goes.params.get("method") == came.params.get("method")


def test_a_vacation_reply_says_that_a_machine_wrote_it() -> None:
    message = Message(b"Subject: Soup\r\nMessage-ID: <a@x>\r\n\r\n")
    raw = vacation(
        message, to="a@x.org", from_="b@x.org", text="I am away.\n", date=NOON, message_id="<1@x.org>"
    )
    reply = Message(raw)
    assert reply.subject == "Auto: Soup"
    assert reply.is_auto_submitted
    assert reply.headers.get("In-Reply-To") == reply.headers.get("References") == "<a@x>"


@pytest.mark.fault("C4")
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200), st.text(max_size=400))
def test_every_mail_can_be_answered(subject: bytes, ids: bytes, body: bytes, text: str) -> None:
    raw = b"Subject: %b\r\nMessage-ID: %b\r\nReferences: %b\r\nFrom: %b\r\n\r\n%b" % (
        subject,
        ids,
        body,
        ids,
        body,
    )
    message = Message(raw)
    in_reply_to, references = references_for(message)
    answer = compose(
        to="a@x.org",
        from_="b@x.org",
        subject=reply_subject(message.subject + text),
        text=quote(message.text, attribution(message)) + forward_inline(message),
        attachments=[forward_attached(message)],
        date=NOON,
        message_id="<1@x>",
        in_reply_to=in_reply_to,
        references=references,
    )
    assert len(Message(answer).subject) <= SUBJECT_LIMIT + len("Re: ")
    assert auto_subject(message.subject).startswith("Auto:")
