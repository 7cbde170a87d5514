"""The engine: decide, relay, commit, answer."""

import asyncio
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

import pytest

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import OnError
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.errors import AppError, RemoteError, StorageError
from lamsonproxy.mail.conversation import Asked, Found, Outgoing, Standing, Work
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Discard, Quarantine, Reject
from lamsonproxy.ports import Held, Parts, Unit
from lamsonproxy.runner import Runner
from tests.door_rig import until
from tests.doubles import FakeClock
from tests.downstream import FakeCourier, FakeOffer
from tests.engine_rig import BARE, CONTENT, TRACE, Rig, answering, mail, on, state
from tests.kept import MemoryHeld, MemoryQuarantine
from tests.relay_rig import SystemClock
from tests.unit.engine_faults import RAISED, SECRET

QUEUED = "250 2.0.0 Ok: queued as FAKE"
NO_SUCH_USER = Reply(550, "5.1.1", "No such user")
GREYLISTED = Reply(450, "4.2.0", "Greylisted")
UNKNOWN_AT_ALL = Reply(554, "5.7.1", "Never\nheard of")
TROUBLE = f"451 4.3.0 Temporary processing failure ({TRACE})"


def verdicts(**by_local_part: object) -> Rig:
    """A rig whose recipients `a@`, `b@` ... get these verdicts."""
    return Rig(tuple(on(f"{local}@x.org", answering(verdict)) for local, verdict in by_local_part.items()))


def to(*local_parts: str, content: bytes = CONTENT, sender: str = "alice@example.org") -> Transaction:
    return mail(*(f"{local}@x.org" for local in local_parts), content=content, sender=sender)


# -- passing ------------------------------------------------------------------------------------------------


async def test_mail_that_nobody_handles_passes_as_it_came() -> None:
    rig = Rig()
    transaction = mail(
        "b@x.org NOTIFY=NEVER", params="BODY=8BITMIME RET=HDRS", xforward="IDENT=4F0 ADDR=192.0.2.1"
    )
    assert str(await rig.settle(transaction)) == QUEUED
    assert rig.downstream.mails == [(transaction.envelope, CONTENT)]
    assert rig.log.named("decided")[0]["queued_as"] == "FAKE"
    assert rig.journal == []


async def test_one_received_line_is_put_in_front() -> None:
    rig = Rig()
    await rig.settle(to("b"), DoorPolicy())
    [(_, octets)] = rig.delivered
    assert octets.endswith(CONTENT)
    assert re.fullmatch(rb"Received: [^\n]*\r\n(\t[^\n]*\r\n)+", octets.removesuffix(CONTENT))


async def test_the_received_line_takes_no_line_of_the_mail_into_itself_and_leaves_an_mbox_line_first() -> (
    None
):
    for mbox, content, gap in ((b"", b" soup\r\n", b"\r\n"), (b"From alice Sun Nov 22\r\n", CONTENT, b"")):
        rig = Rig()
        await rig.settle(to("a", content=mbox + content), DoorPolicy())
        [(_, octets)] = rig.delivered
        assert octets.startswith(mbox + b"Received: ")
        assert octets.endswith(b"\r\n" + gap + content)
        assert Message(octets).headers.fields[0].name == "Received"
        assert Message(octets).raw[-len(content) :] == content and Message(octets).received_count == 1


async def test_recipients_with_equal_copies_share_one_transaction_in_envelope_order() -> None:
    def stamp(mail: Mail) -> None:
        mail.headers.add("X-Checked-By", "us")

    rig = Rig((on(".+@x.org", stamp),))
    await rig.settle(to("c", "a", "b"))
    [(recipients, octets)] = rig.delivered
    assert recipients == ["c@x.org", "a@x.org", "b@x.org"]
    assert octets == CONTENT.replace(b"\r\n\r\n", b"\r\nX-Checked-By: us\r\n\r\n")


async def test_added_and_redirected_recipients_stand_in_the_place_of_their_own() -> None:
    def handler(mail: Mail) -> None:
        if mail.recipient.local == "a":
            mail.redirect("elsewhere@y.org")
            mail.add_recipient("archive@y.org")

    rig = Rig((on(".+@x.org", handler),))
    transaction = mail("a@x.org NOTIFY=FAILURE", "b@x.org NOTIFY=NEVER")
    assert str(await rig.settle(transaction)) == QUEUED
    [(envelope, _)] = rig.downstream.mails
    assert [(r.address.raw, str(r.params)) for r in envelope.recipients] == [
        ("elsewhere@y.org", "NOTIFY=FAILURE"),
        ("archive@y.org", "NOTIFY=NEVER"),
        ("b@x.org", "NOTIFY=NEVER"),
    ]


def archiving(mail: Mail) -> None:
    mail.add_recipient("archive@y.org")


@pytest.mark.parametrize("others", [(), ("b",)])
async def test_a_refused_added_recipient_is_nobodys_failure_and_its_copy_is_kept(
    others: Sequence[str],
) -> None:
    rig = Rig((on("a@x.org", archiving),))
    rig.downstream.replies = {"archive@y.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", *others))) == QUEUED
    assert rig.delivered == [([f"{local}@x.org" for local in ("a", *others)], CONTENT)]
    [kept] = rig.kept.letters.values()
    assert [recipient.address.raw for recipient in kept.envelope.recipients] == ["archive@y.org"]
    assert (kept.content, kept.reason) == (CONTENT, "refused: 550 5.1.1 No such user")
    assert not rig.sent.letters
    [told] = rig.log.named("added_recipient_refused")
    assert (str(told["recipient"]), told["reply"]) == ("archive@y.org", NO_SUCH_USER)
    assert [str(event["reply"]) for event in rig.log.named("decided")] == [QUEUED] * (1 + len(others))


async def test_an_added_recipient_that_must_wait_defers_the_mail() -> None:
    rig = Rig((on("a@x.org", archiving),))
    rig.downstream.replies = {"archive@y.org": GREYLISTED}
    assert await rig.settle(to("a")) == GREYLISTED
    assert rig.is_clean and not rig.log.named("added_recipient_refused")


async def test_a_refused_added_recipient_is_kept_once_however_many_added_it() -> None:
    rig = Rig((on(".+", archiving),))
    rig.downstream.replies = {"archive@y.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", "b"))) == QUEUED
    assert rig.delivered == [(["a@x.org", "b@x.org"], CONTENT)]
    assert len(rig.kept.letters) == len(rig.log.named("added_recipient_refused")) == 1


async def test_the_copy_of_a_refused_added_recipient_is_taken_back_where_the_mail_is_not_taken() -> None:
    rig = Rig((on("a@x.org", archiving),))
    rig.downstream.replies = {"archive@y.org": NO_SUCH_USER}
    rig.downstream.final = GREYLISTED
    assert await rig.settle(to("a")) == GREYLISTED
    assert rig.is_clean and not rig.log.named("added_recipient_refused")


async def test_a_refused_recipient_beside_its_own_archive_is_told_and_not_served() -> None:
    rig = Rig((on("a@x.org", archiving),))
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER}
    assert await rig.settle(to("a")) == NO_SUCH_USER
    assert rig.is_clean
    assert str(await rig.settle(to("a", "b"))) == QUEUED
    assert rig.delivered == [(["archive@y.org", "b@x.org"], CONTENT)]
    assert len(rig.sent.letters) == 1


# -- what an edit makes necessary ---------------------------------------------------------------------------


def grumbling(mail: Mail) -> None:
    mail.replace_body("Grüße\r\n".encode())


@pytest.mark.parametrize(
    ("params", "content", "handler", "wanted"),
    [
        ("SIZE=60", CONTENT, grumbling, "SIZE=60 BODY=8BITMIME"),
        ("BODY=7BIT SIZE=60", CONTENT, grumbling, "SIZE=60 BODY=8BITMIME"),
        ("body=8bitmime", CONTENT, grumbling, "body=8bitmime"),
        ("", CONTENT, lambda mail: mail.replace_body(b"plain\r\n"), ""),
        ("", CONTENT, lambda mail: mail.headers.add("X-Greeting", "Grüße"), ""),
        # What came unannounced goes on unannounced, edited or not.
        ("", CONTENT + b"\xff\r\n", lambda mail: mail.headers.add("X", "y"), ""),
        ("", CONTENT + b"\xff\r\n", grumbling, ""),
        ("", CONTENT, lambda mail: mail.redirect("jörg@y.org"), "SMTPUTF8"),
        ("", CONTENT, lambda mail: mail.add_recipient("jörg@y.org"), "SMTPUTF8"),
        ("", CONTENT, lambda mail: mail.set_sender("jörg@y.org"), "SMTPUTF8"),
        ("SMTPUTF8", CONTENT, lambda mail: mail.set_sender("jörg@y.org"), "SMTPUTF8"),
        ("", CONTENT, lambda mail: mail.redirect("b\udce9b@y.org"), ""),
    ],
)
async def test_mail_is_announced_as_what_an_edit_has_made_of_it(
    params: str, content: bytes, handler: Callable[[Mail], object], wanted: str
) -> None:
    for settle in ("settle", "settle_each"):
        rig = Rig((on(".+", handler),))
        await getattr(rig, settle)(mail("a@x.org", content=content, params=params))
        [(envelope, _)] = rig.downstream.mails
        assert str(envelope.params) == wanted


async def test_addresses_beyond_ascii_that_came_without_smtputf8_go_on_without_it() -> None:
    rig = Rig((on(".+", lambda mail: mail.headers.add("X", "y")),))
    await rig.settle(mail("jörg@x.org", sender="ålice@example.org"))
    [(envelope, _)] = rig.downstream.mails
    assert not envelope.params


# -- an address that stands there twice ---------------------------------------------------------------------


async def test_a_recipient_that_came_twice_goes_on_twice() -> None:
    rig = Rig()
    await rig.settle(to("a", "a"))
    assert rig.delivered == [(["a@x.org", "a@x.org"], CONTENT)]


@pytest.mark.parametrize("order", ["ab", "ba"])
async def test_what_a_handler_redirects_or_adds_to_another_recipient_is_asked_about_once(order: str) -> None:
    for change in (Mail.redirect, Mail.add_recipient):
        rig = Rig((on("a@x.org", lambda mail, change=change: change(mail, "b@x.org")),))
        assert str(await rig.settle(to(*order))) == QUEUED
        wanted = [f"{local}@x.org" for local in order if local == "b" or change is Mail.add_recipient]
        assert rig.delivered == [(wanted, CONTENT)]


async def test_several_recipients_that_are_redirected_to_one_address_are_one_rcpt_and_share_its_fate() -> (
    None
):
    rig = Rig((on("[ab]@x.org", lambda mail: mail.redirect("desk@y.org")),))
    await rig.settle(to("a", "b"))
    assert rig.delivered == [(["desk@y.org"], CONTENT)]
    rig.downstream.replies = {"desk@y.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", "b", "c"))) == QUEUED
    assert rig.delivered[1:] == [(["c@x.org"], CONTENT)]
    [told] = rig.sent.letters.values()
    assert b"a@x.org" in told.content and b"b@x.org" in told.content


async def test_an_added_recipient_whose_own_mail_ends_here_is_asked_about() -> None:
    rig = Rig(
        (on("a@x.org", lambda mail: mail.add_recipient("b@x.org")), on("b@x.org", answering(Discard())))
    )
    assert str(await rig.settle(to("a", "b"))) == QUEUED
    assert rig.delivered == [(["a@x.org", "b@x.org"], CONTENT)]


async def test_of_one_copys_recipients_whoever_must_wait_decides_before_whoever_is_refused() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.add_recipient("archive@y.org")),))
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER, "archive@y.org": GREYLISTED}
    assert await rig.settle(to("a", "b")) == GREYLISTED
    assert rig.is_clean


async def test_a_refused_redirection_is_told_of_the_recipient_that_the_sender_knows() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.redirect("secret@y.org")),))
    rig.downstream.replies = {"secret@y.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", "b"))) == QUEUED
    [told], [kept] = rig.sent.letters.values(), rig.kept.letters.values()
    assert b"Final-Recipient: rfc822; a@x.org" in told.content and b"secret@y.org" not in told.content
    assert [recipient.address.raw for recipient in kept.envelope.recipients] == ["a@x.org"]


async def test_a_verdict_ends_the_walk_and_none_goes_on() -> None:
    asked: list[str] = []

    def second(mail: Mail) -> Discard:
        asked.append("second")
        return Discard()

    routes = (
        on(".+@x.org", lambda mail: asked.append("first")),
        on("a@.+", second),
        on(".+", lambda mail: asked.append("third")),
    )
    rig = Rig(routes)
    assert (await rig.settle(to("a"))).text == "Ok: discarded"
    assert asked == ["first", "second"]


@pytest.mark.parametrize("name", ["handler", "timeout", "args", "captures", "self", "mailto"])
async def test_a_capture_may_have_any_name(name: str) -> None:
    told: list[dict[str, str]] = []

    def handler(mail: Mail, **captures: str) -> None:
        told.append(captures)

    format = "(?P<" + name + ">.+)@x.org"
    assert str(await Rig((on(format, handler),)).settle(to("soup"))) == QUEUED
    assert told == [{name: "soup"}]


@pytest.mark.fault("C6")
async def test_a_mail_in_circles_is_refused_for_all_and_no_handler_runs() -> None:
    asked: list[object] = []
    rig = Rig((on(".+", asked.append),))
    transaction = to("a", "b", content=b"Received: from x\r\n" * 101 + CONTENT)
    assert str(await rig.settle(transaction)) == "554 5.4.6 Too many hops"
    assert asked == [] and rig.is_clean
    assert [event["verdict"] for event in rig.log.named("decided")] == ["reject", "reject"]


@pytest.mark.fault("C6")
async def test_a_mail_at_the_hop_limit_passes() -> None:
    assert str(await Rig().settle(to("a", content=b"Received: from x\r\n" * 100 + CONTENT))) == QUEUED


async def test_an_unmatched_recipient_is_refused_where_the_door_says_so() -> None:
    rig = verdicts(a=None)
    policy = replace(BARE, unmatched="reject")
    assert str(await rig.settle(to("b"), policy)) == "550 5.1.1 Unknown recipient"
    assert rig.is_clean
    assert str(await rig.settle(to("a"), policy)) == QUEUED


# -- the fold -----------------------------------------------------------------------------------------------

LATER, NEVER = Defer("4.7.1", "Later"), Reject("5.7.1", "Never")
NOT_AT_ALL = Reject("5.3.4", "Not at all", whole=True)

FOLDED: list[tuple[str, dict[str, object], str, int, int, int]] = [
    # the outcomes, by verdicts; the reply; recipients relayed; copies kept; DSNs
    ("a deferred one", {"a": Accept(), "b": LATER, "c": Quarantine()}, "451 4.7.1 Later", 0, 0, 0),
    ("deferred beside refused", {"a": NEVER, "b": LATER}, "451 4.7.1 Later", 0, 0, 0),
    ("deferred beside a whole reject", {"a": LATER, "b": NOT_AT_ALL}, "451 4.7.1 Later", 0, 0, 0),
    ("a whole reject", {"a": Accept(), "b": NOT_AT_ALL}, "552 5.3.4 Not at all", 0, 0, 0),
    ("a whole reject beside quarantine", {"a": Quarantine(), "b": NOT_AT_ALL}, "552 5.3.4 Not at all", 0, 0, 0),
    ("only refused ones", {"a": Reject("5.1.1", "First"), "b": NEVER}, "550 5.1.1 First", 0, 0, 0),
    ("pass and taken only", {"a": Accept(), "b": Quarantine(), "c": Discard(), "d": Consume()}, QUEUED, 1, 1, 0),
    ("quarantine only", {"a": Quarantine(), "b": Quarantine()}, "250 2.7.0 Ok: quarantined", 0, 2, 0),
    ("consumed only", {"a": Consume()}, "250 2.0.0 Ok", 0, 0, 0),
    ("refused beside pass", {"a": NEVER, "b": Accept()}, QUEUED, 1, 1, 1),
    ("refused beside taken", {"a": Discard(), "b": NEVER}, "250 2.7.0 Ok: discarded", 0, 1, 1),
    ("two refused beside pass", {"a": NEVER, "b": Accept(), "c": NEVER}, QUEUED, 1, 2, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("by_local_part", "reply", "relayed", "kept", "told"),
    [row[1:] for row in FOLDED],
    ids=[row[0] for row in FOLDED],
)
async def test_the_fold_table_in_deeds(
    by_local_part: dict[str, object], reply: str, relayed: int, kept: int, told: int
) -> None:
    rig = verdicts(**by_local_part)
    assert str(await rig.settle(to(*by_local_part))) == reply
    assert sum(len(recipients) for recipients, _ in rig.delivered) == relayed
    assert (len(rig.kept.letters), len(rig.sent.letters)) == (kept, told)
    assert not rig.kept.held and not rig.sent.held


@pytest.mark.parametrize(
    ("transaction", "why"),
    [
        (to("a", "b", sender=""), "a bounce has nobody to tell"),
        (mail("a@x.org NOTIFY=NEVER", "b@x.org"), "the sender does not want to know"),
        (mail("a@x.org NOTIFY=SUCCESS,DELAY", "b@x.org"), "the sender asked for other news"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_refused_copy_is_kept_without_a_dsn_when(transaction: Transaction, why: str) -> None:
    rig = verdicts(a=Reject(), b=Accept())
    assert str(await rig.settle(transaction)) == QUEUED
    assert len(rig.kept.letters) == 1 and not rig.sent.letters


async def test_the_dsn_names_only_those_whose_sender_wants_to_know() -> None:
    rig = verdicts(a=Reject(), b=Accept(), c=Reject())
    await rig.settle(mail("a@x.org NOTIFY=NEVER", "b@x.org", "c@x.org NOTIFY=FAILURE"))
    [letter] = rig.sent.letters.values()
    assert b"c@x.org" in letter.content and b"a@x.org" not in letter.content
    assert [r.address.raw for r in letter.envelope.recipients] == ["alice@example.org"]


async def test_what_is_kept_has_its_own_envelope_its_edits_and_the_reason() -> None:
    def handler(mail: Mail) -> Quarantine:
        mail.headers.add("X-Virus", "eicar")
        return Quarantine("eicar found")

    rig = Rig((on("a@x.org", handler),))
    transaction = mail("a@x.org NOTIFY=NEVER", "b@x.org", xforward="IDENT=4F0")
    await rig.settle(transaction)
    [(name, letter)] = rig.kept.letters.items()
    assert name == transaction.key(transaction.envelope.recipients[0])
    assert letter.reason == "eicar found" and b"X-Virus: eicar" in letter.content
    assert letter.envelope == replace(transaction.envelope, recipients=transaction.envelope.recipients[:1])


async def test_copies_that_differ_are_451_with_the_remedy_in_the_log() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.headers.add("X-Only", "a")),))
    assert str(await rig.settle(to("a", "b"))) == TROUBLE
    assert len(rig.log.named("copies_differ")) == 1
    assert rig.is_clean and not rig.downstream.undone


async def test_copies_with_other_senders_differ_too() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.set_sender("list-bounces@x.org")),))
    assert (await rig.settle(to("a", "b"))).is_transient
    assert str(await rig.settle(to("a"))) == QUEUED
    assert rig.downstream.mails[0][0].sender.raw == "list-bounces@x.org"


async def test_edits_of_a_copy_that_does_not_pass_make_no_difference() -> None:
    def handler(mail: Mail) -> Discard:
        mail.headers.add("X-Only", "a")
        return Discard()

    assert str(await Rig((on("a@x.org", handler),)).settle(to("a", "b"))) == QUEUED


# -- downstream ---------------------------------------------------------------------------------------------


async def test_a_recipient_refused_downstream_beside_one_that_passes_is_kept_and_told() -> None:
    rig = Rig()
    rig.downstream.replies = {"b@x.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", "b"))) == QUEUED
    assert [recipients for recipients, _ in rig.delivered] == [["a@x.org"]]
    [letter] = rig.kept.letters.values()
    assert letter.reason == "refused: 550 5.1.1 No such user" and letter.content == CONTENT
    assert len(rig.sent.letters) == 1


async def test_the_log_says_of_each_recipient_what_became_of_it() -> None:
    rig = verdicts(c=Discard())
    rig.downstream.replies = {"b@x.org": NO_SUCH_USER}
    await rig.settle(to("a", "b", "c"))
    lines = [(str(event["reply"]), event["queued_as"]) for event in rig.log.named("decided")]
    assert lines == [(QUEUED, "FAKE"), (str(NO_SUCH_USER), ""), ("250 2.7.0 Ok: discarded", "")]


async def test_all_refused_downstream_is_the_first_refusal_and_nothing_is_sent() -> None:
    rig = Rig()
    rig.downstream.replies = {"a@x.org": UNKNOWN_AT_ALL, "b@x.org": NO_SUCH_USER}
    assert await rig.settle(to("a", "b")) == UNKNOWN_AT_ALL
    assert rig.is_clean and len(rig.downstream.undone) == 1


async def test_all_refused_downstream_beside_a_taken_one_is_250_and_no_content_is_sent() -> None:
    rig = verdicts(b=Quarantine("spam"))
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER}
    assert str(await rig.settle(to("a", "b"))) == "250 2.7.0 Ok: quarantined"
    assert rig.delivered == [] and len(rig.kept.letters) == 2 and len(rig.sent.letters) == 1


async def test_one_recipient_deferred_downstream_defers_all() -> None:
    rig = verdicts(c=Quarantine())
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER, "b@x.org": GREYLISTED}
    assert await rig.settle(to("a", "b", "c")) == GREYLISTED
    assert rig.is_clean


@pytest.mark.parametrize("final", [NO_SUCH_USER, GREYLISTED], ids=["5xx", "4xx"])
async def test_a_refusal_at_the_end_of_data_is_the_answer_and_cancels_what_was_held(final: Reply) -> None:
    rig = verdicts(a=Quarantine(), b=Reject())
    rig.downstream.final = final
    assert await rig.settle(to("a", "b", "c")) == final
    assert rig.is_clean
    assert [event["queued_as"] for event in rig.log.named("decided")] == ["", "", ""]


@pytest.mark.parametrize("refusal", [NO_SUCH_USER, GREYLISTED], ids=["5xx", "4xx"])
async def test_a_refused_mail_command_keeps_its_class(refusal: Reply) -> None:
    rig = verdicts(a=Quarantine())
    rig.downstream.refusal = refusal
    assert await rig.settle(to("a", "b")) == refusal
    assert rig.is_clean and rig.journal == []


async def test_a_421_from_downstream_does_not_announce_the_end_of_our_own_session() -> None:
    rig = Rig()
    rig.downstream.final = Reply(421, "4.3.2", "Shutting down")
    assert str(await rig.settle(to("a"))) == "451 4.3.2 Shutting down"


@pytest.mark.parametrize("is_ambiguous", [False, True], ids=["before the dot", "after the dot"])
async def test_a_downstream_that_cannot_be_talked_to_is_451_without_its_words(is_ambiguous: bool) -> None:
    rig = verdicts(a=Quarantine())
    rig.downstream.trouble = RemoteError("end", "reset", SECRET, ambiguous=is_ambiguous)
    assert str(await rig.settle(to("a", "b"))) == TROUBLE
    assert len(rig.log.named("relay_failed")) == 1 and rig.is_clean


class LeavingFails(FakeCourier):
    """Delivers, and raises when the offer is left."""

    def offer(self, envelope: Envelope, *, deadline: float) -> FakeOffer:
        class Offer(FakeOffer):
            async def __aexit__(self, *_: object) -> None:
                raise RemoteError("rset", "reset")

        return Offer(self, envelope)


@pytest.mark.parametrize("final", [Reply(250, "", "queued as Q"), NO_SUCH_USER], ids=["250", "550"])
async def test_trouble_while_leaving_downstream_changes_no_answer(final: Reply) -> None:
    rig = Rig(courier=LeavingFails())
    rig.downstream.final = final
    assert await rig.settle(to("a")) == final
    assert len(rig.log.named("relay_failed")) == 1


# -- the order ----------------------------------------------------------------------------------------------


class JournalOffer(FakeOffer):
    journal: list[str]

    async def deliver(self, content: Parts) -> Reply:
        self.journal.append("downstream deliver")
        return await super().deliver(content)


class JournalCourier(FakeCourier):
    """Writes its deeds into the journal of the others."""

    def __init__(self, journal: list[str]) -> None:
        super().__init__()
        self._journal = journal

    def offer(self, envelope: Envelope, *, deadline: float) -> JournalOffer:
        self._journal.append("downstream ask")
        offer = JournalOffer(self, envelope)
        offer.journal = self._journal
        return offer


class JournalUnit:
    """Conversations and their one unit of work, which tells its steps and fails at those named."""

    is_there = True
    has_conflict = False

    def __init__(self, journal: list[str], failing: Sequence[str] = ()) -> None:
        self._journal, self._failing = journal, failing
        self.found: Found | None = None
        self.asked: Asked | None = None
        self.work: Work | None = None

    def unit(self, asked: Asked) -> Unit:
        self.asked = asked
        return self

    @property
    def is_open(self) -> bool:
        return self.found is not None

    @property
    def db(self) -> Any:
        return self

    async def begin(self, *, until: float) -> Found:
        self._step("begin")
        assert self.asked is not None
        self.found = Found({conversation: Standing() for conversation in self.asked.conversations})
        return self.found

    async def mark(self) -> None:
        self._step("mark")

    async def restore(self) -> None:
        self._step("restore")

    async def write(self, work: Work) -> None:
        self.work = work
        self._step("write")

    async def settle(self, work: Work) -> None:
        await self.write(work)
        await self.commit()

    async def add(self, outgoing: Outgoing) -> None:
        self._step("add")

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        self._step("amend")

    async def commit(self) -> None:
        self._step("commit")

    async def rollback(self, *, after: "asyncio.Future[Any] | None" = None) -> None:
        self._step("rollback")
        self.found = None

    async def failed(self, key: str, now: datetime) -> int:
        return 1

    async def forget(self, keys: Sequence[str]) -> None:
        return None

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        return {}

    def _step(self, name: str) -> None:
        self._journal.append(f"unit {name}")
        if name in self._failing:
            raise RuntimeError(f"{name} failed: {SECRET}")


def journalling(*failing: str) -> Rig:
    """`a` is put into quarantine, `b` refused, others pass."""
    journal: list[str] = []
    routes = (
        on("a@.+", answering(Quarantine())),
        on("b@.+", answering(Reject())),
        state(".+", lambda mail: Accept()),
    )
    return Rig(routes, journal, courier=JournalCourier(journal), conversations=JournalUnit(journal, failing))


@pytest.mark.fault("K6")
async def test_everything_that_can_fail_is_tried_before_the_relay_and_counts_after_it() -> None:
    rig = journalling()
    assert (await rig.settle(to("a", "b", "c"))).is_positive
    assert rig.journal == [
        "unit begin",
        "downstream ask",
        "unit write",
        "quarantine hold",
        "quarantine hold",
        "notices hold",
        "downstream deliver",
        "quarantine release",
        "quarantine release",
        "notices release",
        "unit amend",
        "unit commit",
    ]


@pytest.mark.parametrize("failing", ["begin", "write"])
async def test_a_unit_that_fails_before_the_relay_is_451_and_nothing_is_relayed(failing: str) -> None:
    rig = journalling(failing)
    assert str(await rig.engine.settle(to("a", "c"), BARE)) == TROUBLE
    assert len(rig.log.named("bug")) == 1 and rig.is_clean


async def test_a_commit_that_fails_is_451_though_the_mail_may_then_be_there_twice() -> None:
    rig = journalling("commit")
    assert str(await rig.engine.settle(to("a", "c"), BARE)) == TROUBLE
    assert len(rig.delivered) == 1 and not rig.kept.held
    assert rig.journal[-1] == "unit rollback"


async def test_a_rollback_that_fails_changes_no_answer() -> None:
    rig = journalling("rollback")
    rig.downstream.final = NO_SUCH_USER
    assert await rig.engine.settle(to("c"), BARE) == NO_SUCH_USER
    assert len(rig.log.named("bug")) == 1


FULL = StorageError("cannot keep it", OSError(28, f"No space left on {SECRET}"))
BROKEN = StorageError("cannot keep it", OSError(5, f"Input/output error at {SECRET}"))


@pytest.mark.fault("D1", "D3")
@pytest.mark.parametrize(
    ("error", "reply"),
    [(FULL, f"452 4.3.1 Insufficient storage ({TRACE})"), (BROKEN, TROUBLE)],
    ids=["a full disk", "a broken disk"],
)
@pytest.mark.parametrize("store", ["kept", "sent"])
async def test_what_cannot_be_kept_is_not_relayed_either(store: str, error: StorageError, reply: str) -> None:
    rig = verdicts(a=Quarantine(), b=Reject())
    getattr(rig, store).trouble = {"hold": error}
    assert str(await rig.settle(to("a", "b", "c"))) == reply
    assert rig.is_clean and len(rig.log.named("storage_failed")) == 1


async def test_what_cannot_be_released_is_451_and_never_250() -> None:
    rig = verdicts(a=Quarantine())
    rig.kept.trouble = {"release": BROKEN}
    assert str(await rig.settle(to("a"))) == TROUBLE
    assert not rig.kept.letters and not rig.kept.held


async def test_what_cannot_be_taken_back_changes_no_answer() -> None:
    rig = verdicts(a=Quarantine(), b=Reject())
    rig.kept.trouble = {"cancel": RuntimeError("a bug of the quarantine")}
    rig.downstream.final = NO_SUCH_USER
    assert await rig.settle(to("a", "b", "c")) == NO_SUCH_USER
    assert len(rig.log.named("storage_failed")) == 2
    assert not rig.kept.letters and not rig.sent.held


@pytest.mark.parametrize("final", [NO_SUCH_USER, GREYLISTED], ids=["5xx", "4xx"])
async def test_an_attempt_that_fails_leaves_alone_what_an_earlier_one_promised(final: Reply) -> None:
    rig = verdicts(a=Quarantine())
    assert (await rig.settle(to("a", "b"))).is_positive
    promised = dict(rig.kept.letters)
    rig.downstream.final = final
    assert await rig.settle(to("a", "b")) == final
    assert rig.kept.letters == promised and not rig.kept.held


async def test_a_full_disk_leaves_alone_what_an_earlier_attempt_promised() -> None:
    rig = verdicts(a=Quarantine())
    await rig.settle(to("a"))
    rig.kept.trouble = {"hold": FULL}
    assert (await rig.settle(to("a"))).code == 452
    assert len(rig.kept.letters) == 1


async def test_a_retry_takes_the_place_of_its_earlier_copy() -> None:
    rig = verdicts(a=Quarantine())
    await rig.settle(to("a"))
    await rig.settle(to("a"))
    assert len(rig.kept.letters) == 1


# -- handlers that fail -------------------------------------------------------------------------------------


@pytest.mark.fault("H1")
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
@pytest.mark.parametrize("name", RAISED)
async def test_whatever_a_handler_raises_is_451_and_only_the_log_knows_what(
    name: str, is_async: bool
) -> None:
    def handler(mail: Mail) -> None:
        mail.headers.add("X-Half", "done")
        raise RAISED[name]()

    async def async_handler(mail: Mail) -> None:
        handler(mail)

    rig = Rig((on("a@.+", async_handler if is_async else handler), on("b@.+", answering(Quarantine()))))
    reply = await rig.settle(to("b", "a", "c"))
    assert reply.encoded == TROUBLE.encode() + b"\r\n"
    assert rig.is_clean
    [failed] = rig.log.named("handler_failed")
    assert failed["error"].__traceback__ is not None
    assert SECRET not in repr([event["reply"] for event in rig.log.named("decided")])
    assert (await rig.settle(to("c"))).is_positive


RETURNED: dict[str, object] = {
    "a string": "250 OK",
    "a code that Postfix would take for a bounce": "999 x",
    "bytes": b"451 later",
    "a tuple": ("5.7.1", "no"),
    "true": True,
    "zero": 0,
    "the class and not the verdict": Reject,
    "a function": answering,
    "a reply": Reply(250, "2.0.0", "Ok"),
    "text with a line break": "550 no\r\n250 yes",
    "an exception": ValueError(SECRET),
}


@pytest.mark.fault("H6")
@pytest.mark.parametrize("name", RETURNED)
async def test_whatever_else_a_handler_returns_is_451(name: str) -> None:
    rig = verdicts(a=RETURNED[name])
    assert str(await rig.settle(to("a"))) == TROUBLE
    assert rig.is_clean and len(rig.log.named("handler_failed")) == 1


@pytest.mark.fault("H6")
@pytest.mark.parametrize(
    "make",
    [
        lambda: Reject("5.7.1", "no\r\n250 2.0.0 yes"),
        lambda: Reject("2.0.0", "Ok"),
        lambda: Reject("999", "x"),
        lambda: Defer("5.7.1", "never"),
        lambda: Reject("5.7.1", ""),
    ],
    ids=["a line break", "class 2", "no status", "class 5 in Defer", "no text"],
)
async def test_a_verdict_that_is_no_reply_is_451(make: Callable[[], object]) -> None:
    rig = Rig((on("a@.+", lambda mail: make()),))
    assert str(await rig.settle(to("a"))) == TROUBLE


def spoil(mail: Mail) -> None:
    mail.headers.add("X-Half", "done")
    mail.replace_body(b"spoilt\r\n")
    mail.redirect("elsewhere@y.org")
    mail.set_sender("other@y.org")
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("of_route", [None, "accept"])
@pytest.mark.parametrize("of_door", ["accept", "defer"])
async def test_on_error_accept_relays_the_original_to_the_original_recipient(
    of_door: OnError, of_route: OnError | None
) -> None:
    rig = Rig((on("a@.+", lambda mail: mail.headers.add("X-Earlier", "edit")), on(".+", spoil, of_route)))
    transaction = mail("a@x.org NOTIFY=NEVER")
    reply = await rig.settle(transaction, replace(BARE, on_error=of_door))
    if of_route is None and of_door == "defer":
        assert str(reply) == TROUBLE
    else:
        assert rig.downstream.mails == [(transaction.envelope, CONTENT)]


async def test_on_error_quarantine_keeps_the_original() -> None:
    rig = Rig((on(".+", spoil, "quarantine"),))
    transaction = to("a")
    assert str(await rig.settle(transaction)) == "250 2.7.0 Ok: quarantined"
    [letter] = rig.kept.letters.values()
    assert (letter.envelope, letter.content, letter.reason) == (
        transaction.envelope,
        CONTENT,
        "the handler failed",
    )


async def test_a_routes_on_error_goes_before_the_doors() -> None:
    rig = Rig((on(".+", spoil, "defer"),))
    assert str(await rig.settle(to("a"), replace(BARE, on_error="accept"))) == TROUBLE


# -- what comes too late ------------------------------------------------------------------------------------


def leaving_behind(acts: list[Callable[[], object]], verdict: object = None) -> Callable[[Mail], object]:
    """A handler that returns, and leaves acts to do with what it had: as a task or a thread of its own would."""

    def handler(mail: Mail) -> object:
        edits, headers = mail.edits, mail.headers
        acts.extend((lambda: headers.add("X-Late", "yes"), lambda: edits.replace_body(b"late\r\n")))
        acts.extend((lambda: mail.redirect("late@y.org"), lambda: mail.headers.add("X-Later", "yes")))
        return verdict

    return handler


def doing(acts: list[Callable[[], object]], lost: list[str]) -> Callable[[], bool]:
    """The engine asks this just before it compares the copies, and again before it relays."""

    def withdrawn() -> bool:
        for act in acts:
            try:
                act()
            except AppError as error:
                lost.append(str(error))
        return False

    return withdrawn


@pytest.mark.fault("H3")
@pytest.mark.parametrize("others", [(), ("b",)])
async def test_an_edit_that_comes_behind_the_verdict_changes_nothing(others: tuple[str, ...]) -> None:
    acts: list[Callable[[], object]] = []
    lost: list[str] = []
    rig = Rig((on("a@.+", leaving_behind(acts)),))
    transaction = to("a", *others)
    assert str(await rig.settle(transaction, BARE, doing(acts, lost))) == QUEUED
    assert rig.downstream.mails == [(transaction.envelope, CONTENT)]
    assert lost and all("decided" in sentence for sentence in lost)


@pytest.mark.fault("H3")
async def test_an_edit_that_comes_behind_the_verdict_is_not_kept_either() -> None:
    acts: list[Callable[[], object]] = []
    rig = Rig((on("a@.+", leaving_behind(acts, Quarantine("odd"))),))
    await rig.settle(to("a"), BARE, doing(acts, []))
    [letter] = rig.kept.letters.values()
    assert letter.content == CONTENT


# -- deadlines ----------------------------------------------------------------------------------------------

SHORT = replace(BARE, deadline_s=0.2)


def hurried(*routes: Any) -> Rig:
    return Rig(routes, clock=SystemClock(), runner=Runner(2))


@pytest.mark.fault("H2")
async def test_a_handler_that_hangs_is_451_and_others_are_not_asked() -> None:
    asked: list[object] = []

    async def hang(mail: Mail) -> None:
        await asyncio.Event().wait()

    rig = hurried(on("a@.+", hang), on("b@.+", asked.append))
    assert str(await rig.settle(to("a", "b"), SHORT)) == TROUBLE
    assert asked == [] and rig.is_clean
    [overran] = rig.log.named("handler_overran")
    assert 0.15 < overran["seconds"] < 5  # nine tenths of the deadline; the last one is the relay's
    assert not rig.log.named("handler_ran")


@pytest.mark.fault("H3")
async def test_while_one_handler_is_stuck_in_its_thread_other_mails_go_on() -> None:
    gate, begun = threading.Event(), threading.Event()

    def stuck(mail: Mail) -> None:
        begun.set()
        gate.wait()

    rig = hurried(on("a@.+", stuck), on("b@.+", lambda mail: None))
    try:
        hanging = asyncio.create_task(rig.engine.settle(to("a"), replace(SHORT, deadline_s=1.0)))
        await until(begun.is_set)
        for _ in range(5):
            assert str(await rig.settle(to("b"))) == QUEUED
        assert not hanging.done()
        await until(hanging.done)
        assert rig.runner.stuck == 1
    finally:
        gate.set()
    assert str(await hanging) == TROUBLE


@pytest.mark.fault("H3")
async def test_a_late_handler_has_lost_its_mail_and_changes_nothing() -> None:
    gate, is_over = threading.Event(), threading.Event()
    late: list[str] = []

    def handler(mail: Mail) -> None:
        headers = mail.headers
        gate.wait()
        headers.add("X-Late", "by an old reference")
        try:
            mail.headers.add("X-Late", "by the mail")
        except AppError as error:
            late.append(str(error))
        is_over.set()

    def go_on_before_the_relay() -> bool:
        gate.set()
        return not is_over.wait(10)

    rig = hurried(on("a@.+", handler, "accept"))
    assert str(await rig.settle(to("a"), SHORT, go_on_before_the_relay)) == QUEUED
    assert "deadline" in late[0]
    assert rig.delivered == [(["a@x.org"], CONTENT)]


@pytest.mark.fault("H2")
async def test_after_the_deadline_no_further_handler_is_begun() -> None:
    asked: list[object] = []
    clock = FakeClock()
    rig = Rig((on("a@.+", lambda mail: clock.advance(487)), on("b@.+", asked.append)), clock=clock)
    assert str(await rig.settle(to("a", "b"))) == TROUBLE
    assert asked == [] and len(rig.log.named("handler_overran")) == 1


async def test_handlers_are_told_the_end_of_their_own_share_of_the_deadline() -> None:
    told: list[float] = []
    rig = Rig((on(".+", lambda mail: told.append(mail.deadline)),))
    await rig.settle(to("a"), replace(BARE, deadline_s=100))
    assert told == [90.0]


class Hanging(MemoryQuarantine):
    """A quarantine that answers when the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> MemoryHeld:
        self.gate.wait(30)
        return super().hold(name, envelope, content, reason)


@pytest.mark.fault("D3")
async def test_a_disk_that_hangs_is_451_by_the_deadline_and_what_it_makes_later_is_taken_back() -> None:
    hanging = Hanging()
    rig = Rig((on("a@.+", answering(Quarantine())),), clock=SystemClock(), quarantine=hanging)
    try:
        assert str(await rig.settle(to("a", "b"), SHORT)) == TROUBLE
        assert rig.is_clean and str(rig.log.named("storage_failed")[0]["error"]).startswith(
            "the disk did not"
        )
    finally:
        hanging.gate.set()
    await until(lambda: hanging.journal == ["quarantine hold", "quarantine cancel"])
    assert not hanging.held and not hanging.letters


class SlowDisk(Runner):
    """A runner whose disk takes ten seconds for each act, and that notes how long it may."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(1)
        self.clock = clock
        self.timeouts: list[float] = []

    async def on_disk(self, act: Callable[..., Any], *args: Any, timeout: float) -> Any:
        self.timeouts.append(timeout)
        self.clock.advance(10)
        return act(*args)


@pytest.mark.fault("D3")
async def test_taking_back_many_copies_has_one_time_limit_for_all() -> None:
    clock = FakeClock()
    runner = SlowDisk(clock)
    rig = Rig((on("q.+", answering(Quarantine())),), clock=clock, runner=runner)
    rig.downstream.final = NO_SUCH_USER
    assert await rig.settle(to("q1", "q2", "q3", "b")) == NO_SUCH_USER
    assert runner.timeouts == [15, 15, 15, 15, 5, -5]  # three are held, three taken back


# -- clients that go away -----------------------------------------------------------------------------------


@pytest.mark.fault("H8")
async def test_a_client_that_went_before_the_relay_has_nothing_relayed_or_kept() -> None:
    gone: list[bool] = []

    def handler(mail: Mail) -> Quarantine:
        gone.append(True)
        return Quarantine()

    rig = Rig((on("a@.+", handler),))
    reply = await rig.settle(to("a", "b"), BARE, lambda: bool(gone))
    assert reply.is_transient and rig.is_clean and rig.journal == []


@pytest.mark.fault("H8")
async def test_a_client_that_goes_while_mail_is_held_has_nothing_relayed_or_kept() -> None:
    rig = verdicts(a=Quarantine(), b=Reject())
    reply = await rig.settle(to("a", "b", "c"), BARE, lambda: bool(rig.kept.held))
    assert reply.is_transient and rig.is_clean
    assert len(rig.downstream.undone) == 1


@pytest.mark.fault("H8")
async def test_what_downstream_has_taken_is_finished_though_the_client_went() -> None:
    rig = verdicts(a=Quarantine(), b=Reject())
    reply = await rig.settle(to("a", "b", "c"), BARE, lambda: bool(rig.downstream.mails))
    assert str(reply) == QUEUED
    assert len(rig.kept.letters) == 2 and len(rig.sent.letters) == 1


class SlowCourier(FakeCourier):
    """Waits before the reply to the final dot."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    def offer(self, envelope: Envelope, *, deadline: float) -> FakeOffer:
        return SlowOffer(self, envelope)


class SlowOffer(FakeOffer):
    async def deliver(self, content: Parts) -> Reply:
        courier = self._courier
        assert isinstance(courier, SlowCourier)
        courier.is_asked.set()
        await courier.may_answer.wait()
        return await super().deliver(content)


@pytest.mark.fault("H8")
async def test_a_task_cancelled_before_downstream_answered_undoes_everything() -> None:
    courier = SlowCourier()
    rig = Rig((on("a@.+", answering(Quarantine())),), courier=courier)
    settling = asyncio.create_task(rig.settle(to("a", "b")))
    await courier.is_asked.wait()
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert rig.is_clean
    assert len(rig.log.named("decided")) == 2


@dataclass
class SlowToRelease:
    """A quarantine and, as `Held`, what it holds: a release waits."""

    quarantine: MemoryQuarantine
    may_release: threading.Event
    held: Held | None = None

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> Self:
        return replace(self, held=self.quarantine.hold(name, envelope, content, reason))

    def release(self) -> None:
        self.may_release.wait(10)
        assert self.held is not None
        self.held.release()

    def cancel(self) -> None:
        assert self.held is not None
        self.held.cancel()


@pytest.mark.fault("H8")
async def test_a_task_cancelled_after_downstream_answered_finishes_everything() -> None:
    may_release = threading.Event()
    quarantine = MemoryQuarantine()
    rig = Rig((on("a@.+", answering(Quarantine())),), quarantine=SlowToRelease(quarantine, may_release))
    settling = asyncio.create_task(rig.settle(to("a", "c")))
    await until(lambda: bool(rig.downstream.mails))
    settling.cancel()
    await asyncio.sleep(0)
    may_release.set()
    with pytest.raises(asyncio.CancelledError):
        await settling
    assert len(quarantine.letters) == 1 and not quarantine.held
