"""What ready handlers remember: once, for a time, and whatever happens at the same moment."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, func, insert, select
from sqlalchemy.orm import Session

from lamsonproxy.app.handlers import remembering
from lamsonproxy.app.handlers.remembering import TABLES, in_session, key_of, remember, remembered

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = key_of("vacation", "bob@example.org")


@pytest.fixture
def db() -> Iterator[Session]:
    engine = create_engine("sqlite://")
    TABLES.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def test_a_key_is_new_once_and_again_when_its_time_is_over(db: Session) -> None:
    at = (0, 59, 60, 61)
    assert [remember(db, KEY, NOW + timedelta(seconds=s), 60) for s in at] == [True, False, True, False]


def test_words_make_one_key_and_no_others() -> None:
    assert key_of("a", "bc") != key_of("ab", "c")
    assert len(key_of("\udcff@example.org")) == 64


def test_of_two_at_the_same_moment_one_is_first(db: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert remember(db, KEY, NOW, 60)
    # As the second sees it, whose look came before the first was committed.
    monkeypatch.setattr(remembering, "_row", lambda db, key: None)
    assert not remember(db, KEY, NOW, 60)
    assert remember(db, key_of("another"), NOW, 60), "the session is still good"


def test_who_writes_deletes_what_is_over_a_little_at_a_time(db: Session) -> None:
    old = [{"key": str(n), "since": 0.0, "until": 1.0} for n in range(70)]
    db.execute(insert(remembered), old)
    assert remember(db, KEY, NOW, 60)
    assert db.scalar(select(func.count()).select_from(remembered)) == 70 - remembering.DELETED_AT_ONCE + 1


async def test_whoever_is_cancelled_waits_until_the_session_is_free() -> None:
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def act(db: object) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(60)

    task = asyncio.create_task(in_session(object(), act))
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait((task,), timeout=0.1)
    assert not done
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
