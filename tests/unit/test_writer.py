"""The writer of the log: nobody waits for whoever reads it."""

import os
import select
import threading
from collections.abc import Iterator

import pytest

from lamsonproxy.maillog.writer import LINES, Writer

LINE = b"x" * 99 + b"\n"


class Pipe:
    """A log that is a pipe, and what could not be written to it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self.failures = 0
        self.writer = Writer(self.writing, self._fail)

    def _fail(self) -> None:
        self.failures += 1

    def lines(self, count: int) -> list[bytes]:
        """So many lines, as soon as they are there."""
        with open(os.dup(self.reading), "rb") as stream:
            return [stream.readline() for _ in range(count)]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    # Whatever the writer still has to say finds nobody.
    os.close(pipe.reading)
    pipe.writer.flush()
    pipe.writer.close()
    os.close(pipe.writing)


def test_lines_arrive_whole_and_in_order(pipe: Pipe) -> None:
    said = [b"%d\n" % number for number in range(LINES // 2)]
    for line in said:
        pipe.writer.write(line)
    assert pipe.lines(len(said)) == said


@pytest.mark.fault("A4")
def test_a_log_that_nobody_reads_stops_nobody_and_what_is_dropped_is_counted(pipe: Pipe) -> None:
    for _ in range(2 * LINES):
        pipe.writer.write(LINE)
    assert 0 < pipe.failures <= LINES
    written = 2 * LINES - pipe.failures
    assert pipe.lines(written) == [LINE] * written
    pipe.writer.write(b"the next\n")
    assert pipe.lines(1) == [b"the next\n"]


@pytest.mark.fault("A4")
def test_nobody_waits_long_for_a_log_that_nobody_reads(pipe: Pipe) -> None:
    for _ in range(LINES):
        pipe.writer.write(LINE)
    waiting = threading.Thread(target=pipe.writer.flush)
    waiting.start()
    waiting.join(30)
    assert not waiting.is_alive()


def test_a_fork_writes_by_itself(pipe: Pipe) -> None:
    pipe.writer.write(b"parent\n")
    pipe.writer.flush()
    if not (pid := os.fork()):
        pipe.writer.write(b"child\n")
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert pipe.lines(2) == [b"parent\n", b"child\n"]


def test_a_writer_that_was_closed_gives_its_thread_back_and_begins_anew(pipe: Pipe) -> None:
    before = set(threading.enumerate())
    pipe.writer.write(LINE)
    (thread,) = set(threading.enumerate()) - before
    pipe.writer.close()
    thread.join(30)
    assert not thread.is_alive()
    pipe.writer.write(LINE)
    assert pipe.lines(2) == [LINE] * 2


def test_a_line_behind_the_end_needs_no_other_to_be_written(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(threading.enumerate())
    pipe.writer.write(b"first\n")
    (thread,) = set(threading.enumerate()) - before
    start = pipe.writer._start

    def start_late() -> None:
        thread.join(30)
        start()

    monkeypatch.setattr(pipe.writer, "_start", start_late)
    pipe.writer.close()
    pipe.writer.write(b"last\n")
    said = b""
    while not said.endswith(b"last\n"):
        assert select.select([pipe.reading], [], [], 10)[0], "the last line waits for another one"
        said += os.read(pipe.reading, 100)
    assert said == b"first\nlast\n"
