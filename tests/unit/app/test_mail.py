"""What a handler gets: read, changed, undone, lost."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from lamsonproxy import NULL_SENDER, Address, AppError, Mail, SealedError
from lamsonproxy.app.mail import Copy
from lamsonproxy.app.scene import NOWHERE, Scene
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import Params
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction

RAW = (
    b"Subject: Soup\r\nX-Spam-Flag: YES\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nBring a bowl.\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Bring</p>\r\n"
    b"--b\r\nContent-Disposition: attachment; filename=soup.exe\r\n\r\nMZ\r\n--b--\r\n"
)
ALICE, COOKS, BAKERS = (
    Address("Alice@example.com"),
    Address("Cooks@example.org"),
    Address("bakers@example.org"),
)
COOKS_RCPT = Recipient(COOKS, Params(("NOTIFY=NEVER",)))
TRANSACTION = Transaction(
    "TRACE",
    Session("filter", "127.0.0.1"),
    Envelope(ALICE, (COOKS_RCPT, Recipient(BAKERS))),
    Message(RAW),
)


@dataclass
class Database:
    """What has a session for handlers."""

    db: object


SESSION = object()
SCENE = Scene(unit=Database(SESSION), state="POSTING")


def mail_for(recipient: Recipient = COOKS_RCPT, scene: Scene = SCENE) -> Mail:
    return Mail(TRANSACTION, recipient, deadline=540.0, scene=scene)


def content_of(copy: Copy) -> bytes:
    return b"".join(copy.content.parts())


def test_a_mail_reads_as_it_came() -> None:
    mail = mail_for()
    assert (mail.sender, mail.recipient) == (ALICE, COOKS)
    assert mail.session.door == "filter"
    assert mail.message is TRANSACTION.message
    assert mail.original == RAW
    assert (mail.text.strip(), mail.html.strip()) == ("Bring a bowl.", "<p>Bring</p>")
    assert [part.filename for part in mail.attachments] == ["soup.exe"]
    assert mail.headers.get("Subject") == "Soup"
    assert mail.deadline == 540.0
    assert not mail.dry_run
    assert Mail(TRANSACTION, COOKS_RCPT, deadline=0, dry_run=True).dry_run


def test_a_mail_shows_where_its_handler_stands() -> None:
    mail = mail_for()
    assert (mail.state, mail.is_confirmed, mail.db) == ("POSTING", False, SESSION)
    assert mail_for(scene=replace(SCENE, is_confirmed=True)).is_confirmed


def test_whoever_answered_in_this_mail_is_confirmed_at_once() -> None:
    mail = mail_for()
    mail.effects.is_confirmed = True
    assert mail.is_confirmed


def test_a_mail_without_a_database_has_no_session() -> None:
    assert mail_for(scene=NOWHERE).state == "START"
    with pytest.raises(AppError, match="needs a database"):
        _ = mail_for(scene=NOWHERE).db


def test_the_key_is_the_recipients_own_and_the_same_for_each_retry() -> None:
    assert mail_for().key == mail_for().key == TRANSACTION.key(COOKS_RCPT)
    assert mail_for().key != mail_for(Recipient(BAKERS)).key


def test_the_copy_of_a_mail_that_nobody_changed_is_the_mail() -> None:
    copy = mail_for().copy
    assert (copy.sender, copy.recipients) == (ALICE, (COOKS_RCPT,))
    assert copy.content.parts() == (RAW,)
    assert not copy.content.is_edited


def test_edits_show_in_the_copy_and_not_in_the_message() -> None:
    mail = mail_for()
    mail.headers.add("X-Checked-By", "lamsonproxy")
    assert mail.headers.remove("X-Spam-Flag") == 1
    mail.replace_body(b"No soup.\r\n")
    mail.set_sender("bounces@example.org")
    assert b"\r\nX-Checked-By: lamsonproxy\r\n\r\nNo soup.\r\n" in content_of(mail.copy)
    assert b"X-Spam-Flag" not in content_of(mail.copy)
    assert mail.copy.sender == Address("bounces@example.org")
    assert mail.edits.changed
    assert (mail.original, mail.sender) == (RAW, ALICE)
    assert "X-Spam-Flag" in mail.message.headers


ON_EDITS: dict[str, tuple[tuple[object, ...], dict[str, object]]] = {
    "tag_subject": (("[cooks]",), {}),
    "add_footer": (("The cooks",), {"html": "<hr>", "wrap": True, "force": True}),
    "strip_attachments": (("*.exe", "{name} was here"), {"force": True}),
    "remove_part": ((TRANSACTION.message.parts[2],), {"force": True}),
    "replace_part": ((TRANSACTION.message.parts[3], b"PK", "application/zip", "soup.zip"), {"force": True}),
    "replace_body": ((b"No soup.\r\n",), {}),
}


@pytest.mark.parametrize("name", ON_EDITS)
def test_the_everyday_edits_are_those_of_the_working_copy(name: str) -> None:
    args, options = ON_EDITS[name]
    one, other = mail_for(), mail_for()
    assert getattr(one, name)(*args, **options) == getattr(other.edits, name)(*args, **options)
    assert content_of(one.copy) == content_of(other.copy) != RAW
    assert one.edits.list_changes()


def test_what_is_sealed_is_refused_by_a_name_that_handlers_can_catch() -> None:
    signed = RAW.replace(b"multipart/mixed", b"multipart/signed")
    mail = Mail(replace(TRANSACTION, message=Message(signed)), COOKS_RCPT, deadline=540.0)
    with pytest.raises(SealedError, match="force=True"):
        mail.remove_part(mail.message.parts[1])


def test_the_copies_of_two_recipients_know_nothing_of_each_other() -> None:
    one, other = mail_for(), mail_for(Recipient(BAKERS))
    one.headers.add("X-One", "1")
    assert other.copy.content.parts() == (RAW,)


def test_a_redirected_mail_keeps_the_parameters_of_its_recipient() -> None:
    mail = mail_for()
    mail.redirect("soup@example.net")
    assert mail.recipient == COOKS
    assert mail.copy.recipients == (Recipient(Address("soup@example.net"), COOKS_RCPT.params),)


def test_a_mail_that_is_redirected_to_its_own_recipient_is_not_redirected() -> None:
    mail = mail_for()
    mail.redirect("soup@example.net")
    mail.redirect(COOKS)
    assert mail.copy.recipients == (COOKS_RCPT,)


def test_an_added_recipient_comes_behind_the_first_one_and_once_and_its_failure_is_told_nobody() -> None:
    mail = mail_for()
    for to in ("b@example.net", BAKERS, "b@example.net", COOKS):
        mail.add_recipient(to)
    never = Params(("NOTIFY=NEVER",))
    assert mail.copy.recipient == COOKS_RCPT
    assert mail.copy.added == (Recipient(Address("b@example.net"), never), Recipient(BAKERS, never))


@pytest.mark.parametrize("sender", ["", "<>", NULL_SENDER])
def test_a_mail_can_be_sent_on_from_the_null_sender(sender: str | Address) -> None:
    mail = mail_for()
    mail.set_sender(sender)
    assert mail.copy.sender == NULL_SENDER


@pytest.mark.parametrize(
    "address",
    [
        *("a b@x", "a@x>", "a@x\r\nRCPT TO:<b@x>", "a@x NOTIFY=NEVER", " a@x", "a@x ", "\0@x", "\x7f"),
        *("<<a@x>>", "<a@x", "<a b@x>", " <a@x>", "<a@x> NOTIFY=NEVER", "<a@x>,<b@x>", "A <a@x>"),
    ],
)
def test_what_is_no_envelope_address_is_refused(address: str) -> None:
    mail = mail_for()
    for change in (mail.redirect, mail.add_recipient, mail.set_sender):
        with pytest.raises(ValueError, match="address"):
            change(address)
    assert mail.copy.recipients == (COOKS_RCPT,)


@pytest.mark.parametrize(
    "address", ['"a b"@x', "postmaster", "a@[127.0.0.1]", "é@例え.jp", '"<>"@x', "A+b=c@X"]
)
def test_whatever_is_an_envelope_address_is_kept_in_its_spelling(address: str) -> None:
    mail = mail_for()
    mail.redirect(address)
    assert mail.copy.recipients[0].address.raw == address


def test_an_address_that_came_over_the_wire_goes_on_however_odd_it_is() -> None:
    mail = mail_for()
    mail.redirect(Address("two words@example.org"))
    assert mail.copy.recipients[0].address.raw == "two words@example.org"


@pytest.mark.parametrize("raw", ["a@x> NOTIFY=NEVER", "a@x\r\nRSET", "\0"])
def test_an_address_that_cannot_have_come_over_the_wire_is_refused(raw: str) -> None:
    with pytest.raises(ValueError, match="address"):
        mail_for().redirect(Address(raw))


def test_an_address_may_stand_in_angle_brackets() -> None:
    mail = mail_for()
    mail.redirect("<a@x>")
    mail.add_recipient('<"<>"@x>')
    mail.set_sender("<b@x>")
    assert [str(r.address) for r in mail.copy.recipients] == ["a@x", '"<>"@x']
    assert str(mail.copy.sender) == "b@x"


@pytest.mark.parametrize("to", ["", "<>", NULL_SENDER])
def test_nobody_is_no_recipient(to: str | Address) -> None:
    for change in (mail_for().redirect, mail_for().add_recipient):
        with pytest.raises(ValueError, match="no recipient"):
            change(to)


def test_undo_takes_back_every_change() -> None:
    mail = mail_for()
    mail.headers.add("X-Foo", "1")
    mail.replace_body(b"")
    mail.redirect("a@x")
    mail.add_recipient("b@x")
    mail.set_sender("")
    mail.undo()
    assert mail.copy.same_as(mail_for().copy)
    assert mail.copy.recipients == (COOKS_RCPT,)
    assert not mail.edits.changed


def test_copies_are_the_same_when_bytes_and_sender_are() -> None:
    one, other = mail_for(), mail_for(Recipient(BAKERS))
    assert one.copy.same_as(other.copy)
    for mail in (one, other):
        mail.headers.add("X-Foo", "1")
    assert one.copy.same_as(other.copy)
    one.set_sender("")
    assert not one.copy.same_as(other.copy)
    other.set_sender("")
    other.headers.add("X-Bar", "1")
    assert not one.copy.same_as(other.copy)


ACCESSES: dict[str, Callable[[Mail], object]] = {
    **{
        name: lambda mail, name=name: getattr(mail, name)  # type: ignore[misc]
        for name in (
            "sender recipient session message headers text html attachments original key deadline dry_run edits "
            "state is_confirmed db now bounce"
        ).split()
    },
    "replace_body": lambda mail: mail.replace_body(b""),
    "tag_subject": lambda mail: mail.tag_subject("[cooks]"),
    "add_footer": lambda mail: mail.add_footer("The cooks"),
    "strip_attachments": lambda mail: mail.strip_attachments("*.exe"),
    "remove_part": lambda mail: mail.remove_part(TRANSACTION.message.parts[1]),
    "replace_part": lambda mail: mail.replace_part(TRANSACTION.message.parts[1], "soup"),
    "redirect": lambda mail: mail.redirect("a@x"),
    "add_recipient": lambda mail: mail.add_recipient("a@x"),
    "set_sender": lambda mail: mail.set_sender(""),
    "undo": lambda mail: mail.undo(),
    "reply": lambda mail: mail.reply(text="Soup."),
    "send": lambda mail: mail.send(to="b@x", from_="a@x", text="Soup."),
    "send_on": lambda mail: mail.send_on(to=["b@x"], sender="a@x"),
}


def test_every_public_name_of_a_mail_is_in_the_table_below() -> None:
    assert {name for name in dir(Mail) if not name.startswith("_")} - {"copy", "effects"} == set(ACCESSES)


@pytest.mark.fault("H3")
@pytest.mark.parametrize("access", ACCESSES)
def test_a_handler_whose_deadline_has_passed_has_lost_its_mail(access: str) -> None:
    mail = mail_for()
    ACCESSES[access](mail)
    mail._revoke()
    mail._restore()
    with pytest.raises(AppError, match="deadline"):
        ACCESSES[access](mail)
    assert mail.copy.same_as(mail_for().copy)
    assert mail.copy.recipients == (COOKS_RCPT,)
    assert not mail.effects


@pytest.mark.fault("H3")
def test_a_mail_is_lost_to_other_threads_too() -> None:
    mail = mail_for()
    errors: list[AppError] = []
    waiting, revoked = threading.Event(), threading.Event()

    def handler() -> None:
        assert mail.recipient == COOKS
        waiting.set()
        revoked.wait(10)
        try:
            mail.redirect("a@x")
        except AppError as error:
            errors.append(error)

    thread = threading.Thread(target=handler)
    thread.start()
    assert waiting.wait(10)
    mail._revoke()
    revoked.set()
    thread.join(10)
    assert len(errors) == 1


@pytest.mark.fault("H1")
def test_what_a_handler_kept_of_a_copy_that_was_restored_changes_nothing() -> None:
    mail = mail_for()
    headers = mail.headers
    headers.add("X-Half", "done")
    mail._restore()
    headers.add("X-Late", "done")
    assert mail.copy.content.parts() == (RAW,)


@pytest.mark.fault("H3")
def test_a_copy_that_was_taken_stays_as_it_was() -> None:
    mail = mail_for()
    mail.headers.add("X-Early", "yes")
    mail.add_recipient("a@x")
    taken = mail.copy
    before = content_of(taken)
    mail.headers.add("X-Late", "yes")
    mail.headers.remove("X-Early")
    mail.replace_body(b"late")
    mail.add_recipient("b@x")
    mail.redirect("c@x")
    mail.set_sender("")
    assert content_of(taken) == before
    assert (taken.sender, len(taken.recipients), taken.recipient) == (ALICE, 2, COOKS_RCPT)


@pytest.mark.fault("H3")
def test_a_copy_that_is_taken_amid_the_edits_of_a_thread_holds_each_edit_whole_or_not_at_all() -> None:
    mail = mail_for()
    headers, is_over = mail.headers, threading.Event()

    def edit() -> None:
        while not is_over.is_set():
            headers.replace("Subject", "Stew")
            headers.replace("X-Spam-Flag", "NO")
            mail.edits.undo()

    thread = threading.Thread(target=edit)
    thread.start()
    contents = {content_of(mail.copy) for _ in range(2000)}
    is_over.set()
    thread.join(10)
    stew, clean = RAW.replace(b"Soup", b"Stew"), RAW.replace(b"YES", b"NO")
    assert contents <= {RAW, stew, clean, stew.replace(b"YES", b"NO")}


def test_the_copy_of_an_untouched_mail_holds_the_octets_that_came_and_no_others() -> None:
    (piece,) = mail_for().copy.content.parts()
    assert piece is RAW
