"""The port `Notices`: one suite for the folder and for its double."""

from pathlib import Path

import pytest

from lamsonproxy.queues.notices import NoticeFolder
from tests.contract.ticks import await_next_tick
from tests.kept import MemoryNotices
from tests.relay_rig import envelope

Waiting = NoticeFolder | MemoryNotices

ENVELOPE = envelope("alice@example.org", sender="")
CONTENT = b"Subject: Undelivered mail\r\n\r\n.\r\n"


@pytest.fixture(params=["folder", "memory"])
def notices(request: pytest.FixtureRequest, tmp_path: Path) -> Waiting:
    if request.param == "memory":
        return MemoryNotices()
    folder = NoticeFolder(tmp_path / "notices")
    folder.open()
    return folder


def test_what_is_held_does_not_wait_to_be_sent(notices: Waiting) -> None:
    notices.hold("a", ENVELOPE, (CONTENT,))
    assert list(notices.waiting()) == []


def test_what_is_released_waits_oldest_first_and_is_read_as_it_was(notices: Waiting, tmp_path: Path) -> None:
    for name in "ba":
        notices.hold(name, ENVELOPE, (CONTENT,)).release()
        await_next_tick(tmp_path)
    assert list(notices.waiting()) == ["b", "a"]
    assert notices.read("a") == (ENVELOPE, CONTENT)


def test_what_is_cancelled_never_waits_and_leaves_the_others_alone(notices: Waiting) -> None:
    notices.hold("a", ENVELOPE, (b"earlier\r\n",)).release()
    notices.hold("a", ENVELOPE, (CONTENT,)).cancel()
    assert notices.read("a")[1] == b"earlier\r\n"


def test_what_is_done_is_forgotten_once_and_for_all(notices: Waiting) -> None:
    notices.hold("a", ENVELOPE, (CONTENT,)).release()
    notices.done("a")
    notices.done("a")
    assert list(notices.waiting()) == []


def test_one_has_the_right_to_send_until_it_leaves(notices: Waiting) -> None:
    first = notices.claim()
    assert first is not None
    with first:
        assert notices.claim() is None
    again = notices.claim()
    assert again is not None
    with again:
        pass


def test_the_right_to_send_ends_with_an_error_too(notices: Waiting) -> None:
    first = notices.claim()
    assert first is not None
    with pytest.raises(RuntimeError), first:
        raise RuntimeError
    again = notices.claim()
    assert again is not None
    with again:
        pass


def test_what_is_held_for_a_mail_under_way_is_no_orphan(notices: Waiting) -> None:
    held = notices.hold("a", ENVELOPE, (CONTENT,))
    notices.forget_orphans()
    held.release()
    assert list(notices.waiting()) == ["a"]
