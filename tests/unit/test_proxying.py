"""One mail before the queue: what is said to each RCPT, what to the end of data, and what downstream hears."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lamsonproxy.app.announced import Announced
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import OnError
from lamsonproxy.app.routing import Route
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Discard, Quarantine, Reject
from tests.doubles import FakeClock
from tests.engine_rig import CONTENT, TRACE, Rig, answering, mail, on
from tests.relay_rig import SystemClock

BEFORE = DoorPolicy(trace_header=False, deadline_s=80)
ADJUSTED = replace(BEFORE, speed_adjust=True)
NO_SUCH = Reply(550, "5.1.1", "no such")
LATER = Reply(450, "4.2.1", "later")
OURS = f"451 4.3.0 Temporary processing failure ({TRACE})"


def guard(format: str, handler: Callable[..., Any], on_error: OnError | None = None) -> Route:
    return replace(on(format, handler, on_error), phase="rcpt")


class Visit:
    """One mail at the door: its recipients are those that were taken, as the door keeps them."""

    def __init__(self, rig: Rig, policy: DoorPolicy = BEFORE, **words: Any) -> None:
        self.rig = rig
        self.proxying = rig.engine.receive(policy)
        self._words = words
        self._taken: list[str] = []

    async def rcpt(self, *addresses: str) -> list[str]:
        replies = []
        for address in addresses:
            reply = await self.proxying.ask(mail(*self._taken, address, **self._words))
            if reply.is_positive:
                self._taken.append(address)
            replies.append(str(reply))
        return replies

    async def data(self, content: bytes = CONTENT, withdrawn: bool = False) -> str:
        assert self._taken, "the door says 554 to DATA"
        transaction = mail(*self._taken, content=content, **self._words)
        reply = await self.proxying.settle(transaction, lambda: withdrawn)
        assert not self.rig.log.named("bug"), self.rig.log.named("bug")
        return str(reply)


def verdicts(rig: Rig) -> list[tuple[str, str, str]]:
    """Each line of the log: the recipient, the verdict and the code."""
    return [
        (
            told["transaction"].envelope.recipients[told["recipient"]].address.raw,
            told["verdict"],
            str(told["reply"].code),
        )
        for told in rig.log.named("decided")
    ]


async def test_downstream_is_asked_at_each_recipient_and_its_own_words_are_the_reply() -> None:
    rig = Rig()
    rig.downstream.replies = {"b@x": NO_SUCH, "c@x": LATER, "d@x": Reply(421, "4.3.2", "going")}
    visit = Visit(rig)
    assert await visit.rcpt("a@x", "b@x", "c@x", "d@x") == [
        "250 2.1.5 Ok",
        "550 5.1.1 no such",
        "450 4.2.1 later",
        "451 4.3.2 going",
    ]
    assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
    assert rig.delivered == [(["a@x"], CONTENT)]
    assert rig.downstream.asked == ["a@x", "b@x", "c@x", "d@x"]
    assert verdicts(rig) == [
        ("b@x", "accept", "550"),
        ("c@x", "accept", "450"),
        ("d@x", "accept", "451"),
        ("a@x", "accept", "250"),
    ]


async def test_handlers_are_asked_at_rcpt_before_downstream() -> None:
    seen: list[Announced] = []

    def look(mail: Announced) -> None:
        seen.append(mail)

    rig = Rig(
        (
            guard(".+", look),
            guard("no@.+", answering(Reject("5.7.1", "Not you"))),
            guard("grey@.+", answering(Defer("4.2.0", "Ask again"))),
            guard("yes@.+", answering(Accept())),
            guard("yes@.+|late@.+", answering(Reject())),
        )
    )
    visit = Visit(rig, params="SIZE=7")
    assert await visit.rcpt("no@x", "grey@x", "yes@x", "late@x") == [
        "550 5.7.1 Not you",
        "451 4.2.0 Ask again",
        "250 2.1.5 Ok",
        "550 5.7.1 Message refused",
    ]
    assert rig.downstream.asked == ["yes@x"]
    assert [str(each.recipient) for each in seen] == ["no@x", "grey@x", "yes@x", "late@x"]
    assert seen[0].params.get("SIZE") == "7"
    assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
    assert rig.delivered == [(["yes@x"], CONTENT)]
    assert verdicts(rig) == [
        ("no@x", "reject", "550"),
        ("grey@x", "defer", "451"),
        ("late@x", "reject", "550"),
        ("yes@x", "accept", "250"),
    ]


async def test_routes_at_rcpt_are_not_asked_again_with_the_message() -> None:
    asked: list[object] = []
    rig = Rig((guard(".+", asked.append), on(".+", asked.append)))
    visit = Visit(rig)
    await visit.rcpt("a@x")
    await visit.data()
    assert [type(each) for each in asked] == [Announced, Mail]


@pytest.mark.fault("H1")
@pytest.mark.parametrize("on_error", [None, "defer", "accept"])
async def test_a_guard_that_raises_defers_its_recipient_unless_told_otherwise(
    on_error: OnError | None,
) -> None:
    def fail(mail: Announced) -> None:
        raise SystemExit("secret\r\n250 ok")

    visit = Visit(Rig((guard(".+", fail, on_error),)))
    assert await visit.rcpt("a@x") == ["250 2.1.5 Ok" if on_error == "accept" else OURS]
    assert visit.rig.log.named("handler_failed")


@pytest.mark.fault("H6")
@pytest.mark.parametrize("returned", [Consume(), Discard(), Quarantine(), Reject(whole=True), "250 ok", 7])
async def test_a_guard_that_answers_what_none_may_answer_defers_its_recipient(returned: object) -> None:
    rig = Rig((guard(".+", answering(returned)),))
    policy = replace(BEFORE, on_error="quarantine")
    assert await Visit(rig, policy).rcpt("a@x") == [OURS]
    assert rig.downstream.asked == []


@pytest.mark.fault("H2")
async def test_a_guard_that_hangs_has_the_time_of_one_recipient_and_no_more() -> None:
    async def hang(mail: Announced) -> None:
        await asyncio.Event().wait()

    rig = Rig((guard("a@x", hang),), clock=SystemClock())
    visit = Visit(rig, replace(BEFORE, rcpt_timeout_s=0.1))
    assert await visit.rcpt("a@x", "b@x") == [OURS, "250 2.1.5 Ok"]


@pytest.mark.parametrize("sender", ["alice@example.org", ""])
async def test_where_nobody_else_is_known_an_unmatched_recipient_is_refused_at_once(sender: str) -> None:
    rig = Rig((on("known@x", answering(None)), guard(".+", answering(None))))
    visit = Visit(rig, replace(BEFORE, unmatched="reject"), sender=sender)
    assert await visit.rcpt("known@x", "other@x") == ["250 2.1.5 Ok", "550 5.1.1 Unknown recipient"]
    # An operator's probe is known by its message.
    probe = (await visit.rcpt("lamson-probe-7@x"))[0]
    assert probe == ("550 5.1.1 Unknown recipient" if sender else "250 2.1.5 Ok")


@pytest.mark.parametrize(
    ("verdict", "answer"),
    [
        (Reject("5.7.1", "We do not take this"), "550 5.7.1 We do not take this"),
        (Defer("4.2.0", "Tomorrow"), "451 4.2.0 Tomorrow"),
        (Consume(), "250 2.0.0 Ok"),
        (Discard(), "250 2.7.0 Ok: discarded"),
        (Quarantine(), "250 2.7.0 Ok: quarantined"),
    ],
)
async def test_a_mail_that_does_not_go_on_is_taken_back_from_downstream(verdict: object, answer: str) -> None:
    rig = Rig((on(".+", answering(verdict)),))
    visit = Visit(rig)
    await visit.rcpt("a@x", "b@x")
    assert await visit.data() == answer
    assert rig.downstream.mails == []
    assert [len(each.recipients) for each in rig.downstream.undone] == [2]


async def test_where_some_do_not_go_on_downstream_is_asked_anew() -> None:
    rig = Rig((on("b@.+", answering(Consume())),))
    visit = Visit(rig)
    await visit.rcpt("a@x", "b@x", "c@x")
    assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
    assert rig.delivered == [(["a@x", "c@x"], CONTENT)]


async def test_a_redirected_mail_is_asked_about_anew_and_a_refusal_then_is_folded() -> None:
    rig = Rig((on("b@.+", lambda mail: mail.redirect("gone@x")),))
    rig.downstream.replies = {"gone@x": NO_SUCH}
    visit = Visit(rig)
    await visit.rcpt("a@x", "b@x")
    assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
    assert rig.delivered == [(["a@x"], CONTENT)]
    assert len(rig.kept.letters) == len(rig.sent.letters) == 1


async def test_a_refused_added_recipient_is_nobodys_failure_before_the_queue_either() -> None:
    rig = Rig((on("b@.+", lambda mail: mail.add_recipient("gone@x")),))
    rig.downstream.replies = {"gone@x": NO_SUCH}
    visit = Visit(rig)
    await visit.rcpt("a@x", "b@x")
    assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
    assert rig.delivered == [(["a@x", "b@x"], CONTENT)]
    assert len(rig.kept.letters) == 1 and not rig.sent.letters


async def test_the_sender_that_a_handler_set_is_the_one_downstream_hears() -> None:
    rig = Rig((on(".+", lambda mail: mail.set_sender("bounces@x")),))
    visit = Visit(rig)
    await visit.rcpt("a@x")
    await visit.data()
    assert [str(sent.sender) for sent, _ in rig.downstream.mails] == ["bounces@x"]


async def test_copies_that_differ_are_451() -> None:
    rig = Rig((on("b@.+", lambda mail: mail.headers.add("X", "y")),))
    visit = Visit(rig)
    await visit.rcpt("a@x", "b@x")
    assert await visit.data() == OURS
    assert rig.log.named("copies_differ")
    assert rig.downstream.mails == []


@pytest.mark.fault("2.2")
async def test_a_downstream_that_fails_at_a_recipient_has_failed_for_the_mail() -> None:
    ran: list[Mail] = []
    rig = Rig((on(".+", ran.append),))
    visit = Visit(rig)
    await visit.rcpt("a@x")
    rig.downstream.trouble = RemoteError("rcpt", "reset")
    assert await visit.rcpt("b@x", "c@x") == [OURS, OURS]
    rig.downstream.trouble = None
    assert await visit.data() == OURS
    assert rig.is_clean
    assert not ran, "whatever it had done, it would do again"
    assert len(rig.log.named("relay_failed")) == 1


@pytest.mark.fault("2.2")
async def test_a_refused_sender_is_the_reply_to_each_recipient() -> None:
    rig = Rig()
    rig.downstream.refusal = Reply(552, "5.3.4", "Too big")
    assert await Visit(rig).rcpt("a@x", "b@x") == ["552 5.3.4 Too big"] * 2


async def test_a_client_that_leaves_before_its_message_leaves_nothing() -> None:
    rig = Rig()
    visit = Visit(rig)
    await visit.rcpt("a@x")
    await visit.proxying.end()
    await visit.proxying.end()
    assert len(rig.downstream.undone) == 1
    await rig.engine.receive(BEFORE).end()


@pytest.mark.fault("H8")
async def test_a_client_that_leaves_while_its_mail_is_decided_has_nothing_relayed() -> None:
    rig = Rig()
    visit = Visit(rig)
    await visit.rcpt("a@x")
    assert (await visit.data(withdrawn=True)).startswith("451 4.4.2")
    assert rig.downstream.mails == []


async def test_the_time_from_end_of_data_is_counted_from_there() -> None:
    clock = FakeClock()
    seen: list[float] = []
    rig = Rig((on(".+", lambda mail: seen.append(mail.deadline)),), clock=clock)
    visit = Visit(rig)
    await visit.rcpt("a@x")
    clock.advance(500)
    await visit.data()
    assert seen == [500 + 80 * 0.9]


class TestSpeedAdjust:
    """Postfix has promised every recipient; refusals at RCPT wait for the fold."""

    async def test_no_recipient_is_refused_and_the_refused_ones_are_kept_with_a_dsn(self) -> None:
        rig = Rig((guard("no@.+", answering(Reject("5.7.1", "Not you"))),))
        rig.downstream.replies = {"gone@x": NO_SUCH}
        visit = Visit(rig, ADJUSTED)
        assert await visit.rcpt("a@x", "no@x", "gone@x", "b@x") == ["250 2.1.5 Ok"] * 4
        assert await visit.data() == "250 2.0.0 Ok: queued as FAKE"
        assert rig.delivered == [(["a@x", "b@x"], CONTENT)]
        assert rig.downstream.asked == ["a@x", "gone@x", "b@x"]
        assert len(rig.kept.letters) == 2
        assert len(rig.sent.letters) == 1
        assert verdicts(rig) == [
            ("a@x", "accept", "250"),
            ("no@x", "reject", "550"),
            ("gone@x", "accept", "550"),
            ("b@x", "accept", "250"),
        ]

    async def test_only_refused_ones_are_the_first_one_s_refusal(self) -> None:
        rig = Rig((guard("no@.+", answering(Reject("5.7.1", "Not you"))),))
        rig.downstream.replies = {"gone@x": NO_SUCH}
        visit = Visit(rig, ADJUSTED)
        await visit.rcpt("gone@x", "no@x")
        assert await visit.data() == "550 5.1.1 no such"
        assert rig.is_clean

    @pytest.mark.parametrize("who", ["grey@x", "later@x"])
    async def test_a_deferred_one_defers_all_and_no_handler_runs_for_nothing(self, who: str) -> None:
        ran: list[Mail] = []
        rig = Rig((guard("grey@.+", answering(Defer("4.2.1", "later"))), on(".+", ran.append)))
        rig.downstream.replies = {"later@x": Reply(451, "4.2.1", "later")}
        visit = Visit(rig, ADJUSTED)
        await visit.rcpt("a@x", who)
        assert await visit.data() == "451 4.2.1 later"
        assert rig.is_clean
        assert not ran
        assert verdicts(rig) == [("a@x", "defer", "451"), (who, "defer", "451")]

    @pytest.mark.fault("2.2")
    async def test_a_downstream_that_cannot_be_talked_to_is_451_at_the_end_of_data(self) -> None:
        rig = Rig((guard("grey@.+", answering(Defer("4.2.1", "later"))),))
        rig.downstream.trouble = RemoteError("connect", "refused")
        visit = Visit(rig, ADJUSTED)
        assert await visit.rcpt("grey@x", "a@x", "b@x") == ["250 2.1.5 Ok"] * 3
        assert await visit.data() == OURS
        assert len(rig.log.named("relay_failed")) == 1

    async def test_a_refused_copy_holds_the_message(self) -> None:
        rig = Rig((guard("no@.+", answering(Reject())),))
        visit = Visit(rig, ADJUSTED)
        await visit.rcpt("no@x", "a@x")
        await visit.data()
        (letter,) = rig.kept.letters.values()
        assert letter.content.endswith(CONTENT)


async def test_the_gate_of_other_doors_asks_handlers_alone() -> None:
    rig = Rig((guard("no@.+", answering(Reject("5.7.1", "Not you"))),))
    taken = await rig.engine.ask_gate(mail("a@x"), BEFORE)
    refused = await rig.engine.ask_gate(mail("a@x", "no@x"), BEFORE)
    assert (taken.code, str(refused)) == (250, "550 5.7.1 Not you")
    assert rig.downstream.asked == []
    assert verdicts(rig) == [("no@x", "reject", "550")]


async def test_a_guard_in_a_thread_keeps_nobody_else_waiting() -> None:
    gate = threading.Event()
    rig = Rig((guard("slow@x", lambda mail: gate.wait(10)),), clock=SystemClock())
    slow = asyncio.create_task(Visit(rig).rcpt("slow@x"))
    assert await Visit(rig).rcpt("a@x") == ["250 2.1.5 Ok"]
    gate.set()
    assert await slow == [OURS], "True is no verdict"
