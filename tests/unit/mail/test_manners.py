"""To which mail no automatic answer goes: one case for each rule, and what is not meant by it."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.manners import has_mark_of, mark_of, why_not
from lamsonproxy.mail.message import Message

ALICE, COOKS = Address("alice@example.com"), Address("cooks@lists.example.org")


def reason(head: str = "Subject: Soup", sender: Address = ALICE, recipient: Address = COOKS) -> str:
    raw = head.replace("\n", "\r\n").encode() + b"\r\n\r\nBring a bowl.\r\n"
    return why_not(Message(raw), sender, recipient)


def test_what_a_person_wrote_may_be_answered() -> None:
    assert reason() == ""


@pytest.mark.fault("C6")
def test_a_bounce_is_not_answered() -> None:
    assert reason(sender=NULL_SENDER) == "it has no sender"


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "address", ["postmaster2", "a@b c", "a\udce9@example.com", "x" * 500 + "@example.com"]
)
def test_addresses_that_no_header_can_hold_are_not_answered(address: str) -> None:
    assert reason(sender=Address(address)) == "no header can hold its addresses"
    assert reason(recipient=Address(address)) == "no header can hold its addresses"


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "sender",
    [
        "cooks@lists.example.org",
        "Cooks@LISTS.example.org",
        "prvs=0123abcdef=cooks@lists.example.org",
        "SRS0=HHHH=TT=lists.example.org=cooks@forwarder.example",
    ],
)
def test_an_address_does_not_answer_itself(sender: str) -> None:
    assert reason(sender=Address(sender)) == "it is from the address that it is to"


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "local",
    """MAILER-DAEMON mailer-daemon postmaster listserv majordomo mailman mailman+x owner-cooks cooks-owner
    cooks-request cooks-bounces cooks-bounce cooks-bounces+alice=example.com bounce-7-alice bounces bounces+1
    double-bounce cooks-return-7-alice=example.com noreply no-reply no_reply donotreply do-not-reply
    SRS0=HHHH=TT=example.com=mailer-daemon""".split(),
)
def test_a_sender_that_is_a_machine_by_its_name_is_not_answered(local: str) -> None:
    assert reason(sender=Address(f"{local}@example.com")) == "its sender is a machine by its name"


@pytest.mark.parametrize(
    "local",
    ["ownership", "requests", "bouncer", "return", "anna-return", "reply", "jones-ownerson", "trebounce"],
)
def test_a_name_that_only_resembles_a_machines_is_a_persons(local: str) -> None:
    assert reason(sender=Address(f"{local}@example.com")) == ""


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "value",
    ["auto-replied", "auto-generated", "Auto-Notified; owner-email=x", "anything", "auto-replied (vacation)"],
)
def test_an_automatic_mail_is_not_answered(value: str) -> None:
    assert reason(f"Auto-Submitted: {value}") == "it is Auto-Submitted"


@pytest.mark.parametrize("value", ["no", "No", "no; x=y", ""])
def test_a_mail_that_says_that_it_is_not_automatic_is_answered(value: str) -> None:
    assert reason(f"Auto-Submitted: {value}") == ""


@pytest.mark.fault("C6")
@pytest.mark.parametrize("name", ["X-Autoreply", "x-autorespond", "X-AutoResponder", "X-Mail-Autoreply"])
def test_a_responder_that_knows_no_auto_submitted_is_not_answered(name: str) -> None:
    assert reason(f"{name}: yes") == "it is an autoresponder's"


@pytest.mark.fault("C6")
@pytest.mark.parametrize("value", ["All", "OOF", "DR, AutoReply", "DR,RN,NRN,OOF,AutoReply", "OOF;DR"])
def test_a_mail_that_wants_no_automatic_answer_gets_none(value: str) -> None:
    assert reason(f"X-Auto-Response-Suppress: {value}") == "it wants no answer (X-Auto-Response-Suppress)"


@pytest.mark.parametrize("value", ["DR", "RN, NRN", "None"])
def test_a_mail_that_wants_no_receipts_may_be_answered(value: str) -> None:
    assert reason(f"X-Auto-Response-Suppress: {value}") == ""


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "value", ["bulk", "Bulk", "list", "junk", "auto_reply", "first-class\nPrecedence: junk"]
)
def test_bulk_mail_is_not_answered(value: str) -> None:
    assert reason(f"Precedence: {value}") == "it is bulk mail (Precedence)"


@pytest.mark.parametrize("value", ["first-class", "special-delivery", "normal"])
def test_other_precedences_are_answered(value: str) -> None:
    assert reason(f"Precedence: {value}") == ""


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    "name", "List-Id List-Help List-Unsubscribe list-post List-Archive Mailing-List".split()
)
def test_a_mailing_list_is_not_answered(name: str) -> None:
    assert reason(f"{name}: <soup.example.com>") == "it is a mailing list's"


@pytest.mark.fault("C6")
def test_a_report_is_not_answered_even_when_it_has_a_sender() -> None:
    head = 'Content-Type: Multipart/Report; report-type=delivery-status; boundary="b"'
    assert reason(head) == "it is a report"


@pytest.mark.fault("C6")
def test_a_mail_that_was_sent_on_from_here_is_not_answered() -> None:
    head = mark_of(COOKS).raw.decode().strip() + "\nSubject: Soup"
    assert reason(head) == "it was sent on from here before"
    assert reason(head, recipient=Address("Cooks@LISTS.example.org")) == "it was sent on from here before"
    assert reason(head, recipient=Address("bakers@lists.example.org")) == ""


def test_what_postfix_writes_itself_is_no_mark_of_ours() -> None:
    assert reason("Delivered-To: cooks@lists.example.org") == ""


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=60) | st.binary(max_size=60))
@example(b"\xc2\x80")
def test_a_mark_is_known_again_whatever_the_address(given: str | bytes) -> None:
    raw = given if isinstance(given, str) else given.translate(None, bytes(range(32)) + b"\x7f")
    recipient = Address(raw if isinstance(raw, str) else raw.decode("utf-8", "surrogateescape"))
    marked = mark_of(recipient).raw
    assert marked.isascii()
    assert has_mark_of(Message(marked + b"\r\n"), recipient)


BOMBS = {
    "fields": "X: y\n" * 100_000,
    "one name": "Precedence: x\n" * 50_000,
    "marks": "Delivered-To: mailing list\n" * 50_000,
    "words": "X-Auto-Response-Suppress: " + ", " * 500_000 + "\n",
    "folds": "Precedence: x" + "\n " * 300_000 + "\n",
    "parameters": "Content-Type: a/b" + "; x=y" * 100_000 + "\n",
}


@pytest.mark.fault("C2")
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_mail_takes_long_to_judge(bomb: str) -> None:
    message = Message(BOMBS[bomb].replace("\n", "\r\n").encode())
    began = time.process_time()
    why_not(message, ALICE, COOKS)
    why_not(Message(b""), Address("-" * 1000 + "@x"), Address("owner" * 200 + "@x"))
    assert time.process_time() - began < 20  # what is not linear takes minutes


@given(st.binary(max_size=300), st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_comes_is_judged(raw: bytes, sender: bytes, recipient: bytes) -> None:
    addresses = (Address(octets.decode("utf-8", "surrogateescape")) for octets in (sender, recipient))
    assert isinstance(why_not(Message(raw), *addresses), str)
