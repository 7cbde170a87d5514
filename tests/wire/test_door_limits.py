"""Memory, CPU and file descriptors: a door in a child process, measured and limited by the kernel
(failures.md 2.6 S3, S4, S8 and S11, 2.8 A7)."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tests.door_child import MIB, Child, door_child
from tests.door_rig import CONTENT, LIMIT_S, MAIL

MEGABYTES_25 = 25 * 1000 * 1000


class Line:
    """A client that waits: the door is another process."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._file = self.socket.makefile("rb")

    def reply(self) -> str:
        """The last line of the next reply; "" at the end of the connection."""
        line = self._file.readline()
        while line[3:4] == b"-":
            line = self._file.readline()
        return line.decode("ascii").rstrip()

    def ask(self, octets: bytes) -> str:
        self.socket.sendall(octets)
        return self.reply()

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextmanager
def line_to(child: Child) -> Iterator[Line]:
    """A client that has said EHLO."""
    line = Line(child.port)
    try:
        assert line.reply().startswith("220 ")
        assert line.ask(b"EHLO client.test\r\n").startswith("250 ")
        yield line
    finally:
        line.close()


def send_mail(line: Line, blocks: Iterator[bytes]) -> str:
    """One mail in blocks, each whole lines; the answer to its end."""
    line.socket.sendall(MAIL)
    assert [line.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    for block in blocks:
        line.socket.sendall(block)
    return line.ask(b".\r\n")


def idle_peak(child: Child) -> int:
    """The peak after a first small mail, when everything is imported and warm."""
    with line_to(child) as line:
        assert send_mail(line, iter([CONTENT])) == "250 2.0.0 Ok: taken"
    return int(child.figures()["peak"])


def repeated(block: bytes, octets: int) -> Iterator[bytes]:
    return (block for _ in range(octets // len(block)))


@pytest.mark.fault("S4")
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b".a\r\n", b"\r"], ids=repr)
def test_25_mb_of_empty_lines_cost_80_mib_and_3_s_of_cpu_at_most(line_end: bytes) -> None:
    with door_child(cpu_s=3) as child:
        idle = idle_peak(child)
        with line_to(child) as line:
            block = (line_end * 100_000)[: 100_000 // len(line_end) * len(line_end)]
            assert send_mail(line, iter([*repeated(block, MEGABYTES_25), b"\r\n"])).startswith("250 ")
        assert child.figures()["peak"] - idle < 80 * MIB


@pytest.mark.fault("S3")
@pytest.mark.parametrize("begin", [b"", MAIL[:20]], ids=repr)
def test_a_line_that_never_ends_costs_2_mib_at_most(begin: bytes) -> None:
    with door_child(cpu_s=3) as child:
        idle = idle_peak(child)
        for _ in range(20):
            # One after the other, so that what a session leaves behind adds up.
            with line_to(child) as line, suppress(ConnectionError):
                line.socket.sendall(begin)
                for block in repeated(b"x" * MIB, 32 * MIB):
                    line.socket.sendall(block)
        figures = child.figures()
        assert figures["reasons"] == ["flood"]
        assert figures["peak"] - idle < 2 * MIB


@pytest.mark.fault("S8")
def test_a_mail_of_60_mb_costs_no_more_than_the_limit_of_a_mail() -> None:
    with door_child(size_limit=8 * MIB, cpu_s=5) as child:
        idle = idle_peak(child)
        with line_to(child) as line:
            text = b"0123456789" * 7 + b"\r\n"
            assert send_mail(line, repeated(text * 1000, 60 * MIB)) == "552 5.3.4 Message too big"
        assert child.figures()["peak"] - idle < 3 * 8 * MIB


@pytest.mark.fault("A7")
def test_ten_mails_of_25_mb_that_say_so_are_451_at_mail_beyond_the_budget() -> None:
    with door_child(budget=60 * MIB, address_space=200 * MIB) as child, ExitStack() as lines:
        replies = [
            lines.enter_context(line_to(child)).ask(b"MAIL FROM:<a@example.org> SIZE=25000000\r\n")
            for _ in range(10)
        ]
        assert (
            replies == ["250 2.1.0 Ok"] * 2 + ["451 4.3.1 Too much mail in flight here, try again later"] * 8
        )
        lines.close()
        _ends(child)
        assert idle_peak(child)


@pytest.mark.fault("A7")
def test_ten_mails_of_25_mb_that_say_nothing_are_451_at_their_end_beyond_the_budget() -> None:
    text = b"0123456789" * 7 + b"\r\n"
    with door_child(budget=60 * MIB, address_space=200 * MIB, hold=True) as child, ExitStack() as stack:
        lines = [stack.enter_context(line_to(child)) for _ in range(10)]
        for line in lines:
            line.socket.sendall(MAIL)
            assert [line.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        for _ in range(25_000_000 // (len(text) * 1000)):
            for line in lines:
                line.socket.sendall(text * 1000)
        for line in lines:
            line.socket.sendall(b".\r\n")
        child.ask("release")
        replies = [line.reply()[:9] for line in lines]
        assert set(replies) == {"250 2.0.0", "451 4.3.1"}
        assert 1 <= replies.count("250 2.0.0") <= 2
        assert all(line.ask(b"NOOP\r\n") == "250 2.0.0 Ok" for line in lines)
        stack.close()
        _ends(child)


@pytest.mark.fault("S11")
def test_a_flood_of_connections_beyond_the_file_descriptors_passes_and_mail_goes_on() -> None:
    with door_child(nofile=256, sessions=100, cpu_s=5) as child:
        flood = [socket.create_connection(("127.0.0.1", child.port), timeout=LIMIT_S) for _ in range(400)]
        assert child.figures()["sessions"] <= 256
        for connection in flood:
            connection.close()
        _ends(child)
        assert idle_peak(child)


def _ends(child: Child) -> None:
    """All sessions are over and all room is back. Each question is a turn of the child's loop."""
    for _ in range(2000):
        figures = child.figures()
        if figures["sessions"] == 0:
            assert figures["used"] == 0
            return
    raise AssertionError(figures)
