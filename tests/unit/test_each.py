"""The engine at a door that has a reply for each recipient (design law 7, the column of lmtp; RFC 2033 §4.2)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement

import pytest

from lamsonproxy.app.mail import Mail
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.errors import RemoteError, StorageError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.trace import received_line
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Discard, Quarantine, Reject, Verdict
from tests.doubles import FakeClock
from tests.downstream import FakeCourier, FakeOffer
from tests.engine_rig import BARE, CONTENT, TRACE, Rig, answering, mail, on

QUEUED = "250 2.0.0 Ok: queued as FAKE"
TROUBLE = f"451 4.3.0 Temporary processing failure ({TRACE})"
NO_SUCH_USER = Reply(550, "5.1.1", "No such user")
GREYLISTED = Reply(450, "4.2.0", "Greylisted")


def verdicts(**by_local_part: object) -> Rig:
    """A rig whose recipients `a@`, `b@` ... get these verdicts."""
    return Rig(tuple(on(f"{local}@x.org", answering(verdict)) for local, verdict in by_local_part.items()))


def to(*local_parts: str, content: bytes = CONTENT) -> Transaction:
    return mail(*(f"{local}@x.org" for local in local_parts), content=content)


def tagging(tag: str) -> Callable[[Mail], None]:
    return lambda mail: mail.headers.add("X-Tag", tag)


async def said(rig: Rig, *local_parts: str, policy: DoorPolicy = BARE) -> list[str]:
    return [str(reply) for reply in await rig.settle_each(to(*local_parts), policy)]


# -- each its own -------------------------------------------------------------------------------------------


ALONE: list[tuple[Verdict, str, int, int]] = [
    # a verdict                     its reply                            relayed  kept
    (Accept(), QUEUED, 1, 0),
    (Consume(), "250 2.0.0 Ok", 0, 0),
    (Discard(), "250 2.7.0 Ok: discarded", 0, 0),
    (Quarantine("odd"), "250 2.7.0 Ok: quarantined", 0, 1),
    (Reject("5.7.1", "No"), "550 5.7.1 No", 0, 0),
    (Defer("4.2.0", "Later"), "451 4.2.0 Later", 0, 0),
]


@pytest.mark.parametrize(
    "rows",
    list(combinations_with_replacement(ALONE, 3)),
    ids=lambda rows: "-".join(type(row[0]).__name__ for row in rows),
)
async def test_whatever_stands_beside_it_a_verdict_has_the_reply_and_the_effect_that_it_has_alone(
    rows: tuple[tuple[Verdict, str, int, int], ...],
) -> None:
    rig = verdicts(**{local: row[0] for local, row in zip("abc", rows, strict=True)})
    assert await said(rig, "a", "b", "c") == [row[1] for row in rows]
    assert sum(len(recipients) for recipients, _ in rig.delivered) == sum(row[2] for row in rows)
    assert len(rig.kept.letters) == sum(row[3] for row in rows)


async def test_mixed_verdicts_on_five_recipients_are_five_replies() -> None:
    rig = verdicts(b=Reject("5.7.1", "No"), c=Quarantine("odd"), d=Defer("4.2.0", "Later"))
    assert await said(rig, "a", "b", "c", "d", "e") == [
        QUEUED, "550 5.7.1 No", "250 2.7.0 Ok: quarantined", "451 4.2.0 Later", QUEUED,
    ]  # fmt: skip
    assert rig.delivered == [(["a@x.org", "e@x.org"], CONTENT)]
    [letter] = rig.kept.letters.values()
    assert [r.address.raw for r in letter.envelope.recipients] == ["c@x.org"]


@pytest.mark.parametrize("place", range(3))
async def test_a_refusal_of_the_whole_mail_is_everybodys_reply(place: int) -> None:
    names = ["a", "b", "c"]
    beside: list[object] = [Accept(), Quarantine("odd")]
    beside.insert(place, Reject("5.7.1", "Virus", whole=True))
    rig = verdicts(**dict(zip(names, beside, strict=True)))
    assert await said(rig, *names) == ["550 5.7.1 Virus"] * 3
    assert rig.is_clean


async def test_an_error_of_a_handler_is_451_for_its_recipient_alone() -> None:
    def fail(mail: Mail) -> None:
        raise RuntimeError("secret")

    assert await said(Rig((on("b@x.org", fail),)), "a", "b", "c") == [QUEUED, TROUBLE, QUEUED]


async def test_a_recipient_that_no_route_matches_is_unknown_where_the_door_says_so() -> None:
    policy = replace(BARE, unmatched="reject")
    rig = verdicts(a=Consume())
    assert await said(rig, "a", "b", policy=policy) == ["250 2.0.0 Ok", "550 5.1.1 Unknown recipient"]


# -- who shares a relay transaction -------------------------------------------------------------------------


async def test_fifty_recipients_with_equal_copies_are_one_relay_transaction() -> None:
    names = [f"r{n}" for n in range(50)]
    rig = Rig()
    assert await said(rig, *names) == [QUEUED] * 50
    assert rig.delivered == [([f"{name}@x.org" for name in names], CONTENT)]


async def test_copies_that_differ_are_relayed_each_by_itself_and_none_is_451() -> None:
    rig = Rig((on("a@x.org", tagging("1")), on("b@x.org", tagging("2")), on("d@x.org", tagging("1"))))
    assert await said(rig, "a", "b", "c", "d") == [QUEUED] * 4
    assert [recipients for recipients, _ in rig.delivered] == [
        ["a@x.org", "d@x.org"],
        ["b@x.org"],
        ["c@x.org"],
    ]
    assert [b"X-Tag: 1" in octets for _, octets in rig.delivered] == [True, False, False]
    assert not rig.log.named("copies_differ")


async def test_a_copy_with_another_sender_is_another_transaction() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.set_sender("bounces@x.org")),))
    assert await said(rig, "a", "b") == [QUEUED] * 2
    assert [sent.sender.raw for sent, _ in rig.downstream.mails] == ["bounces@x.org", "alice@example.org"]


async def test_nobody_shares_with_whoever_does_not_pass() -> None:
    rig = verdicts(b=Consume())
    assert await said(rig, "a", "b", "c") == [QUEUED, "250 2.0.0 Ok", QUEUED]
    assert [recipients for recipients, _ in rig.delivered] == [["a@x.org", "c@x.org"]]


# -- downstream ---------------------------------------------------------------------------------------------


async def test_refusals_of_recipients_downstream_are_the_replies_to_them() -> None:
    rig = Rig()
    rig.downstream.replies = {"b@x.org": NO_SUCH_USER, "d@x.org": GREYLISTED}
    assert await said(rig, "a", "b", "c", "d") == [QUEUED, str(NO_SUCH_USER), QUEUED, str(GREYLISTED)]
    assert rig.delivered == [(["a@x.org", "c@x.org"], CONTENT)]
    assert not rig.kept.letters and not rig.sent.letters


async def test_when_all_are_refused_downstream_no_content_is_sent() -> None:
    rig = Rig()
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER, "b@x.org": GREYLISTED}
    assert await said(rig, "a", "b") == [str(NO_SUCH_USER), str(GREYLISTED)]
    assert rig.is_clean and len(rig.downstream.undone) == 1


async def test_a_refusal_of_mail_is_the_reply_to_all_who_share_it() -> None:
    rig = verdicts(b=Consume())
    rig.downstream.refusal = Reply(552, "5.3.4", "Too big")
    assert await said(rig, "a", "b", "c") == ["552 5.3.4 Too big", "250 2.0.0 Ok", "552 5.3.4 Too big"]


async def test_a_refusal_at_end_of_data_is_the_reply_to_those_who_were_taken() -> None:
    rig = Rig()
    rig.downstream.replies = {"b@x.org": NO_SUCH_USER}
    rig.downstream.final = Reply(554, "5.7.1", "Content refused")
    assert await said(rig, "a", "b", "c") == [
        "554 5.7.1 Content refused", str(NO_SUCH_USER), "554 5.7.1 Content refused",
    ]  # fmt: skip


async def test_a_421_downstream_does_not_end_our_own_session() -> None:
    rig = Rig()
    rig.downstream.final = Reply(421, "4.3.2", "Shutting down")
    assert await said(rig, "a") == ["451 4.3.2 Shutting down"]


class FailingFor(FakeCourier):
    """Downstream cannot be talked to about mail for this recipient."""

    def __init__(self, recipient: str, error: RemoteError) -> None:
        super().__init__()
        self._recipient, self._error = recipient, error

    def offer(self, envelope: Envelope, *, deadline: float) -> FakeOffer:
        is_meant = any(recipient.address.raw == self._recipient for recipient in envelope.recipients)
        self.trouble = self._error if is_meant else None
        return super().offer(envelope, deadline=deadline)


async def test_one_transaction_that_fails_is_451_for_its_own_and_leaves_the_others() -> None:
    tags = [on(f"{name}@x.org", tagging(name)) for name in "abc"]
    rig = Rig(tuple(tags), courier=FailingFor("b@x.org", RemoteError("mail", "closed")))
    assert await said(rig, "a", "b", "c") == [QUEUED, TROUBLE, QUEUED]
    assert len(rig.log.named("relay_failed")) == 1


# Of a copy whose own recipient hears a refusal nothing is relayed, to whomever it was to go too.

TORN = [("a@x.org", NO_SUCH_USER), ("a@x.org", GREYLISTED), ("archive@y.org", GREYLISTED)]


@pytest.mark.parametrize(("refused", "refusal"), TORN, ids=lambda value: str(value)[:3])
async def test_a_copy_of_which_downstream_refuses_one_address_goes_to_none_and_the_others_are_served(
    refused: str, refusal: Reply
) -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.add_recipient("archive@y.org")),))
    rig.downstream.replies = {refused: refusal}
    assert await said(rig, "a", "b") == [str(refusal), QUEUED]
    assert [recipients for recipients, _ in rig.delivered] == [["b@x.org"]]


async def test_a_torn_copy_by_itself_is_not_offered_again() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.add_recipient("archive@y.org")),))
    rig.downstream.replies = {"a@x.org": NO_SUCH_USER}
    assert await said(rig, "a") == [str(NO_SUCH_USER)]
    assert rig.is_clean and len(rig.downstream.undone) == 1


async def test_a_refused_added_recipient_is_nobodys_reply_and_its_copy_is_kept() -> None:
    rig = Rig((on("a@x.org", lambda mail: mail.add_recipient("archive@y.org")),))
    rig.downstream.replies = {"archive@y.org": NO_SUCH_USER}
    assert await said(rig, "a", "b") == [QUEUED, QUEUED]
    assert rig.delivered == [(["a@x.org", "b@x.org"], CONTENT)]
    [kept] = rig.kept.letters.values()
    assert [recipient.address.raw for recipient in kept.envelope.recipients] == ["archive@y.org"]
    assert len(rig.log.named("added_recipient_refused")) == 1


async def test_two_copies_that_differ_are_both_kept_of_an_added_recipient_that_is_refused() -> None:
    def archive(mail: Mail) -> None:
        mail.headers.add("X-For", str(mail.recipient))
        mail.add_recipient("archive@y.org")

    rig = Rig((on(".+", archive),))
    rig.downstream.replies = {"archive@y.org": NO_SUCH_USER}
    assert await said(rig, "a", "b") == [QUEUED, QUEUED]
    assert len({letter.content for letter in rig.kept.letters.values()}) == 2


# -- what is kept -------------------------------------------------------------------------------------------


async def test_a_kept_copy_is_durable_before_its_own_reply_is_said() -> None:
    rig = verdicts(b=Quarantine("odd"))
    replies = rig.engine.settle_each(to("a", "b", "c"), BARE)
    assert str(await anext(replies)) == QUEUED and not rig.kept.letters
    assert str(await anext(replies)) == "250 2.7.0 Ok: quarantined" and len(rig.kept.letters) == 1
    assert [str(reply) async for reply in replies] == [QUEUED]


async def test_a_full_disk_is_452_for_whom_it_had_to_keep_and_for_nobody_else() -> None:
    rig = verdicts(b=Quarantine("odd"))
    rig.kept.trouble["hold"] = StorageError("kept", OSError(28, "No space left on device"))
    assert await said(rig, "a", "b") == [QUEUED, f"452 4.3.1 Insufficient storage ({TRACE})"]


# -- time ---------------------------------------------------------------------------------------------------


async def test_who_has_not_begun_by_the_deadline_is_451_unasked_and_the_others_are_served() -> None:
    clock = FakeClock()
    asked: list[str] = []

    async def slow(mail: Mail) -> Consume:
        asked.append(mail.recipient.raw)
        clock.advance(300)
        return Consume()

    rig = Rig((on(".+@x.org", slow),), clock=clock)
    assert await said(rig, "a", "b", "c") == ["250 2.0.0 Ok", "250 2.0.0 Ok", TROUBLE]
    assert asked == ["a@x.org", "b@x.org"]
    assert rig.log.named("decided")[2]["verdict"] == "defer"


# -- who waits ----------------------------------------------------------------------------------------------


async def test_replies_are_said_as_soon_as_they_are_true() -> None:
    rig = Rig((on("a@x.org", tagging("1")),))
    replies = rig.engine.settle_each(to("a", "b"), BARE)
    await anext(replies)
    assert [recipients for recipients, _ in rig.delivered] == [["a@x.org"]]
    assert [str(reply) async for reply in replies] == [QUEUED]


@pytest.mark.fault("H8")
async def test_once_nobody_waits_what_is_not_begun_is_left_undone() -> None:
    rig = Rig((on("a@x.org", tagging("1")),))
    transaction = to("a", "b", "c")
    replies = [
        str(reply) async for reply in rig.engine.settle_each(transaction, BARE, lambda: bool(rig.delivered))
    ]
    assert replies == [QUEUED, "451 4.4.2 The client went away", "451 4.4.2 The client went away"]
    assert [recipients for recipients, _ in rig.delivered] == [["a@x.org"]]


@pytest.mark.fault("H8")
async def test_a_settling_that_is_given_up_tells_the_log_of_everybody() -> None:
    rig = Rig((on("a@x.org", tagging("1")),))
    replies = rig.engine.settle_each(to("a", "b"), BARE)
    await anext(replies)
    await replies.aclose()  # type: ignore[attr-defined]
    assert [event["recipient"] for event in rig.log.named("decided")] == [0, 1]


# -- loops --------------------------------------------------------------------------------------------------


@pytest.mark.fault("C6")
async def test_what_would_come_back_is_451_and_the_log_names_the_reason() -> None:
    policy = replace(BARE, domains=("x.org", "xn--bcher-kva.example"))
    rig = verdicts(a=Accept(), c=Consume())
    transaction = mail("a@X.org", "b@x.org", "c@x.org", "d@elsewhere.org", "e@bücher.example")
    replies = [str(reply) for reply in await rig.settle_each(transaction, policy)]
    assert replies == [TROUBLE, TROUBLE, "250 2.0.0 Ok", QUEUED, TROUBLE]
    assert [told["recipient"].raw for told in rig.log.named("would_loop")] == [
        "a@X.org", "b@x.org", "e@bücher.example",
    ]  # fmt: skip


@pytest.mark.fault("C6")
async def test_at_the_filter_door_too() -> None:
    rig = Rig()
    assert str(await rig.settle(to("a"), replace(BARE, domains=("x.org",)))) == TROUBLE
    assert rig.is_clean and len(rig.log.named("would_loop")) == 1


async def test_a_redirection_out_of_our_domain_does_not_come_back() -> None:
    policy = replace(BARE, domains=("x.org",))
    rig = Rig((on("a@x.org", lambda mail: mail.redirect("alice@elsewhere.org")),))
    assert await said(rig, "a", policy=policy) == [QUEUED]


def own_lines(count: int, instance: str = "filter-1") -> bytes:
    transaction = to("a")
    line = received_line(
        transaction.session,
        hostname="filter.example.org",
        version="9.9",
        instance=instance,
        trace=TRACE,
        at=FakeClock().now(),
    )
    return line * count


@pytest.mark.fault("C6")
@pytest.mark.parametrize(
    ("head", "is_refused"),
    [
        (own_lines(10), False),
        (own_lines(11), True),
        (own_lines(11, "filter-2"), False),
        (b"Delivered-To: a@x.org\r\n" * 60 + b"Received: by y\r\n" * 40, False),
        (b"DELIVERED-TO : a@x.org\r\n" * 60 + b"received: by y\r\n" * 41, True),
    ],
    ids=["ten of ours", "eleven of ours", "another's", "a hundred hops", "a hundred and one"],
)
async def test_mail_that_goes_in_circles_is_refused_for_all(head: bytes, is_refused: bool) -> None:
    rig = Rig()
    replies = [str(reply) for reply in await rig.settle_each(to("a", "b", content=head + CONTENT))]
    assert replies == (["554 5.4.6 Too many hops"] * 2 if is_refused else [QUEUED] * 2)


async def test_what_leaves_us_is_counted_when_it_comes_again() -> None:
    rig, content = Rig(), CONTENT
    for _ in range(11):
        assert [str(reply) for reply in await rig.settle_each(to("a", content=content), DoorPolicy())] == [
            QUEUED
        ]
        content = rig.delivered[-1][1]
    assert [reply.code for reply in await rig.settle_each(to("a", content=content), DoorPolicy())] == [554]
