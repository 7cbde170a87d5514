"""What handlers send, and what is withheld."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy import Address, AppError, Mail
from lamsonproxy.app.scene import Scene
from lamsonproxy.mail.address import NULL_SENDER
from lamsonproxy.mail.compose import Mailboxes
from lamsonproxy.mail.conversation import ConversationKey, Outgoing
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import NO_PARAMS, Params
from lamsonproxy.mail.manners import mark_of
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LISTS = ConversationKey("app.handlers.lists", "cooks", "alice@example.com")
SOUP = b"From: Alice <alice@example.com>\r\nSubject: Soup?\r\nMessage-ID: <soup@example.com>\r\n\r\nBring a bowl.\r\n"


CONTROLS = bytes(range(32)) + b"\x7f<>"
WRITTEN = set(
    """Date From To Subject Message-ID In-Reply-To References Auto-Submitted MIME-Version Content-Type
    Content-Transfer-Encoding""".split()
)


@dataclass
class Folder:
    """Templates that show what they were given."""

    head: tuple[tuple[str, str], ...] = ()
    shown: Mapping[str, object] = field(default_factory=dict)

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        self.shown = variables
        return Rendered(self.head, f"This is {name}.\n")


SCENE = Scene(now=NOW, hostname="filter.example.org", correspondent="alice@example.com", conversation=LISTS)


def mail_from(
    sender: str = "Alice@example.com",
    *,
    to: str = "cooks@lists.example.org",
    raw: bytes = SOUP,
    scene: Scene = SCENE,
    params: Params = NO_PARAMS,
) -> Mail:
    recipient = Recipient(Address(to))
    envelope = Envelope(Address(sender), (recipient, Recipient(Address("other@example.org"))), params)
    transaction = Transaction("TRACE", Session("lmtp", "127.0.0.1"), envelope, Message(raw))
    return Mail(transaction, recipient, deadline=540.0, scene=scene)


def only(mail: Mail) -> Outgoing:
    (outgoing,) = mail.effects.outgoing
    return outgoing


def read(outgoing: Outgoing) -> EmailMessage:
    message = message_from_bytes(outgoing.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


# -- reply ---------------------------------------------------------------------------------------------------


def test_a_reply_goes_to_the_sender_from_the_address_that_was_written_to() -> None:
    mail = mail_from()
    assert mail.reply(text="With pleasure.\n")
    reply = read(only(mail))
    assert (reply["To"], reply["From"]) == ("Alice@example.com", "cooks@lists.example.org")
    assert reply["Subject"] == "Re: Soup?"
    assert reply["Date"].datetime == NOW
    assert reply["Message-ID"].endswith("@filter.example.org>")
    assert (reply["In-Reply-To"], reply["References"]) == ("<soup@example.com>", "<soup@example.com>")
    assert reply["Auto-Submitted"] == "auto-replied"
    assert reply.get_content() == "With pleasure.\r\n"


def test_a_reply_belongs_to_the_conversation_and_comes_from_nobody_to_one() -> None:
    mail = mail_from()
    mail.reply(text="With pleasure.")
    outgoing = only(mail)
    assert (outgoing.kind, outgoing.conversation) == ("reply", LISTS.id)
    assert outgoing.envelope == Envelope(NULL_SENDER, (Recipient(Address("Alice@example.com")),))


def test_the_reply_of_a_stateless_handler_belongs_to_no_conversation() -> None:
    mail = mail_from(scene=replace(SCENE, conversation=None))
    mail.reply(text="With pleasure.")
    assert only(mail).conversation == ""


def test_a_reply_says_what_it_is_told_to() -> None:
    mail = mail_from()
    mail.reply(
        from_="The cooks <help@lists.example.org>",
        subject="Come!",
        html="<p>Come!</p>",
        attachments=[Attachment(b"1 l", "soup.txt", "text/plain")],
        sender="help-bounces@lists.example.org",
    )
    reply = read(only(mail))
    assert (reply["From"], reply["Subject"]) == ("The cooks <help@lists.example.org>", "Come!")
    assert [part.get_filename() for part in reply.iter_attachments()] == ["soup.txt"]
    assert str(only(mail).envelope.sender) == "help-bounces@lists.example.org"


def test_two_replies_have_two_names() -> None:
    mail = mail_from()
    assert mail.reply(text="One.") and mail.reply(text="Two.")
    one, two = map(read, mail.effects.outgoing)
    assert one["Message-ID"] != two["Message-ID"]


@pytest.mark.fault("C7")
def test_a_reply_does_not_go_to_the_host_that_wrapped_the_sender() -> None:
    mail = mail_from("SRS0=HHHH=TT=example.com=alice@evil.example")
    mail.reply(text="Between us.")
    assert only(mail).envelope.recipients == (Recipient(Address("alice@example.com")),)


def test_the_reply_to_a_timers_mail_answers_nothing() -> None:
    mail = mail_from(raw=b"")
    mail.reply(subject="Still there?", text="Hello?")
    reply = read(only(mail))
    assert reply["Auto-Submitted"] == "auto-generated"
    assert reply["In-Reply-To"] is None


@pytest.mark.fault("C4")
@pytest.mark.parametrize(
    "subject",
    ["a\x00b", "a\x1bb", "a\x85b", "a\u2028b", "=?utf-8?q?a=0D=0AX:_b?=", "\udce9" * 9, "x" * 99999],
)
def test_no_subject_of_a_stranger_makes_the_reply_fail(subject: str) -> None:
    raw = f"Subject: {subject}\r\nMessage-ID: <{subject}>\r\n\r\n".encode("utf-8", "surrogateescape")
    mail = mail_from(raw=raw)
    assert mail.reply(text="Fine.")
    assert read(only(mail)).keys().count("X") == 0


@pytest.mark.fault("C4")
@pytest.mark.parametrize(
    "send",
    [
        lambda mail, text: mail.reply(text="x", subject=text),
        lambda mail, text: mail.reply(text="x", from_=f"{text} <a@x>"),
        lambda mail, text: mail.reply(text="x", sender=f"a@x{text}"),
        lambda mail, text: mail.send(text="x", to=f"a@x{text}", from_="a@x"),
        lambda mail, text: mail.send(text="x", to="a@x", from_="a@x", subject=text),
        lambda mail, text: mail.send_on(to=[f"a@x{text}"], sender="a@x"),
        lambda mail, text: mail.send_on(to=["a@x"], sender=f"a@x{text}"),
    ],
)
@pytest.mark.parametrize("text", ["\r\nX-Bad: 1", "\n", "\0", ">\r\nRCPT TO:<b@x"])
def test_no_value_ends_a_line_or_a_command(send: Callable[[Mail, str], object], text: str) -> None:
    mail = mail_from()
    with pytest.raises(ValueError):
        send(mail, text)
    assert not mail.effects


WIRE = st.binary(max_size=40).map(
    lambda octets: octets.translate(None, CONTROLS).decode("utf-8", "surrogateescape")
)
ADDRESSES = WIRE | st.builds(
    "{}@{}".format, WIRE, st.sampled_from(["example.com", "bücher.example", "[::1]", "a b", ""])
)


@pytest.mark.fault("C4")
@given(ADDRESSES, ADDRESSES, st.binary(max_size=200))
def test_nothing_that_comes_over_the_wire_makes_an_answer_fail(
    sender: str, recipient: str, raw: bytes
) -> None:
    mail = mail_from(sender, to=recipient, raw=raw)
    if mail.reply(text="Fine."):
        head = only(mail).content.partition(b"\r\n\r\n")[0]
        names = [line.partition(b":")[0].decode() for line in re.split(rb"\r\n(?![ \t])", head)]
        assert set(names) <= WRITTEN
        assert len(set(names)) == len(names)


@given(ADDRESSES, ADDRESSES, st.binary(max_size=200))
def test_nothing_that_comes_over_the_wire_makes_sending_on_fail(
    sender: str, recipient: str, raw: bytes
) -> None:
    mail = mail_from(sender, to=recipient, raw=raw)
    if mail.send_on(to=["b@example.net"], sender="a@example.org"):
        again = mail_from(sender, to=recipient, raw=only(mail).content)
        assert not again.send_on(to=["b@example.net"], sender="a@example.org")


# -- templates -----------------------------------------------------------------------------------------------


def test_a_template_sees_the_mail_its_captures_and_the_variables() -> None:
    folder = Folder()
    scene = replace(SCENE, templates=folder, captures={"list_name": "cooks", "host": "h", "x": None})
    mail = mail_from(scene=scene)
    mail.reply("welcome.mako", host="elsewhere", n=3)
    assert read(only(mail)).get_content() == "This is welcome.mako.\r\n"
    assert folder.shown == {"mail": mail, "list_name": "cooks", "host": "elsewhere", "x": None, "n": 3}


def test_the_mail_that_a_template_sees_is_always_the_mail() -> None:
    folder = Folder()
    mail = mail_from(scene=replace(SCENE, templates=folder))
    mail.reply("welcome.mako", mail="another")
    assert folder.shown["mail"] is mail


def test_a_template_has_the_last_word_on_what_people_see_and_none_on_where_it_goes() -> None:
    folder = Folder(
        (
            ("Subject", "Welcome"),
            ("From", "Cooks <c@lists.example.org>"),
            ("To", "x@example.net"),
            ("X-A", "1"),
        )
    )
    mail = mail_from(scene=replace(SCENE, templates=folder))
    mail.reply("welcome.mako", subject="no")
    reply = read(only(mail))
    assert (reply["Subject"], reply["From"], reply["X-A"]) == ("Welcome", "Cooks <c@lists.example.org>", "1")
    assert only(mail).envelope.recipients == (Recipient(Address("Alice@example.com")),)


@pytest.mark.fault("C6")
def test_no_template_hides_that_a_mail_is_automatic() -> None:
    mail = mail_from(scene=replace(SCENE, templates=Folder((("Auto-Submitted", "no"),))))
    with pytest.raises(ValueError, match="Auto-Submitted"):
        mail.reply("welcome.mako")


@pytest.mark.parametrize(
    ("send", "sentence"),
    [
        (lambda mail: mail.reply(), "needs a template, or a text"),
        (lambda mail: mail.reply(text="x", txt="y"), "nobody reads txt"),
        (lambda mail: mail.reply("a.mako", text="x"), "a.mako gives the text"),
        (lambda mail: mail.reply("a.mako"), "No template a.mako: the App has no folder"),
        (lambda mail: mail.send(to="b@x", from_="a@x"), "needs a template, or a text"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(send: Callable[[Mail], object], sentence: str) -> None:
    mail = mail_from()
    with pytest.raises(AppError, match=sentence):
        send(mail)
    assert not mail.effects


# -- send ----------------------------------------------------------------------------------------------------


def test_a_mail_of_ones_own_goes_to_whom_it_names() -> None:
    mail = mail_from()
    mail.send(
        to=["Bob <bob@example.net>", "carol@example.net"],
        cc="bob@example.net",
        from_="cooks@lists.example.org",
        subject="Soup",
        text="Alice cooks.",
        sender="cooks-bounces@lists.example.org",
    )
    outgoing = only(mail)
    sent = read(outgoing)
    assert (sent["To"], sent["Cc"]) == ("Bob <bob@example.net>, carol@example.net", "bob@example.net")
    assert (sent["Auto-Submitted"], sent["In-Reply-To"]) == ("auto-generated", None)
    assert [str(r.address) for r in outgoing.envelope.recipients] == ["bob@example.net", "carol@example.net"]
    assert (str(outgoing.envelope.sender), outgoing.kind) == ("cooks-bounces@lists.example.org", "send")


def test_mail_from_nobody_goes_to_one_recipient_at_a_time() -> None:
    mail = mail_from()
    mail.send(
        to=["bob@example.net", "carol@example.net"], from_="cooks@lists.example.org", text="Alice cooks."
    )
    one, other = mail.effects.outgoing
    assert [len(outgoing.envelope.recipients) for outgoing in (one, other)] == [1, 1]
    assert one.content == other.content


def test_with_verp_each_recipient_is_told_by_the_sender() -> None:
    mail = mail_from()
    mail.send(to=["a@x", "b@y"], from_="cooks@z", sender="cooks-bounces@z", text="Soup.", verp=True)
    mail.send_on(to=["c@x"], sender="cooks-bounces@z", verp=True)
    assert [
        (outgoing.kind, outgoing.envelope.sender.raw, [r.address.raw for r in outgoing.envelope.recipients])
        for outgoing in mail.effects.outgoing
    ] == [
        ("send", "cooks-bounces+a=x@z", ["a@x"]),
        ("send", "cooks-bounces+b=y@z", ["b@y"]),
        ("send_on", "cooks-bounces+c=x@z", ["c@x"]),
    ]


def test_an_answer_may_have_a_sender_that_tells_whom_it_went_to() -> None:
    mail = mail_from("alice@example.com")
    mail.reply(text="Soup.", sender="desk-bounces@z", verp=True)
    mail.reply(text="Soup.", verp=True)
    assert [outgoing.envelope.sender.raw for outgoing in mail.effects.outgoing] == [
        "desk-bounces+alice=example.com@z",
        "",
    ]


@pytest.mark.parametrize(
    ("verp", "sender"),
    [(None, "cooks-bounces+a=x@z"), (True, "cooks-bounces+a=x@z"), (False, "cooks-bounces@z")],
)
def test_where_the_app_has_verp_a_handler_has_it_unless_it_says_otherwise(
    verp: bool | None, sender: str
) -> None:
    mail = mail_from(scene=replace(SCENE, verp=True))
    mail.send(to="a@x", from_="cooks@z", sender="cooks-bounces@z", text="Soup.", verp=verp)
    mail.send_on(to=["a@x"], sender="cooks-bounces@z", verp=verp)
    assert {outgoing.envelope.sender.raw for outgoing in mail.effects.outgoing} == {sender}


def test_verp_of_the_app_leaves_alone_what_it_does_not_fit() -> None:
    mail = mail_from("a@x", scene=replace(SCENE, verp=True))
    mail.reply(text="Soup.")
    mail.reply(text="Soup.", sender="desk+42@z")
    mail.send_on(to=["b@y", "c"], sender="cooks-bounces@z")
    assert [outgoing.envelope.sender.raw for outgoing in mail.effects.outgoing] == [
        "",
        "desk+42@z",
        "cooks-bounces+b=y@z",
        "cooks-bounces@z",
    ]


@pytest.mark.parametrize(("local", "is_verp"), [("a" * 48, True), ("a" * 49, False), ("ä" * 25, False)])
def test_verp_of_the_app_makes_no_sender_that_a_host_may_refuse_for_its_length(
    local: str, is_verp: bool
) -> None:
    mail = mail_from(scene=replace(SCENE, verp=True))
    mail.send_on(to=[f"{local}@x"], sender="cooks-bounces@z")
    mail.send_on(to=[f"{local}@x"], sender="cooks-bounces@z", verp=True)
    senders = [sent.envelope.sender.raw for sent in mail.effects.outgoing]
    with_verp = f"cooks-bounces+{local}=x@z"
    assert senders == [with_verp if is_verp else "cooks-bounces@z", with_verp]


def test_what_verp_cannot_take_apart_again_is_refused() -> None:
    with pytest.raises(ValueError, match="begins the recipient in VERP"):
        mail_from().send_on(to=["c@x"], sender="cooks+bounces@z", verp=True)


def test_mail_to_nobody_is_refused() -> None:
    mail = mail_from()
    nobody: tuple[Mailboxes, ...] = ([], "", "<>")
    for to in nobody:
        with pytest.raises(ValueError):
            mail.send(to=to, from_="a@x", text="x")
    assert not mail.effects


def test_what_is_sent_of_ones_own_may_go_anywhere_whatever_it_was_that_came() -> None:
    mail = mail_from("")
    mail.send(to="postmaster@example.org", from_="cooks@lists.example.org", text="A bounce came.")
    assert only(mail).kind == "send"


# -- what the content needs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "needs"),
    [
        ("alice@example.com", ()),
        ("jörg@example.com", ("SMTPUTF8", "BODY=8BITMIME")),
        ("alice@bücher.example", ("SMTPUTF8",)),
    ],
)
def test_a_mail_says_what_its_addresses_need(sender: str, needs: tuple[str, ...]) -> None:
    mail = mail_from(sender)
    assert mail.reply(text="Grüße.")
    assert only(mail).envelope.params.raw == needs


# -- send_on -------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_on_octet_for_octet_below_a_mark() -> None:
    mail = mail_from()
    assert mail.send_on(
        to=["b@example.net", Address("c@example.net"), "<b@example.net>"], sender="cooks-bounces@x"
    )
    outgoing = only(mail)
    assert outgoing.content == b"Delivered-To: mailing list cooks@lists.example.org\r\n" + SOUP
    assert (outgoing.kind, outgoing.conversation) == ("send_on", LISTS.id)
    assert str(outgoing.envelope.sender) == "cooks-bounces@x"
    assert outgoing.envelope.recipients == (
        Recipient(Address("b@example.net")),
        Recipient(Address("c@example.net")),
    )
    assert not outgoing.envelope.params


def test_a_mail_is_sent_on_with_its_edits() -> None:
    mail = mail_from()
    mail.headers.replace("Subject", "[cooks] Soup?")
    mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")
    mail.headers.replace("Subject", "later")
    assert read(only(mail))["Subject"] == "[cooks] Soup?"


def test_an_mbox_line_stays_where_it_is() -> None:
    mail = mail_from(raw=b"From alice Mon\r\n" + SOUP)
    mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")
    mark = mark_of(mail.recipient).raw
    assert only(mail).content == b"From alice Mon\r\n" + mark + SOUP


def test_a_message_without_a_head_stays_a_body() -> None:
    mail = mail_from(raw=b"\tBring a bowl.\r\n")
    mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")
    assert only(mail).content == mark_of(mail.recipient).raw + b"\r\n\tBring a bowl.\r\n"


@pytest.mark.parametrize(
    ("raw", "came_as", "needs"),
    [
        (SOUP, (), ()),
        (SOUP + b"\xc3\xbc\r\n", ("BODY=8BITMIME", "SIZE=99", "RET=HDRS", "ENVID=x"), ("BODY=8BITMIME",)),
        (SOUP, ("SMTPUTF8",), ("SMTPUTF8",)),
    ],
)
def test_what_the_senders_host_asked_for_its_own_ends_here(
    raw: bytes, came_as: tuple[str, ...], needs: tuple[str, ...]
) -> None:
    mail = mail_from(raw=raw, params=Params(came_as))
    mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")
    assert only(mail).envelope.params.raw == needs


def test_a_list_without_members_sends_nothing_and_is_no_loop() -> None:
    mail = mail_from()
    assert mail.send_on(to=[], sender="cooks-bounces@x")
    assert not mail.effects.outgoing


@pytest.mark.fault("C6")
def test_a_bounce_is_not_sent_on() -> None:
    mail = mail_from("")
    assert not mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")
    assert (mail.effects.outgoing, mail.effects.withheld) == ([], ["a bounce is not sent on"])


@pytest.mark.fault("C6")
def test_a_mail_that_comes_back_to_its_list_is_not_sent_on_again() -> None:
    mail = mail_from()
    mail.send_on(to=["bakers@example.net"], sender="cooks-bounces@x")
    again = mail_from(raw=only(mail).content, to="COOKS@lists.example.org")
    assert not again.send_on(to=["bakers@example.net"], sender="cooks-bounces@x")
    assert again.effects.withheld == ["it was sent on from here before"]
    other = mail_from(raw=only(mail).content, to="soups@lists.example.org")
    assert other.send_on(to=["bakers@example.net"], sender="soups-bounces@x")


def test_automatic_mail_and_mail_of_lists_is_sent_on() -> None:
    mail = mail_from(raw=b"Auto-Submitted: auto-generated\r\nList-Id: <x>\r\nPrecedence: bulk\r\n" + SOUP)
    assert mail.send_on(to=["b@example.net"], sender="cooks-bounces@x")


# -- manners -------------------------------------------------------------------------------------------------


@pytest.mark.fault("C6")
def test_where_an_answer_has_no_business_none_is_sent_and_the_reason_is_kept_once() -> None:
    mail = mail_from(raw=b"Auto-Submitted: auto-replied\r\n" + SOUP)
    assert not mail.reply(text="With pleasure.")
    assert not mail.reply("welcome.mako")
    assert (mail.effects.outgoing, mail.effects.withheld) == ([], ["it is Auto-Submitted"])
    assert not mail.effects


@pytest.mark.fault("C6")
def test_answers_to_one_correspondent_are_limited_within_one_mail_too() -> None:
    mail = mail_from(scene=replace(SCENE, replies_left=2))
    assert [mail.reply(text=f"{n}") for n in range(4)] == [True, True, False, False]
    assert (len(mail.effects.outgoing), mail.effects.withheld) == (2, ["too many within an hour"])


@pytest.mark.fault("C6")
def test_mail_that_is_no_answer_is_not_counted() -> None:
    mail = mail_from(scene=replace(SCENE, replies_left=1))
    mail.send(to="b@x", from_="a@x", text="x")
    mail.send_on(to=["b@x"], sender="a@x")
    assert mail.reply(text="x")


@pytest.mark.fault("H5")
def test_what_a_handler_that_failed_has_sent_was_not_meant() -> None:
    mail = mail_from()
    mail.reply(text="x")
    mail._restore()
    assert not mail.effects.outgoing


def delivered(outgoing: Outgoing, *, strip: bool = False) -> Mail:
    """What the other side gets; `strip`: by a host that takes off all that says that it is automatic."""
    raw, sender = outgoing.content, str(outgoing.envelope.sender)
    if strip:
        raw = raw.replace(b"Auto-Submitted: auto-replied\r\n", b"")
        sender = Message(raw).sender
    return mail_from(sender, to=str(outgoing.envelope.recipients[0].address), raw=raw)


@pytest.mark.fault("C6")
@pytest.mark.parametrize("sender", ["", "a-robot@one.example"])
def test_two_instances_that_answer_each_other_stop_after_the_first_answer(sender: str) -> None:
    sent = 0
    mail = mail_from("alice@one.example", to="desk@two.example")
    while mail.reply(text="Thank you for your mail.", sender=sender):
        sent += 1
        mail = delivered(only(mail))
    assert sent == 1


@pytest.mark.fault("C6")
def test_a_peer_that_hides_what_it_is_is_stopped_by_the_limit() -> None:
    limit, sent = 20, 0
    mail = mail_from("desk@one.example", to="desk@two.example")
    while mail.reply(text="Thank you for your mail."):
        sent += 1
        returned = delivered(only(mail), strip=True)
        returned.reply(text="Thank you, too.")
        back = delivered(only(returned), strip=True)
        mail = mail_from(
            str(back.sender),
            to="desk@two.example",
            raw=back.original,
            scene=replace(SCENE, replies_left=limit - sent),
        )
    assert sent == limit
