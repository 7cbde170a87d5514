"""Retries that are put together in another way than what was settled, and commits that fail behind the relay.

Each test has a real database: SQLite in a folder of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from lamsonproxy.errors import ConflictError, StoreError
from lamsonproxy.mail.verdict import Accept
from lamsonproxy.state import tables
from tests.engine_rig import mail, on, state
from tests.unit.test_conversing import IDENT, START_LIST, TAKEN, Build, note, to, world

__all__ = ["world"]


async def test_who_was_settled_is_answered_again_beside_somebody_who_was_not(world: Build) -> None:
    # The answer to the first was lost, the other one waited, and now Postfix sends them together.
    w = world(*START_LIST, state("other@.+", note("other"), machine="other"))
    assert await w.settle(to("list", **IDENT)) == TAKEN
    assert await w.settle(to("list", "other", **IDENT)) == TAKEN
    assert await w.settle(to("other", "list", **IDENT)) == TAKEN
    assert (w.notes, w.steps, w.count(tables.settled)) == (["joined", "other"], ["START>posting"], 2)


@pytest.mark.parametrize("again", [("a", "b"), ("b", "a")])
async def test_and_so_it_is_where_a_handler_finds_out_by_its_first_use_of_the_database(
    world: Build, again: tuple[str, str]
) -> None:
    w = world(on("a@.+", note("a")), on("b@.+", note("b")))
    assert (await w.settle(to("a", **IDENT))).startswith("250 ")
    assert (await w.settle(to(*again, **IDENT))).startswith("250 ")
    assert w.notes == ["a", "b"]
    assert [recipients for recipients, _ in w.rig.delivered] == [["a@x.org"], ["b@x.org"]]
    assert not w.rig.log.named("handler_failed")


async def test_a_conflict_behind_the_relay_is_for_postfix_to_try_again(world: Build) -> None:
    w = world(state("list@.+", lambda mail: Accept()))
    made: list[Any] = []
    _watch(w.rig.conversations, made, _lost)
    assert (await w.settle(to("list", **IDENT))).startswith("451 ")
    assert len(w.rig.delivered) == len(made) == 1
    assert w.count(tables.settled) == 0 and w.rig.log.named("store_failed")


async def _lost() -> None:
    raise ConflictError("the database: the connection to the database was lost")


def _watch(conversations: Any, made: list[Any], commit: Callable[[], Awaitable[None]]) -> None:
    unit = conversations.unit

    def watched(asked: Any) -> Any:
        made.append(unit(asked))
        made[-1].commit = commit
        return made[-1]

    conversations.unit = watched


async def test_the_same_octets_wait_until_their_like_is_forgotten_and_what_failed_is_forgotten_next_time(
    world: Build,
) -> None:
    w = world(*START_LIST)
    conversations = w.rig.conversations
    forget, failures = conversations.forget, [StoreError("the database is away")]

    async def failing(keys: Sequence[str]) -> None:
        if failures:
            raise failures.pop()
        await forget(keys)

    conversations.forget = failing  # type: ignore[method-assign]
    first, second = (mail("list@x.org", content=b"Subject: %d\r\n\r\n" % n) for n in range(2))
    second = replace(second, trace="7QF3T0A1B3")
    for one in (first, second):
        assert await w.settle(one) == TAKEN
        w.rig.engine.heard(one)
        await asyncio.sleep(0)
    # Without waiting for anything: both were forgotten before they are looked up.
    assert await w.settle(first) == await w.settle(second) == TAKEN
    assert w.notes == ["joined", "posted", "posted", "posted"]
