"""Turns: one at a time, in order, and nothing is held by who does not wait any more."""

import asyncio

import pytest

from lamsonproxy.errors import StoreError
from lamsonproxy.state.locks import KeyLocks, Turns


def turns(connections: int = 10, *, has_one_writer: bool = False) -> Turns:
    return Turns(connections, has_one_writer=has_one_writer)


async def test_a_key_is_held_by_one_at_a_time_and_others_go_on() -> None:
    ours = turns()
    first = await ours.take(("a", "b"), wait_s=1)
    with pytest.raises(StoreError, match="busy"):
        await ours.take(("b", "c"), wait_s=0.01)
    # What it held of "c" meanwhile is free again.
    other = await ours.take(("c",), wait_s=0)
    await first.aclose()
    await (await ours.take(("a", "b"), wait_s=0)).aclose()
    await other.aclose()


async def test_two_that_want_the_same_keys_in_another_order_do_not_wait_for_each_other() -> None:
    ours = turns()

    async def passes(*keys: str) -> None:
        async with await ours.take(keys, wait_s=5):
            await asyncio.sleep(0)

    await asyncio.gather(*(passes(*keys) for keys in (("a", "b"), ("b", "a")) * 20))


async def test_who_waits_for_a_key_takes_no_place() -> None:
    ours = turns(connections=2)
    first = await ours.take(("a",), wait_s=1)
    waiting = asyncio.ensure_future(ours.take(("a",), wait_s=5))
    await asyncio.sleep(0)
    other = await ours.take(("b",), wait_s=0)
    await other.aclose()
    await first.aclose()
    await (await waiting).aclose()


async def test_there_are_no_more_places_than_connections_and_one_where_one_may_write() -> None:
    for ours, places in ((turns(2), 2), (turns(2, has_one_writer=True), 1)):
        held = [await ours.take((str(n),), wait_s=0) for n in range(places)]
        with pytest.raises(StoreError):
            await ours.take(("x",), wait_s=0.01)
        for each in held:
            await each.aclose()


async def test_who_is_cancelled_while_he_waits_holds_nothing() -> None:
    ours = turns()
    first = await ours.take(("b",), wait_s=1)
    waiting = asyncio.ensure_future(ours.take(("a", "b"), wait_s=5))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    await first.aclose()
    await (await ours.take(("a", "b"), wait_s=0)).aclose()


async def test_a_key_that_nobody_wants_leaves_no_trace() -> None:
    locks = KeyLocks()
    async with locks.hold("a"):
        pass
    assert locks._locks == {}
