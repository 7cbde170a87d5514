"""The sweep: DSNs are sent until downstream answers for good, whatever happens."""

import asyncio

import pytest

from lamsonproxy.errors import RemoteError, StorageError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.notices import Sweep
from tests.door_rig import until
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier
from tests.kept import MemoryNotices
from tests.relay_rig import envelope

ENVELOPE = envelope("alice@example.org", sender="")
NO_SUCH_USER = Reply(550, "5.1.1", "No such user")
GREYLISTED = Reply(450, "4.2.0", "Greylisted")
READ_ONLY = StorageError("cannot delete it", OSError(30, "Read-only file system"))


class Rig:
    """A sweep between doubles, with notices `a`, `b` ... waiting."""

    def __init__(self, *names: str) -> None:
        self.notices, self.courier, self.log = MemoryNotices(), FakeCourier(), RecordingLog()
        self.sweep = Sweep(self.notices, self.courier, self.log, FakeClock())
        for name in names:
            self.notices.hold(name, ENVELOPE, (name.encode() + b"\r\n",)).release()

    @property
    def sent(self) -> list[str]:
        return [content.decode().strip() for _, content in self.courier.mails]

    @property
    def failed(self) -> list[str]:
        return [event["name"] for event in self.log.named("notice_failed")]


async def test_what_waits_is_sent_from_nobody_and_forgotten() -> None:
    rig = Rig("a", "b")
    await rig.sweep.once()
    assert rig.sent == ["a", "b"] and not rig.notices.waiting()
    assert rig.courier.mails[0][0] == ENVELOPE
    assert [event["name"] for event in rig.log.named("notice_sent")] == ["a", "b"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "end"])
@pytest.mark.parametrize("refusal", [NO_SUCH_USER, GREYLISTED], ids=["5xx", "4xx"])
async def test_a_4xx_keeps_it_and_a_5xx_is_the_end(stage: str, refusal: Reply) -> None:
    rig = Rig("a")
    if stage == "mail":
        rig.courier.refusal = refusal
    elif stage == "rcpt":
        rig.courier.replies = {"alice@example.org": refusal}
    else:
        rig.courier.final = refusal
    await rig.sweep.once()
    assert list(rig.notices.waiting()) == (["a"] if refusal is GREYLISTED else [])
    assert bool(rig.failed) == (refusal is GREYLISTED)


async def test_an_answer_that_is_none_keeps_it() -> None:
    rig = Rig("a")
    rig.courier.final = Reply(354, "", "Go on")
    await rig.sweep.once()
    assert list(rig.notices.waiting()) == ["a"]


@pytest.mark.parametrize("is_ambiguous", [False, True])
async def test_while_downstream_cannot_be_talked_to_it_waits(is_ambiguous: bool) -> None:
    rig = Rig("a")
    rig.courier.trouble = RemoteError("connect", "refused", ambiguous=is_ambiguous)
    await rig.sweep.once()
    assert rig.failed == ["a"]
    rig.courier.trouble = None
    await rig.sweep.once()
    assert rig.sent == ["a"]


async def test_one_that_cannot_be_read_keeps_no_other_waiting() -> None:
    rig = Rig("a", "b")
    rig.notices.letters["a"] = None  # type: ignore[assignment]  # a bug, as read() would raise it
    await rig.sweep.once()
    assert rig.failed == ["a"] and rig.sent == ["b"]


@pytest.mark.fault("D3")
async def test_one_that_the_disk_does_not_forget_is_not_sent_again() -> None:
    rig = Rig("a", "b")
    rig.notices.trouble = {"done": READ_ONLY}
    await rig.sweep.once()
    await rig.sweep.once()
    assert rig.sent == ["a", "b"]
    rig.notices.trouble = {}
    await rig.sweep.once()
    assert rig.sent == ["a", "b"] and not rig.notices.waiting()


async def test_while_another_process_sends_nothing_is_sent() -> None:
    rig = Rig("a")
    claim = rig.notices.claim()
    assert claim is not None
    with claim:
        await rig.sweep.once()
    assert rig.sent == []
    await rig.sweep.once()
    assert rig.sent == ["a"]


@pytest.mark.parametrize("error", [READ_ONLY, RuntimeError("a bug")])
async def test_nothing_but_its_cancellation_ends_the_sweeping(error: Exception) -> None:
    rig = Rig("a")
    rig.notices.trouble = {"read": error, "forget_orphans": error}
    sweeping = asyncio.create_task(rig.sweep.run(0.001))
    await until(lambda: len(rig.failed) > 4)
    rig.notices.trouble = {}
    await until(lambda: rig.sent == ["a"])
    sweeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweeping
    assert not rig.notices.is_claimed


async def test_those_that_wait_are_counted_whoever_sends_them() -> None:
    rig = Rig("a", "b")
    rig.courier.final = GREYLISTED
    await rig.sweep.once()
    assert rig.sweep.pending == 2
    with rig.notices.claim() or pytest.fail("claimed"):
        rig.notices.done("a")
        await rig.sweep.once()
    assert rig.sweep.pending == 1
