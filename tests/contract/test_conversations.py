"""The port `Conversations`: in memory and over each database, with threads and on the loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy.errors import AlreadySettled, ConflictError, StoreError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import START, ConversationKey, Standing, Timer, Work, digest_of
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Unit
from tests.contract.stores import ALICE, BOB, KINDS, LOCK_WAIT_S, OK, Store, mail, question, step, store_of

ATTEMPTS = 10
"""Of a unit whose beginning met another one, which MariaDB may call a deadlock: the engine does it again too."""


@pytest.fixture(params=KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with store_of(request.param, request, tmp_path) as store:
        yield store


async def test_who_has_not_been_heard_of_is_in_start(store: Store) -> None:
    unit = store.conversations.unit(store.asked(ALICE))
    assert (unit.is_open, unit.found) == (False, None)
    found = await unit.begin(until=store.clock.monotonic() + 10)
    assert found.standings == {ALICE: Standing()} and unit.found == found and unit.is_open
    await unit.rollback()
    assert not unit.is_open


async def test_all_of_a_unit_is_there_when_it_is_committed(store: Store) -> None:
    asked = question(store.clock)
    work = Work(
        moves=(step(ALICE, "CONFIRMING"),),
        ran=(ALICE,),
        outgoing=(mail("one", conversation=ALICE.id), mail("two", conversation=ALICE.id)),
        questions=(asked,),
        settled={"k1": OK},
    )
    await store.does(work, ALICE)
    unit = await store.begun(ALICE, settled=("k1", "k2"))
    assert unit.found is not None
    assert unit.found.standings[ALICE].state == "CONFIRMING"
    assert unit.found.settled == {"k1": OK}
    assert unit.found.replies == 2
    assert unit.found.questions == (replace(asked, content=b""),)
    await unit.rollback()
    assert await store.outgoing() == [(ALICE.id, b"one\r\n"), (ALICE.id, b"two\r\n")]
    assert await store.steps() == [(START, "CONFIRMING")]


@pytest.mark.parametrize("is_written", [False, True])
async def test_nothing_of_a_unit_is_there_when_it_is_rolled_back(store: Store, is_written: bool) -> None:
    unit = await store.begun(ALICE)
    if is_written:
        asked = question(store.clock)
        await unit.write(Work((step(ALICE, "A"),), outgoing=(mail(),), questions=(asked,), settled={"k": OK}))
    await unit.rollback()
    after = await store.begun(ALICE, settled=("k",))
    assert after.found is not None
    assert (after.found.settled, after.found.replies, after.found.questions) == ({}, 0, ())
    assert after.found.standings == {ALICE: Standing()}
    await after.rollback()
    assert (await store.outgoing(), await store.steps()) == ([], [])


@pytest.mark.parametrize("number", [1, 2, 4, 5, 40])
async def test_a_mail_may_be_of_one_conversation_or_of_many(store: Store, number: int) -> None:
    keys = [ConversationKey("app.lists", f"list{n}", "alice@example.org") for n in range(number)]
    settled = {f"k{n}": OK for n in range(number)}
    await store.does(Work(tuple(step(key, "A") for key in keys), settled=settled), *keys)
    again = await store.begun(*keys, settled=tuple(settled))
    assert again.found is not None
    assert again.found.settled == settled
    assert again.found.standings == dict.fromkeys(keys, Standing("A"))
    await again.rollback()
    await store.does(Work(tuple(step(key, START, "A") for key in keys)), *keys)
    await store.conversations.forget(list(settled))
    last = await store.begun(*keys, settled=tuple(settled))
    assert last.found is not None
    assert last.found.settled == {}
    assert last.found.standings == dict.fromkeys(keys, Standing())
    await last.rollback()


async def test_several_steps_of_one_mail_are_all_in_the_history(store: Store) -> None:
    moves = (step(ALICE, "A"), step(ALICE, "B", old="A"), step(BOB, "A"))
    await store.does(Work(moves), ALICE, BOB)
    assert await store.steps() == [(START, "A"), ("A", "B"), (START, "A")]
    assert (await store.state(ALICE), await store.state(BOB)) == ("B", "A")


async def test_who_goes_back_to_start_is_forgotten_with_the_confirmation(store: Store) -> None:
    await store.does(Work((step(ALICE, "A"),), confirmed=(ALICE,)), ALICE)
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.standings == {ALICE: Standing("A", is_confirmed=True)}
    await unit.write(Work((step(ALICE, START, old="A"),)))
    await unit.commit()
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.standings == {ALICE: Standing()}
    await unit.rollback()


async def test_who_confirms_without_moving_stays_confirmed(store: Store) -> None:
    await store.does(Work(confirmed=(ALICE,)), ALICE)
    await store.does(Work(), ALICE)
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.standings == {ALICE: Standing(START, is_confirmed=True)}
    await unit.rollback()


@pytest.mark.fault("B5")
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in this process", "in another"])
async def test_first_contacts_at_the_same_instant_come_one_after_the_other(
    store: Store, is_elsewhere: bool
) -> None:
    stores = (store.conversations, store.other if is_elsewhere else store.conversations)

    async def moves(unit: Unit) -> None:
        assert unit.found is not None
        old = unit.found.standings[ALICE].state
        new = str(int(old) + 1) if old != START else "1"
        await unit.write(Work((step(ALICE, new, old=old), step(BOB, new, old=old))))
        await unit.commit()

    async def mails(n: int) -> None:
        for _ in range(ATTEMPTS):
            with suppress(ConflictError):
                return await moves(await store.begun(ALICE, BOB, of=stores[n % 2]))

    await asyncio.gather(*(mails(n) for n in range(12)))
    assert (await store.state(ALICE), await store.state(BOB)) == ("12", "12")
    assert len(set(await store.steps())) == 12


async def test_who_waited_for_somebody_that_went_back_to_start_finds_start(store: Store) -> None:
    await store.does(Work((step(ALICE, "A"),)), ALICE)
    first = await store.begun(ALICE)
    await first.write(Work((step(ALICE, START, old="A"),)))
    second = asyncio.ensure_future(store.begun(ALICE, of=store.other))
    await asyncio.sleep(0)
    await first.commit()
    unit = await second
    assert unit.found is not None and unit.found.standings == {ALICE: Standing()}
    await unit.write(Work((step(ALICE, "B"),)))
    await unit.commit()
    assert await store.state(ALICE) == "B"


async def test_different_conversations_go_on_at_the_same_time_where_there_are_many_writers(
    store: Store,
) -> None:
    first = await store.begun(ALICE)
    second = asyncio.ensure_future(store.begun(BOB))
    done, _ = await asyncio.wait((second,), timeout=0.3)
    assert bool(done) != store.has_one_writer
    await first.rollback()
    await (await second).rollback()


@pytest.mark.fault("B2")
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in this process", "in another"])
async def test_the_wait_for_a_conversation_ends_at_its_time(store: Store, is_elsewhere: bool) -> None:
    first = await store.begun(ALICE)
    await first.write(Work((step(ALICE, "A"),)))
    unit = (store.other if is_elsewhere else store.conversations).unit(store.asked(ALICE))
    began = asyncio.get_running_loop().time()
    with pytest.raises(StoreError) as raised:
        await unit.begin(until=store.clock.monotonic() + 0.3)
    assert 0.2 < asyncio.get_running_loop().time() - began < LOCK_WAIT_S
    assert not isinstance(raised.value, ConflictError)
    await unit.rollback()
    await first.commit()
    assert await store.state(ALICE) == "A"


async def test_who_is_cancelled_while_he_waits_keeps_nothing(store: Store) -> None:
    first = await store.begun(ALICE)
    waiting = asyncio.ensure_future(store.begun(ALICE, of=store.other))
    await asyncio.wait((waiting,), timeout=0.1)
    waiting.cancel()
    await asyncio.wait((waiting,))
    await first.rollback()
    assert await store.state(ALICE) == START


async def test_a_mail_that_was_settled_is_found_so_when_a_unit_begins_late(store: Store) -> None:
    await store.does(Work(settled={"k": OK}))
    unit = store.conversations.unit(store.asked(settled=("k",)))
    with pytest.raises(AlreadySettled):
        await unit.write(Work(settled={"k": OK}))
    await unit.rollback()


async def test_a_mail_that_was_settled_meanwhile_is_a_conflict(store: Store) -> None:
    unit = await store.begun(BOB, settled=("k",))
    if not store.has_one_writer:
        await store.does(Work(settled={"k": OK}), settled=("k",))
        with pytest.raises(ConflictError):
            await unit.write(Work(settled={"k": OK}))
    await unit.rollback()


async def test_an_answer_can_change_after_it_was_written(store: Store) -> None:
    unit = await store.begun(ALICE, settled=("k1", "k2"))
    await unit.write(Work(settled={"k1": OK, "k2": OK}, outgoing=(mail("one"),)))
    await unit.amend({"k2": Reply(550, "5.1.1", "No such user\n" * 3)})
    await unit.add(mail("two"))
    await unit.commit()
    unit = await store.begun(settled=("k1", "k2"))
    assert unit.found is not None
    assert unit.found.settled == {"k1": OK, "k2": Reply(550, "5.1.1", "No such user\n" * 3)}
    await unit.rollback()
    assert [octets for _, octets in await store.outgoing()] == [b"one\r\n", b"two\r\n"]


async def test_a_mail_that_will_not_come_again_is_forgotten(store: Store) -> None:
    await store.does(Work(settled={"k1": OK, "k2": OK}))
    await store.conversations.forget(("k1", "none"))
    await store.conversations.forget(())
    unit = await store.begun(settled=("k1", "k2"))
    assert unit.found is not None and unit.found.settled == {"k2": OK}
    await unit.rollback()


async def test_a_question_can_be_answered_once(store: Store) -> None:
    asked = question(store.clock)
    await store.does(Work(questions=(asked,)), ALICE)
    unit = await store.begun(ALICE, secrets=frozenset((digest_of("s3cret"), digest_of("other"))))
    assert unit.found is not None and unit.found.questions == (asked,)
    await unit.write(Work(answered=(asked,)))
    await unit.commit()
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.questions == ()
    with pytest.raises(ConflictError):
        await unit.write(Work(answered=(asked,)))
    await unit.rollback()


async def test_a_question_takes_the_place_of_the_one_before(store: Store) -> None:
    await store.does(Work(questions=(question(store.clock),)), ALICE)
    again = question(store.clock, "another")
    await store.does(Work(questions=(again,)), ALICE)
    unit = await store.begun(ALICE, secrets=frozenset((again.digest,)))
    assert unit.found is not None and unit.found.questions == (again,)
    await unit.rollback()


async def test_a_question_that_is_asked_and_cancelled_by_one_mail_was_never_asked(store: Store) -> None:
    asked = question(store.clock)
    await store.does(Work(questions=(asked,), answered=(asked,)), ALICE)
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.questions == ()
    await unit.rollback()


async def test_questions_end_and_are_nobody_elses(store: Store) -> None:
    theirs = (question(store.clock, hours=1), question(store.clock, key=BOB))
    await store.does(Work(questions=theirs))
    store.clock.advance(3600)
    unit = await store.begun(ALICE)
    assert unit.found is not None and unit.found.questions == ()
    await unit.rollback()


async def test_automatic_mail_counts_for_an_hour_and_other_mail_never(store: Store) -> None:
    await store.does(Work(outgoing=(mail(), replace(mail(), kind="ask"), replace(mail(), kind="send"))))
    for seconds, replies in ((3599, 2), (1, 0)):
        store.clock.advance(seconds)
        unit = await store.begun(ALICE)
        assert unit.found is not None and unit.found.replies == replies
        await unit.rollback()


async def test_a_timer_is_over_when_its_conversation_ran_and_another_takes_its_place(store: Store) -> None:
    captures = {"host": "lists.example.org", "secret": None, "odd": "\udcff\x00"}
    timer = Timer(
        ALICE, "A", "EXPIRED", store.clock.now() + timedelta(days=3), Address("c@lists.example.org"), captures
    )
    await store.does(Work((step(ALICE, "A"),), ran=(ALICE,), timers=(timer,)), ALICE)
    later = replace(timer, to="FORGOTTEN")
    for found, new in (((timer,), (later,)), ((later,), ()), ((), ())):
        unit = await store.begun(ALICE, with_timers=True)
        assert unit.found is not None and unit.found.timers == found
        await unit.write(Work(ran=(ALICE,), timers=new))
        await unit.commit()


async def test_a_mail_to_many_leaves_in_batches(store: Store) -> None:
    many = mail("list", *(f"m{n}@example.org" for n in range(250)))
    await store.does(Work(outgoing=(many,)))
    assert {octets for _, octets in await store.outgoing()} == {b"list\r\n"}


@pytest.mark.fault("B7")
@pytest.mark.parametrize(
    "word",
    [
        "'; DROP TABLE lamson_conversation; --",
        "x" * 65536,
        "a\x00b",
        "\udcff\udc80",
        "\uff41lice",
        "%s%(x)s:y",
        "😀",
    ],
    ids=["a statement", "64 KiB", "NUL", "surrogates", "look-alikes", "parameters", "beyond the BMP"],
)
async def test_keys_may_hold_anything(store: Store, word: str) -> None:
    hostile = ConversationKey("app.lists", word, f"{word}@example.org")
    person: dict[str, Any] = {"correspondent": hostile.correspondent}
    asked = question(store.clock, key=hostile)
    text = Reply(250, "2.0.0", word[:400])
    await store.does(
        Work(
            (step(hostile, "A"),),
            ran=(hostile,),
            outgoing=(mail(conversation=hostile.id),),
            questions=(asked,),
            settled={"k": text},
        ),
        hostile,
        **person,
    )
    unit = await store.begun(hostile, ALICE, **person)
    assert unit.found is not None
    assert unit.found.standings == {hostile: Standing("A"), ALICE: Standing()}
    assert [found.id for found in unit.found.questions] == [asked.id]
    assert unit.found.replies == 1
    await unit.write(Work(answered=unit.found.questions))
    await unit.commit()


@pytest.mark.fault("H7")
async def test_failures_are_counted_whatever_becomes_of_the_unit(store: Store) -> None:
    assert [await store.conversations.failed("k", store.clock.now()) for _ in range(3)] == [1, 2, 3]
    await store.conversations.failed("other", store.clock.now())
    assert await store.conversations.failures(("k", "none")) == {"k": 3}
    assert await store.conversations.failures(()) == {}


async def test_a_rollback_that_waits_for_a_handler_keeps_the_conversation_until_then(store: Store) -> None:
    unit = await store.begun(ALICE)
    await unit.write(Work((step(ALICE, "A"),)))
    handler: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await unit.rollback(after=handler)
    with pytest.raises(StoreError):
        other = store.conversations.unit(store.asked(ALICE))
        await other.begin(until=store.clock.monotonic() + 0.1)
    handler.set_result(None)
    assert await store.state(ALICE) == START


async def test_a_rollback_after_the_commit_changes_nothing(store: Store) -> None:
    unit = await store.begun(ALICE)
    await unit.write(Work((step(ALICE, "A"),)))
    await unit.commit()
    await unit.rollback()
    assert await store.state(ALICE) == "A"


async def test_a_unit_that_needs_nothing_locked_begins_when_it_writes(store: Store) -> None:
    unit = store.conversations.unit(store.asked(settled=("k",)))
    await unit.mark()
    await unit.restore()
    await unit.write(Work(outgoing=(mail(),), settled={"k": OK}))
    await unit.commit()
    assert len(await store.outgoing()) == 1
