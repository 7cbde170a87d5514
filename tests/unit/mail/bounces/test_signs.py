"""What makes a mail a report: its head and its words together, in many languages; and what does not."""

import pytest

from lamsonproxy.mail.bounce import Bounce, parse_bounce

ORIGINAL = "Received: from a by b\nFrom: a@lists.example.org\nTo: bob@example.com\nSubject: Soup\n\nSoup?\n"


def mail(subject: str, text: str, sender: str = "postmaster@mx.example.net", head: str = "") -> bytes:
    lines = f"{head}From: {sender}\nTo: a@lists.example.org\nSubject: {subject}\nMIME-Version: 1.0\n"
    return f"{lines}Content-Type: text/plain; charset=utf-8\n\n{text}\n".encode()


def reported(raw: bytes) -> list[str]:
    bounce = parse_bounce(raw)
    return [recipient.address for recipient in bounce.recipients] if bounce else []


def known(raw: bytes) -> Bounce:
    bounce = parse_bounce(raw)
    assert bounce is not None
    return bounce


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Unzustellbar: Suppe", "Die Nachricht konnte nicht zugestellt werden:"),
        ("Onbestelbaar: soep", "Uw bericht kon niet worden bezorgd:"),
        ("Non remis : soupe", "Votre message n'a pas pu être remis :"),
        ("No se puede entregar: sopa", "No se ha podido entregar el mensaje:"),
        ("Não foi possível entregar: sopa", "A mensagem não pôde ser entregue:"),
        ("Non recapitabile: zuppa", "Impossibile recapitare il messaggio:"),
        ("Det går inte att leverera: soppa", "Meddelandet kunde inte levereras:"),
        ("Niedostarczalne: zupa", "Nie można dostarczyć wiadomości:"),
        ("Недоставлено: суп", "Сообщение не может быть доставлено:"),
        ("配信不能: スープ", "次の宛先に配信できませんでした:"),
        ("未送达: 汤", "无法送达以下收件人:"),
        ("배달되지 않음: 수프", "다음 받는 사람에게 배달되지 않았습니다:"),
    ],
)
def test_a_report_is_known_in_many_languages(subject: str, text: str) -> None:
    for sender in ("postmaster@mx.example.net", "MicrosoftExchange329e71ec88ae@example.net"):
        assert reported(mail(subject, f"{text}\n\nbob@example.com\n", sender)) == ["bob@example.com"]
    assert reported(mail(subject, f"{text}\n\nbob@example.com\n550 5.1.1 x", "it@example.net"))


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (
            "Undeliverable Mail",
            "Invalid final delivery userid: bob@example.com\n\nOriginal message follows.\n",
        ),
        (
            "Processing Error",
            "Intended recipient: bob@example.com\n\nThe mail has been returned because of it.",
        ),
        ("Undelivered mail", "Error-for:  bob@example.com\nError-Code: 0\nError-Text: looping"),
        ("Delivery Warning", 'Delivery of email to this address\n"bob@example.com"\nhas been postponed.'),
        ("Returned mail", "---Message not delivered to the following addresses:\n\n    bob@example.com\n"),
    ],
)
def test_a_host_is_believed_by_its_subject_or_its_words(subject: str, text: str) -> None:
    assert reported(mail(subject, text)) == ["bob@example.com"]


def test_a_postponed_mail_is_delayed() -> None:
    text = "Delivery of email to this address\n<bob@example.com>\nhas been postponed due to a full mailbox."
    assert known(mail("Mail Delivery Warning", text)).kind == "delay"


def test_a_host_is_known_by_what_sendmail_makes_of_the_null_sender() -> None:
    text = "Your mail could not be delivered:\n\nbob@example.com"
    head = "Return-Path: <MAILER-DAEMON>\n"
    assert reported(mail("Bad luck", text, "it@example.net", head)) == ["bob@example.com"]
    assert not reported(mail("Bad luck", text, "it@example.net"))


@pytest.mark.parametrize(
    "head", ["X-MS-Embedded-Report: \n", "X-Failed-Recipients: bob@example.com\n", "Return-Path: <>\n"]
)
def test_a_field_that_only_hosts_write_is_a_sign(head: str) -> None:
    text = "Meddelelsen ble avvist, 550 5.1.1:\n\nbob@example.com"
    assert reported(mail("Suppe", text, "it@example.net", head)) == ["bob@example.com"]


def test_a_delivery_report_by_its_type_is_one_in_any_language() -> None:
    head = 'From: it@example.net\nSubject: x\nContent-Type: multipart/report; boundary="b";\n'
    told = "--b\n\nL'adresse n'existe pas:\nbob@example.com\n"
    empty = "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n--b--\n"
    raw = f"{head} report-type=delivery-status\n\n{told}{empty}"
    assert reported(raw.encode()) == ["bob@example.com"]


def test_a_list_of_those_whom_it_did_not_reach_is_a_sign_beside_the_subject() -> None:
    text = "Your message could not be delivered to the following recipients:\n\nbob@example.com\n"
    assert reported(mail("Delivery failure notification", text, "gateway@example.net")) == ["bob@example.com"]
    assert not reported(mail("A question", text, "carol@example.net"))


@pytest.mark.parametrize("local", ["user1", "recipient2", "mailbox3", "account", "failed-4", "addressee"])
def test_an_address_that_begins_with_a_word_is_read_whole(local: str) -> None:
    text = f"User's mailbox is full: <{local}@example.com>\nUnable to deliver mail."
    assert reported(mail("Returned mail", text)) == [f"{local}@example.com"]


def test_an_address_inside_one_of_x400_is_the_one() -> None:
    text = (
        "Your message\n\n  To:      cooks@lists.example.org\n\ndid not reach the following recipient(s):\n\n"
        "c=US;a= ;p=X;o=Y;dda:SMTP=bob@example.com; on Fri, 4 Oct 2002\n    The recipient name is not recognized"
    )
    assert reported(mail("Undeliverable: Soup", text)) == ["bob@example.com"]


@pytest.mark.parametrize(
    ("subject", "text", "sender"),
    [
        ("Out of office: Undeliverable mail", "I am away. Ask carol@example.com.", "bob@example.com"),
        (
            "Automatic reply: Delivery failed",
            "Mail could not be read. Ask carol@example.com.",
            "bob@example.com",
        ),
        (
            "RE: Unzustellbar: Suppe",
            "Was ist das?\n> <bob@example.com>: 550 5.1.1 unbekannt",
            "a@example.com",
        ),
        (
            "How to avoid delivery failures",
            "Bounces like 550 5.1.1 hurt.\nWrite to us: help@esp.example",
            "n@esp.example",
        ),
        (
            "Your parcel could not be delivered",
            "Please call us.\n\nparcels@post.example",
            "parcels@post.example",
        ),
        (
            "Your mailbox is almost full",
            "bob@example.com: 95 % of your quota are used.",
            "postmaster@example.com",
        ),
        ("Delivery report of July", "All 20 trucks were on time.\n\ncarol@example.com", "carol@example.com"),
    ],
)
def test_what_people_write_about_mail_is_no_report(subject: str, text: str, sender: str) -> None:
    for head in ("", "Auto-Submitted: auto-replied\n", "List-Id: <x>\n"):
        bounce = parse_bounce(mail(subject, text, sender, head))
        assert bounce is None or bounce.kind == "vacation"


def test_a_host_that_names_a_person_means_whom_the_mail_was_for() -> None:
    text = f"Your message did not reach the following recipient:\n\nBob Smith (user not found)\n\n{ORIGINAL}"
    bounce = known(mail("Undeliverable: Soup", text))
    assert [(told.address, told.reason) for told in bounce.recipients] == [("bob@example.com", "userunknown")]
    assert parse_bounce(mail("Undeliverable: Soup", text, "carol@example.net")) is None
