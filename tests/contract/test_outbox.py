"""The port `Outbox` over each database: leases, order, what becomes of each recipient."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from lamsonproxy.errors import StoreError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.outbox import Pace, Sending
from lamsonproxy.ports import Backlog
from lamsonproxy.state.database import Database
from lamsonproxy.state.outbox import UNREADABLE, SqlOutbox
from lamsonproxy.state.tables import outbox
from tests.door_rig import until
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier
from tests.outboxes import (
    CONTENT,
    GREYLISTED,
    KINDS,
    LEASE,
    NO_SUCH_USER,
    TAKEN,
    TRACE,
    Rig,
    database_of,
    words,
)


@pytest.fixture(params=KINDS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with database_of(request.param, request, tmp_path) as database:
        yield Rig(database, FakeClock())


async def test_what_is_due_is_claimed_as_it_was_written(rig: Rig) -> None:
    [row] = await rig.has(["bob@example.net", "carol@example.net NOTIFY=NEVER"])
    [due] = await rig.claim()
    assert (due.id, due.attempts, due.trace, due.written_at) == (row, 0, TRACE, rig.clock.now())
    assert due.outgoing.kind == "send_on" and due.outgoing.conversation == "c1"
    assert words(due) == (CONTENT, ["bob@example.net", "carol@example.net"])
    assert str(due.outgoing.envelope.recipients[1].params) == "NOTIFY=NEVER"


async def test_what_is_claimed_is_nobody_elses_until_its_lease_is_over(rig: Rig) -> None:
    await rig.has()
    [first] = await rig.claim()
    rig.clock.advance(LEASE.total_seconds() - 1)
    assert await rig.claim() == []
    rig.clock.advance(1)
    [second] = await rig.claim()
    assert second.id == first.id and second.lease != first.lease


@pytest.mark.fault("B4")
async def test_a_claim_whose_commit_nobody_heard_of_keeps_no_mail_waiting(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.has()
    transaction = rig.database.transaction

    async def unheard(*act: Any) -> None:
        await transaction(*act)
        raise StoreError("the connection to the database was lost")

    monkeypatch.setattr(rig.database, "transaction", unheard)
    with pytest.raises(StoreError):
        await rig.claim()
    monkeypatch.undo()
    assert len(await rig.claim()) == 1
    assert await rig.claim() == [], "its own leases are not given back"


async def test_who_has_lost_the_claim_settles_nothing(rig: Rig) -> None:
    await rig.has()
    [abandoned] = await rig.claim()
    rig.clock.advance(LEASE.total_seconds())
    [ours] = await rig.claim()
    await rig.take_all(abandoned)
    await rig.settle(abandoned, {"bob@example.net": NO_SUCH_USER})
    assert await rig.outbox.backlog(rig.clock.now()) == Backlog(1, 300.0, 0)
    await rig.take_all(ours)
    assert await rig.outbox.backlog(rig.clock.now()) == Backlog()


async def test_a_claim_takes_no_more_than_it_is_told(rig: Rig) -> None:
    for n in range(3):
        await rig.has(conversation=f"c{n}")
    assert len(await rig.claim(2)) == 2
    assert len(await rig.claim(2)) == 1


async def test_two_who_claim_at_the_same_time_share_the_mail(rig: Rig) -> None:
    rows = [row for n in range(40) for row in await rig.has(conversation=f"c{n}")]
    claims = await asyncio.gather(*(rig.claim(5) for _ in range(16)))
    claimed = [due.id for claim in claims for due in claim]
    # Nobody waits, so some may have come in vain; nobody has another's.
    claimed += [due.id for due in await rig.claim(40)]
    assert sorted(claimed) == rows


async def test_a_mail_waits_for_the_older_ones_of_its_conversation(rig: Rig) -> None:
    await rig.has(octets=b"first\r\n")
    await rig.has(octets=b"second\r\n")
    await rig.has(octets=b"another's\r\n", conversation="c2")
    first, others = await rig.claim()
    assert (words(first)[0], words(others)[0]) == (b"first\r\n", b"another's\r\n")
    await rig.settle(first, {"bob@example.net": GREYLISTED})
    assert await rig.claim() == []
    rig.clock.advance(60)
    [first] = await rig.claim()
    await rig.take_all(first)
    [second] = await rig.claim()
    assert words(second)[0] == b"second\r\n"


async def test_mail_of_no_conversation_waits_for_nobody(rig: Rig) -> None:
    await rig.has(octets=b"first\r\n", conversation="")
    await rig.has(octets=b"second\r\n", conversation="")
    assert len(await rig.claim()) == 2


async def test_a_dead_letter_keeps_nobody_waiting(rig: Rig) -> None:
    await rig.has(octets=b"first\r\n")
    await rig.has(octets=b"second\r\n")
    [first] = await rig.claim()
    await rig.settle(first, {"bob@example.net": NO_SUCH_USER})
    [second] = await rig.claim()
    assert words(second)[0] == b"second\r\n"


async def test_the_few_for_whom_downstream_does_not_want_a_mail_yet_keep_nobody_waiting(rig: Rig) -> None:
    await rig.has(["taken@a.example", "later@c.example"], octets=b"first\r\n")
    await rig.has(octets=b"second\r\n")
    [first] = await rig.claim()
    await rig.settle(first, {"taken@a.example": TAKEN, "later@c.example": GREYLISTED})
    [second] = await rig.claim()
    assert words(second)[0] == b"second\r\n"
    await rig.take_all(second)
    rig.clock.advance(60)
    [again] = await rig.claim()
    assert words(again) == (b"first\r\n", ["later@c.example"])


async def test_a_mail_that_some_were_refused_and_nobody_got_is_still_the_first(rig: Rig) -> None:
    await rig.has(["gone@b.example", "later@c.example"], octets=b"first\r\n")
    await rig.has(octets=b"second\r\n")
    [first] = await rig.claim()
    await rig.settle(first, {"gone@b.example": NO_SUCH_USER, "later@c.example": GREYLISTED})
    assert await rig.claim() == []


async def test_the_batches_of_one_mail_go_together_and_its_octets_with_the_last(rig: Rig) -> None:
    batches = [[f"u{n}@b{batch}.example" for n in range(100)] for batch in range(3)]
    await rig.has(*batches)
    await rig.has(octets=b"second\r\n")
    claimed = await rig.claim()
    assert [words(due)[1] for due in claimed] == batches
    for due in claimed[:2]:
        await rig.take_all(due)
        assert await rig.contents() == 2
    assert await rig.claim() == []
    await rig.take_all(claimed[2])
    assert await rig.contents() == 1
    assert len(await rig.claim()) == 1


async def test_batches_settled_at_the_same_time_leave_no_octets_behind(rig: Rig) -> None:
    await rig.has(*[[f"u{n}@example.net"] for n in range(16)])
    claimed = await rig.claim(16)
    await asyncio.gather(*map(rig.take_all, claimed))
    assert await rig.contents() == 0


async def test_each_recipient_has_a_fate_of_its_own(rig: Rig) -> None:
    await rig.has(["taken@a.example", "gone@b.example NOTIFY=NEVER", "later@c.example", "silent@d.example"])
    [due] = await rig.claim()
    replies = {"taken@a.example": TAKEN, "gone@b.example": NO_SUCH_USER, "later@c.example": GREYLISTED}
    await rig.settle(due, replies)
    [(reply, text)] = await rig.dead()
    assert reply == str(NO_SUCH_USER)
    [gone] = Envelope.from_json(text).recipients
    assert gone.address.raw == "gone@b.example" and str(gone.params) == "NOTIFY=NEVER"
    assert await rig.claim() == []
    rig.clock.advance(60)
    [again] = await rig.claim()
    assert (again.id, again.attempts) == (due.id, 1)
    assert words(again) == (CONTENT, ["later@c.example", "silent@d.example"])


async def test_those_refused_in_the_same_words_are_one_dead_letter(rig: Rig) -> None:
    await rig.has(["a@x.example", "b@x.example", "c@x.example"])
    [due] = await rig.claim()
    full = Reply(552, "5.2.2", "Mailbox full")
    await rig.settle(due, {"a@x.example": NO_SUCH_USER, "b@x.example": full, "c@x.example": NO_SUCH_USER})
    dead = await rig.dead()
    assert [reply for reply, _ in dead] == [str(NO_SUCH_USER), str(full)]
    assert [len(Envelope.from_json(text).recipients) for _, text in dead] == [2, 1]
    assert await rig.contents() == 1


async def test_what_downstream_says_is_kept_whatever_it_is(rig: Rig) -> None:
    await rig.has()
    [due] = await rig.claim()
    await rig.settle(due, {"bob@example.net": Reply(550, "", "no\x00\udc80" + "o" * 5000)})
    [(reply, _)] = await rig.dead()
    assert reply.startswith("550 no\\x00\\udc80oo") and len(reply) == 1000


async def test_a_row_that_cannot_be_read_is_dead_and_stops_nobody(rig: Rig) -> None:
    [broken] = await rig.has()
    await rig.has(octets=b"second\r\n", conversation="c2")
    breaking = update(outbox).where(outbox.c.id == broken).values(envelope="{")
    await rig.database.transaction(lambda connection: connection.execute(breaking).rowcount)
    [second] = await rig.claim()
    assert words(second)[0] == b"second\r\n"
    assert await rig.dead() == [(UNREADABLE, "{")]


async def test_the_backlog_tells_how_much_waits_since_when_and_what_is_dead(rig: Rig) -> None:
    await rig.has(["a@x.example"], ["b@x.example"])
    rig.clock.advance(90)
    await rig.has(conversation="c2")
    assert await rig.outbox.backlog(rig.clock.now()) == Backlog(3, 90.0, 0)
    first, second, _ = await rig.claim()
    await rig.take_all(first)
    await rig.settle(second, {"b@x.example": NO_SUCH_USER})
    assert await rig.outbox.backlog(rig.clock.now()) == Backlog(1, 0.0, 1)


async def test_two_processes_that_send_from_one_database_send_each_mail_once_and_in_order(rig: Rig) -> None:
    conversations, mails = 12, 8
    second, courier, log = (
        Database(rig.database.settings, is_async=rig.database.is_async),
        FakeCourier(),
        RecordingLog(),
    )
    outboxes = [SqlOutbox(database) for database in (rig.database, second)]
    senders = [Sending(outbox, courier, log, rig.clock, Pace(sweep_s=0.01)) for outbox in outboxes]
    running = [asyncio.create_task(sender.run()) for sender in senders]
    for mail, n in product(range(mails), range(conversations)):
        await rig.has(octets=b"%d %d" % (n, mail), conversation=f"c{n}")
        senders[n % 2].kick()
    await until(lambda: len(courier.mails) >= conversations * mails, limit_s=30)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await second.close()
    sent = [octets.decode().split() for _, octets in courier.mails]
    for n in range(conversations):
        assert [int(mail) for own, mail in sent if own == str(n)] == list(range(mails))
    assert await rig.outbox.backlog(rig.clock.now()) == Backlog()
    assert not log.named("outbox_failed")
