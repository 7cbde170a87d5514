"""The runner: whatever a handler does, its caller goes on in time."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from lamsonproxy.errors import StorageError
from lamsonproxy.runner import DISK_THREADS, Overran, Raised, Returned, Runner
from lamsonproxy.threads import Threads
from tests.door_rig import until

SOON = 0.05
"""Seconds of a deadline that is meant to pass."""
LONG = 30.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Handlers wait for this; it opens at the end of the test, so that no thread is left behind."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_handler_in_a_thread_returns_its_value_and_gets_its_captures() -> None:
    def handler(mail: str, host: str) -> tuple[str, str, bool]:
        return mail, host, threading.current_thread() is threading.main_thread()

    ran = await Runner(1).run(handler, "mail", {"host": "example.org"}, timeout=LONG)
    assert ran == Returned(("mail", "example.org", False))


async def test_an_async_handler_runs_on_the_loop() -> None:
    async def handler(mail: str) -> bool:
        return threading.current_thread() is threading.main_thread()

    assert await Runner(1).run(handler, "mail", {}, timeout=LONG) == Returned(True)


@pytest.mark.fault("H1")
@pytest.mark.parametrize(
    "kind", [GeneratorExit, SystemExit, KeyboardInterrupt, asyncio.CancelledError, StopIteration]
)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
async def test_what_ends_other_programs_is_only_a_value_here(
    kind: type[BaseException], is_async: bool
) -> None:
    def handler(mail: object) -> None:
        raise kind

    async def async_handler(mail: object) -> None:
        raise kind

    ran = await Runner(1).run(async_handler if is_async else handler, None, {}, timeout=LONG)
    assert isinstance(ran, Raised)
    # Python itself makes a RuntimeError of a StopIteration that leaves a coroutine (PEP 479).
    assert isinstance(ran.error, RuntimeError if is_async and kind is StopIteration else kind)


@pytest.mark.fault("H2")
async def test_an_async_handler_that_hangs_is_cancelled_at_its_deadline() -> None:
    heard: list[str] = []

    async def handler(mail: object) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    assert await Runner(1).run(handler, None, {}, timeout=SOON) == Overran()
    await until(lambda: heard == ["cancelled"])


@pytest.mark.fault("H4")
async def test_a_handler_that_swallows_its_cancellation_holds_nobody_up() -> None:
    go_on = asyncio.Event()
    ended: list[str] = []

    async def handler(mail: object) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gc.collect()
            await go_on.wait()
        ended.append("ended")
        return "late"

    runner = Runner(1)
    assert await runner.run(handler, None, {}, timeout=SOON) == Overran()
    gc.collect()
    go_on.set()
    await until(lambda: ended == ["ended"])


@pytest.mark.fault("H3")
async def test_stuck_handlers_are_counted_and_others_go_on_until_the_threads_are_used_up(
    gate: threading.Event,
) -> None:
    runner = Runner(2)
    assert await runner.run(gate.wait, None, {}, timeout=SOON) == Overran()
    assert (runner.stuck, runner.is_used_up) == (1, False)
    assert await runner.run(lambda mail: "other", None, {}, timeout=LONG) == Returned("other")
    assert await runner.run(gate.wait, None, {}, timeout=SOON) == Overran()
    assert (runner.stuck, runner.is_used_up) == (2, True)
    gate.set()
    await until(lambda: runner.stuck == 0)
    assert await runner.run(lambda mail: "again", None, {}, timeout=LONG) == Returned("again")


@pytest.mark.fault("H3")
async def test_a_handler_that_waited_for_a_thread_in_vain_is_never_run(gate: threading.Event) -> None:
    runner = Runner(1)
    effects: list[str] = []
    assert await runner.run(gate.wait, None, {}, timeout=SOON) == Overran()
    assert await runner.run(effects.append, "late", {}, timeout=SOON) == Overran()
    gate.set()
    await until(lambda: runner.stuck == 0)
    assert await runner.run(lambda mail: "next", None, {}, timeout=LONG) == Returned("next")
    assert effects == []


class LateThreads(Threads):
    """Begins with an act when the test says so, in the very moment in which nobody can call it off any more."""

    def submit(self, act: Callable[[], Any]) -> "Future[Any]":
        self.begin = act
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        return future


@pytest.mark.fault("H3")
async def test_a_handler_whose_thread_begins_at_the_moment_of_the_deadline_is_not_run() -> None:
    runner, threads = Runner(1), LateThreads(1, "late")
    runner._handlers = threads
    effects: list[str] = []
    assert await runner.run(effects.append, "late", {}, timeout=SOON) == Overran()
    assert threads.begin() == Overran()
    assert effects == [] and runner.stuck == 0


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
async def test_a_handler_without_any_time_left_is_not_begun(is_async: bool) -> None:
    effects: list[str] = []

    async def async_handler(mail: object) -> None:
        effects.append("async")

    handler: Callable[[object], Any] = async_handler if is_async else (lambda mail: effects.append("def"))
    runner = Runner(1)
    assert await runner.run(handler, None, {}, timeout=0.0) == Overran()
    assert await runner.run(lambda mail: "next", None, {}, timeout=LONG) == Returned("next")
    assert effects == []


async def test_a_caller_that_is_cancelled_leaves_a_handler_that_is_counted(gate: threading.Event) -> None:
    runner = Runner(2)
    begun = threading.Event()

    def handler(mail: object) -> None:
        begun.set()
        gate.wait()

    call = asyncio.create_task(runner.run(handler, None, {}, timeout=LONG))
    await until(begun.is_set)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert runner.stuck == 1


async def test_an_act_on_the_disk_goes_on_while_all_handlers_are_stuck(gate: threading.Event) -> None:
    runner = Runner(1)
    assert await runner.run(gate.wait, None, {}, timeout=SOON) == Overran()
    assert await runner.on_disk(lambda: "kept", timeout=LONG) == "kept"


@pytest.mark.fault("D3")
async def test_a_disk_that_does_not_answer_is_an_error_in_time_and_does_not_stop_names_from_resolving(
    gate: threading.Event,
) -> None:
    runner = Runner(1)
    for _ in range(DISK_THREADS + 1):
        with pytest.raises(StorageError, match="the disk did not answer"):
            await runner.on_disk(gate.wait, timeout=0.01)
    async with asyncio.timeout(10):
        assert await asyncio.to_thread(lambda: "free") == "free"


async def test_a_cancelled_caller_hears_nothing_of_a_late_error_of_the_disk(gate: threading.Event) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    begun, ended = threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        gate.wait()
        ended.set()
        raise StorageError("cannot keep it", OSError(5, "Input/output error"))

    runner = Runner(1)
    call = asyncio.create_task(runner.on_disk(act, timeout=LONG))
    await until(begun.is_set)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.set()
    await until(ended.is_set)
    assert await runner.on_disk(lambda: "next", timeout=LONG) == "next"
    del call
    gc.collect()
    assert complaints == []


async def test_an_act_on_the_disk_raises_what_it_raises() -> None:
    def act() -> None:
        raise StorageError("cannot keep it", OSError(28, "No space left on device"))

    with pytest.raises(StorageError, match="No space left"):
        await Runner(1).on_disk(act, timeout=LONG)


async def test_an_idle_thread_holds_nothing_of_the_mail_that_it_handled() -> None:
    class Mail:
        pass

    runner, mail = Runner(1), Mail()
    gone = weakref.ref(mail)
    await runner.run(lambda mail: None, mail, {}, timeout=LONG)
    del mail
    await until(lambda: gone() is None)


async def test_threads_leave_when_their_runner_has_gone() -> None:
    before = threading.active_count()
    runner = Runner(4)
    await asyncio.gather(*(runner.run(lambda mail: None, None, {}, timeout=LONG) for _ in range(20)))
    assert threading.active_count() <= before + 4
    del runner
    await until(lambda: threading.active_count() <= before)


STUCK = """
import asyncio, threading
from lamsonproxy.errors import StorageError
from lamsonproxy.runner import Runner

async def main():
    runner = Runner(1)
    await runner.run(threading.Event().wait, None, {}, timeout=0.01)
    try:
        await runner.on_disk(threading.Event().wait, timeout=0.01)
    except StorageError:
        print("left")

asyncio.run(main())
"""


@pytest.mark.fault("H3")
def test_a_process_with_stuck_threads_can_still_end() -> None:
    child = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, timeout=30, check=True)
    assert child.stdout == b"left\n"


@pytest.fixture
def too_big_a_stack() -> Iterator[None]:
    """No machine has the memory for it, so the system refuses to start threads."""
    before = threading.stack_size(1 << 46)
    yield
    threading.stack_size(before)


@pytest.mark.fault("H3")
@pytest.mark.usefixtures("too_big_a_stack")
async def test_a_thread_that_cannot_be_started_fails_one_mail_and_wears_the_worker_out() -> None:
    runner, done = Runner(1), list[str]()
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await runner.run(done.append, "refused", {}, timeout=LONG)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        await runner.on_disk(done.append, "refused", timeout=LONG)
    assert runner.is_used_up
    threading.stack_size(0)
    await runner.run(done.append, "handled", {}, timeout=LONG)
    await runner.on_disk(done.append, "kept", timeout=LONG)
    assert done == ["handled", "kept"]
    assert not runner.is_used_up
