"""Sending what handlers wrote: every recipient's fate, back-off, one sender for a row, and crashes at each step."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy.errors import AppError, RemoteError, StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.outbox import Pace, Sending
from lamsonproxy.outbox.sending import LAST_WORDS_S, REST_S
from lamsonproxy.ports import Backlog, Due
from lamsonproxy.state.outbox import SqlOutbox
from tests.door_rig import until
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier, FakeOffer
from tests.outboxes import CONTENT, GREYLISTED, NO_SUCH_USER, Rig, database_at, sqlite_in

BOB = "bob@example.net"
# A sweep that never comes by itself: what happens, happens because of a kick.
PACE = Pace(sweep_s=3600)


class HeldOffer(FakeOffer):
    """Goes on when the courier is open."""

    async def deliver(self, content: Any) -> Reply:
        await self.courier.is_open.wait()
        return await super().deliver(content)

    courier: "HeldCourier"


class HeldCourier(FakeCourier):
    """Offers that wait for `is_open`; `deadlines` and `most` are what was seen of them."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.begun = 0
        self.deadlines: list[float] = []

    def offer(self, envelope: Envelope, *, deadline: float) -> FakeOffer:
        self.begun += 1
        self.deadlines.append(deadline)
        offer = HeldOffer(self, envelope)
        offer.courier = self
        return offer


class FailingOutbox(SqlOutbox):
    """Raises `trouble` where it is set, by the method's name."""

    trouble: Mapping[str, Exception] = {}

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Any:
        self._fail("claim")
        return await super().claim(limit, now=now, lease_until=lease_until)

    async def settle(
        self,
        due: Due,
        replies: Mapping[Address, Reply],
        *,
        now: datetime,
        retry_at: datetime,
        notice: Outgoing | None = None,
    ) -> None:
        self._fail("settle")
        await super().settle(due, replies, now=now, retry_at=retry_at, notice=notice)

    def _fail(self, method: str) -> None:
        if method in self.trouble:
            raise self.trouble[method]


class SendingRig(Rig):
    """A Sending over SQLite, between doubles."""

    def __init__(self, database: Any, clock: FakeClock, pace: Pace = PACE) -> None:
        super().__init__(database, clock)
        self.outbox: FailingOutbox = FailingOutbox(database)
        self.courier, self.log = HeldCourier(), RecordingLog()
        self.sending = Sending(self.outbox, self.courier, self.log, clock, pace, chance=lambda: 1.0)

    @property
    def sent(self) -> list[str]:
        """The octets of each mail that downstream has, without their line end."""
        return [octets.decode().strip() for _, octets in self.courier.mails]

    async def backlog(self) -> Backlog:
        return replace(await self.outbox.backlog(self.clock.now()), oldest_s=0.0)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SendingRig]:
    async with database_at(sqlite_in(tmp_path)) as database:
        yield SendingRig(database, FakeClock())


async def ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_was_committed_is_sent_and_forgotten(rig: SendingRig) -> None:
    await rig.has([BOB, "carol@example.net"])
    await rig.sending.once()
    [(envelope, octets)] = rig.courier.mails
    assert octets == CONTENT and len(envelope.recipients) == 2
    assert await rig.backlog() == Backlog() and await rig.contents() == 0
    [told] = rig.log.named("outbox_sent")
    assert [address.raw for address in told["recipients"]] == [BOB, "carol@example.net"]


async def test_a_kick_sends_at_once(rig: SendingRig) -> None:
    rig.sending.backlog = uncounted = Backlog(dead=-1)
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: rig.sending.backlog != uncounted)
    await rig.has()
    rig.sending.kick()
    await until(lambda: rig.sent != [])
    await ended(running)


async def test_no_mail_is_taken_for_one_that_was_settled_although_the_database_said_otherwise(
    rig: SendingRig,
) -> None:
    settle = rig.outbox.settle

    async def unheard(*args: Any, **words: Any) -> None:
        await settle(*args, **words)
        raise StoreError("the database has not answered for 60 s")

    rig.outbox.settle = unheard  # type: ignore[method-assign]
    await rig.has(octets=b"first\r\n")
    await rig.sending.once()
    rig.outbox.settle = settle  # type: ignore[method-assign]
    await rig.has(octets=b"second\r\n")
    await rig.sending.once()
    assert rig.sent == ["first", "second"]


async def test_a_sweep_sends_what_another_process_left_behind(rig: SendingRig) -> None:
    rig.sending = Sending(rig.outbox, rig.courier, rig.log, rig.clock, replace(PACE, sweep_s=0.01))
    running = asyncio.create_task(rig.sending.run())
    await rig.has()
    await until(lambda: rig.sent != [])
    await ended(running)


async def test_the_mails_of_a_conversation_leave_in_order(rig: SendingRig) -> None:
    for n in range(20):
        await rig.has(octets=b"mail %02d\r\n" % n)
    await rig.sending.once()
    assert rig.sent == [f"mail {n:02}" for n in range(20)]


async def test_each_recipient_has_the_fate_that_downstream_gave_it(rig: SendingRig) -> None:
    await rig.has([BOB, "gone@example.net", "later@example.net"])
    rig.courier.replies = {"gone@example.net": NO_SUCH_USER, "later@example.net": GREYLISTED}
    await rig.sending.once()
    assert await rig.backlog() == Backlog(pending=1, dead=1)
    assert [event.name for event in rig.log.events] == ["outbox_sent", "outbox_refused", "outbox_deferred"]
    [refused] = rig.log.named("outbox_refused")
    assert (refused["recipient"], refused["reply"]) == (Address("gone@example.net"), NO_SUCH_USER)
    rig.courier.replies = {}
    rig.clock.advance(30)
    await rig.sending.once()
    assert [recipient.address.raw for recipient in rig.courier.mails[1][0].recipients] == [
        "later@example.net"
    ]
    assert await rig.backlog() == Backlog(dead=1)


NONSENSE = Reply(354, "", "Go on")


@pytest.mark.parametrize(
    ("reply", "left"),
    [(NO_SUCH_USER, Backlog(dead=1)), (GREYLISTED, Backlog(pending=1)), (NONSENSE, Backlog(pending=1))],
    ids=str,
)
async def test_a_reply_to_mail_from_counts_for_everybody(
    rig: SendingRig, reply: Reply, left: Backlog
) -> None:
    await rig.has([BOB, "carol@example.net"])
    rig.courier.refusal = reply
    await rig.sending.once()
    assert await rig.backlog() == left


@pytest.mark.parametrize(
    ("reply", "left"),
    [(NO_SUCH_USER, Backlog(dead=2)), (GREYLISTED, Backlog(1, dead=1)), (NONSENSE, Backlog(1, dead=1))],
    ids=str,
)
async def test_a_reply_to_the_dot_counts_for_those_who_were_not_refused_before(
    rig: SendingRig, reply: Reply, left: Backlog
) -> None:
    await rig.has([BOB, "gone@example.net"])
    rig.courier.replies = {"gone@example.net": Reply(550, "5.1.1", "Gone")}
    rig.courier.final = reply
    await rig.sending.once()
    assert await rig.backlog() == left


@pytest.mark.parametrize("is_ambiguous", [False, True], ids=["before", "behind the dot"])
async def test_while_downstream_cannot_be_talked_to_it_is_sent_again(
    rig: SendingRig, is_ambiguous: bool
) -> None:
    await rig.has([BOB, "gone@example.net"])
    rig.courier.replies = {"gone@example.net": NO_SUCH_USER}
    rig.courier.trouble = RemoteError("end", "closed", ambiguous=is_ambiguous)
    await rig.sending.once()
    # Who was refused before the connection was lost is not asked again.
    assert await rig.backlog() == Backlog(pending=1, dead=1 if is_ambiguous else 0)
    [deferred] = rig.log.named("outbox_deferred")
    assert "closed at end" in deferred["reply"].text and deferred["reply"].is_transient
    rig.courier.trouble = None
    rig.clock.advance(30)
    await rig.sending.once()
    assert rig.sent == [CONTENT.decode().strip()]


async def test_who_sent_what_only_passed_through_is_told_when_it_dies_here(rig: SendingRig) -> None:
    await rig.has([BOB, "gone@example.net", "silent@example.net NOTIFY=NEVER"], conversation="", kind="relay")
    rig.courier.replies = dict.fromkeys(("gone@example.net", "silent@example.net"), NO_SUCH_USER)
    await rig.sending.once()
    (_, through), (envelope, notice) = rig.courier.mails
    assert through == CONTENT
    assert not envelope.sender and [r.address.raw for r in envelope.recipients] == ["alice@example.org"]
    assert b"Final-Recipient: rfc822; gone@example.net" in notice and b"silent@" not in notice
    assert await rig.backlog() == Backlog(dead=1)


async def test_what_an_application_sent_makes_no_notice(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.refusal = NO_SUCH_USER
    await rig.sending.once()
    assert rig.sent == [] and await rig.backlog() == Backlog(dead=1)


async def test_an_address_that_no_command_can_carry_is_a_dead_letter(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.offer = _raises(AppError("holds a control character"))  # type: ignore[method-assign]
    await rig.sending.once()
    [(reply, _)] = await rig.dead()
    assert reply == "554 5.1.3 holds a control character"


async def test_a_mistake_of_ours_loses_nothing_and_is_told_with_its_traceback(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.offer = _raises(RuntimeError("a bug"))  # type: ignore[method-assign]
    await rig.sending.once()
    assert await rig.backlog() == Backlog(pending=1)
    [failed] = rig.log.named("outbox_failed")
    assert str(failed["error"]) == "a bug"


def _raises(error: Exception) -> Any:
    def act(*args: object, **named: object) -> Any:
        raise error

    return act


async def test_the_pauses_double_to_an_hour_and_after_five_days_it_is_a_dead_letter(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.final = GREYLISTED
    pauses = []
    for _ in range(9):
        await rig.sending.once()
        pauses.append((rig.log.named("outbox_deferred")[-1]["retry_at"] - rig.clock.now()).total_seconds())
        rig.clock.advance(pauses[-1] - 1)
        await rig.sending.once()
        rig.clock.advance(1)
    assert pauses == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert rig.courier.begun == 9
    rig.clock.advance(timedelta(days=5).total_seconds())
    await rig.sending.once()
    [(reply, _)] = await rig.dead()
    assert reply == "554 5.4.7 Given up after 5 days: 450 4.2.0 Greylisted"
    assert len(rig.log.named("outbox_refused")) == 1


def test_chance_spreads_a_pause_between_half_of_it_and_all_of_it() -> None:
    assert [Pace().pause(1, chance).total_seconds() for chance in (0.0, 0.5, 1.0)] == [30, 45, 60]
    assert Pace().pause(10_000, 1.0) == timedelta(hours=1)


async def test_no_more_are_sent_at_one_time_than_may_be_and_each_before_its_lease_ends(
    rig: SendingRig,
) -> None:
    for n in range(20):
        await rig.has(octets=b"%d\r\n" % n, conversation=f"c{n}")
    rig.courier.is_open.clear()
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: rig.courier.begun == PACE.parallel)
    rig.sending.kick()
    rig.courier.is_open.set()
    await until(lambda: len(rig.sent) == 20)
    assert max(rig.courier.deadlines) == PACE.send_s < PACE.lease_s
    await ended(running)


async def test_while_downstream_is_away_a_backlog_is_not_tried_row_by_row(rig: SendingRig) -> None:
    for n in range(20):
        await rig.has(octets=b"%d\r\n" % n, conversation=f"c{n}")
    rig.courier.trouble = RemoteError("connect", "refused")
    await rig.sending.once()
    await rig.sending.once()
    assert rig.courier.begun == PACE.parallel
    rig.courier.trouble = None
    rig.clock.advance(REST_S)
    await rig.sending.once()
    assert len(rig.sent) == 20 - PACE.parallel
    rig.clock.advance(PACE.retry_min_s)
    await rig.sending.once()
    assert len(rig.sent) == 20


async def test_a_notice_that_cannot_be_made_sends_no_mail_again(
    rig: SendingRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamsonproxy.outbox.judging.failure_notice", _raises(RuntimeError("a bug")))
    await rig.has([BOB, "gone@example.net"], kind="relay")
    rig.courier.replies = {"gone@example.net": NO_SUCH_USER}
    await rig.sending.once()
    assert len(rig.sent) == 1 and await rig.backlog() == Backlog(dead=1)
    assert len(rig.log.named("outbox_failed")) == 1


@pytest.mark.fault("B1")
async def test_what_was_answered_while_the_database_was_away_is_settled_later_and_not_sent_again(
    rig: SendingRig,
) -> None:
    await rig.has()
    rig.outbox.trouble = {"settle": StoreError("away"), "claim": StoreError("away")}
    await rig.sending.once()
    assert rig.sent == []
    rig.outbox.trouble = {"settle": StoreError("away")}
    await rig.sending.once()
    await rig.sending.once()
    assert len(rig.sent) == 1 and await rig.backlog() == Backlog(pending=1)
    rig.outbox.trouble = {}
    await rig.sending.once()
    assert len(rig.sent) == 1 and await rig.backlog() == Backlog()
    assert len(rig.log.named("outbox_failed")) == 3


@pytest.mark.fault("B1")
async def test_a_database_that_is_away_is_told_once_a_sweep_however_much_was_answered(
    rig: SendingRig,
) -> None:
    rig.sending = Sending(rig.outbox, rig.courier, rig.log, rig.clock, replace(PACE, parallel=2))
    rig.outbox.trouble = {"settle": StoreError("away")}
    for number in range(4):
        await rig.has(conversation=f"c{number}")
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: len(rig.log.named("outbox_failed")) == 2)
    rig.sending.kick()
    for _ in range(50):
        await rig.backlog()  # as long as the database takes for so much
    assert len(rig.log.named("outbox_failed")) == 4
    rig.outbox.trouble = {}
    rig.sending.kick()
    await until(lambda: len(rig.sent) == 4 and not rig.sending._unmarked)
    await ended(running)
    assert len(rig.sent) == 4 and await rig.backlog() == Backlog()


async def test_what_was_answered_is_not_sent_again_even_when_its_lease_is_over(rig: SendingRig) -> None:
    await rig.has()
    rig.outbox.trouble = {"settle": StoreError("away")}
    await rig.sending.once()
    rig.clock.advance(PACE.lease_s)
    await rig.sending.once()
    rig.outbox.trouble = {}
    await rig.sending.once()
    assert len(rig.sent) == 1 and await rig.backlog() == Backlog()


async def test_nothing_but_its_cancellation_ends_the_sending(rig: SendingRig) -> None:
    rig.sending = Sending(rig.outbox, rig.courier, rig.log, rig.clock, replace(PACE, sweep_s=0.001))
    rig.outbox.trouble = {"claim": RuntimeError("a bug")}
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: len(rig.log.named("outbox_failed")) > 3)
    rig.outbox.trouble = {}
    await rig.has()
    await until(lambda: rig.sent != [])
    await ended(running)


@pytest.mark.parametrize("turns", range(4))
async def test_a_kick_in_the_moment_of_the_end_does_not_undo_it(rig: SendingRig, turns: int) -> None:
    rig.sending.backlog = uncounted = Backlog(dead=-1)
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: rig.sending.backlog != uncounted)
    for _ in range(10):
        await asyncio.sleep(0)  # to where it waits for a kick
    rig.sending.kick()
    for _ in range(turns):
        await asyncio.sleep(0)
    await ended(running)


async def test_what_is_on_its_way_at_the_end_is_finished(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.is_open.clear()
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: rig.courier.begun == 1)
    running.cancel()
    asyncio.get_running_loop().call_later(0.01, rig.courier.is_open.set)
    await ended(running)
    assert len(rig.sent) == 1 and await rig.backlog() == Backlog()


async def test_what_does_not_end_in_time_is_sent_again_after_its_lease(
    rig: SendingRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamsonproxy.outbox.sending.LAST_WORDS_S", LAST_WORDS_S / 100)
    await rig.has()
    rig.courier.is_open.clear()
    running = asyncio.create_task(rig.sending.run())
    await until(lambda: rig.courier.begun == 1)
    await ended(running)
    rig.courier.is_open.set()
    await rig.sending.once()
    assert rig.sent == []
    rig.clock.advance(PACE.lease_s)
    await rig.sending.once()
    assert len(rig.sent) == 1


async def test_the_backlog_is_counted_once_a_sweep(rig: SendingRig) -> None:
    await rig.has()
    rig.courier.final = GREYLISTED
    await rig.sending.once()
    assert rig.sending.backlog.pending == 1
    await rig.has(conversation="c2")
    await rig.sending.once()
    assert rig.sending.backlog.pending == 1
    rig.clock.advance(PACE.sweep_s)
    await rig.sending.once()
    assert rig.sending.backlog == Backlog(2, PACE.sweep_s, 0)


_CHILD = """
import asyncio, sys
from lamsonproxy.mail.reply import Reply
from lamsonproxy.outbox import Pace, Sending
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.outbox import SqlOutbox
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier, FakeOffer

class Offer(FakeOffer):
    async def deliver(self, content) -> Reply:
        open(sys.argv[2], "a").write("taken by downstream\\n")
        return await super().deliver(content)

class Courier(FakeCourier):
    def offer(self, envelope, *, deadline):
        return Offer(self, envelope)

database = Database(DatabaseSettings(sys.argv[1]))
asyncio.run(Sending(SqlOutbox(database), Courier(), RecordingLog(), FakeClock(), Pace()).once())
"""


@pytest.mark.fault("K2")
@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        ("outbox-claimed", 0, 1),
        ("outbox-before-send", 0, 1),
        # Downstream has it and nobody knows: the one place where a mail comes twice.
        ("outbox-sent", 1, 1),
        ("outbox-marked", 1, 0),
    ],
)
async def test_killed_at_any_point_it_is_sent_at_least_once_and_twice_only_if_it_was_being_sent(
    rig: SendingRig, tmp_path: Path, point: str, before: int, after: int
) -> None:
    await rig.has()
    taken = tmp_path / "taken"
    taken.touch()
    died = await asyncio.to_thread(
        subprocess.run,
        (sys.executable, "-c", _CHILD, sqlite_in(tmp_path), str(taken)),
        env=os.environ | {"LAMSON_CRASH_AT": point},
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL
    assert len(taken.read_text().splitlines()) == before
    await rig.sending.once()
    assert rig.sent == [], "the lease is not over"
    rig.clock.advance(PACE.lease_s)
    await rig.sending.once()
    assert len(rig.sent) == after
    assert await rig.backlog() == Backlog() and await rig.contents() == 0
