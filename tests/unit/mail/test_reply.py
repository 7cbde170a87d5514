import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.reply import LINE_LIMIT, LINES_LIMIT, TROUBLE, Reply, from_lines, parse_line, with_trace


@pytest.mark.parametrize(
    ("reply", "wire"),
    [
        (Reply(250, "2.0.0", "Ok"), b"250 2.0.0 Ok\r\n"),
        (Reply(354, "", "go on"), b"354 go on\r\n"),
        (Reply(250, "2.0.0", "one\ntwo"), b"250-2.0.0 one\r\n250 2.0.0 two\r\n"),
        (Reply(250, "", "a\rb\0c\xe4"), b"250 a?b?c?\r\n"),
        (Reply(250, "2.0.0", ""), b"250 2.0.0\r\n"),
        (Reply(250, "", ""), b"250 \r\n"),
    ],
)
def test_a_reply_is_written(reply: Reply, wire: bytes) -> None:
    assert reply.encoded == wire


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"250 Ok\r\n", (250, True, "Ok")),
        (b"250-Ok\r\n", (250, False, "Ok")),
        (b"250\r\n", (250, True, "")),
        (b"250 \r\n", (250, True, "")),
        (b"421 bye\n", (421, True, "bye")),
        (b"250 \xff", (250, True, "\ufffd")),
    ],
)
def test_a_line_is_read(line: bytes, read: tuple[int, bool, str]) -> None:
    assert parse_line(line) == read


@pytest.mark.parametrize(
    "line", [b"", b"25 x", b"999 x", b"199 x", b"600 x", b"2500", b"250_x", b" 250 x", b"250 a\rb"]
)
def test_a_line_that_is_no_reply_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_line(line)


@pytest.mark.parametrize(
    ("code", "lines", "reply"),
    [
        (250, ["2.0.0 Ok: queued as X"], Reply(250, "2.0.0", "Ok: queued as X")),
        (250, ["2.0.0 one", "2.0.0 two"], Reply(250, "2.0.0", "one\ntwo")),
        (250, ["2.0.0"], Reply(250, "2.0.0", "")),
        (550, ["2.0.0 what"], Reply(550, "", "2.0.0 what")),  # RFC 2034 §4
        (250, ["mx.example", "PIPELINING"], Reply(250, "", "mx.example\nPIPELINING")),
        (250, [], Reply(250, "", "")),
    ],
)
def test_lines_become_a_reply(code: int, lines: list[str], reply: Reply) -> None:
    assert from_lines(code, lines) == reply


def test_a_reply_says_what_it_is() -> None:
    assert Reply(250, "", "").is_positive and not Reply(354, "", "").is_positive
    assert Reply(451, "", "").is_transient and Reply(550, "", "").is_permanent
    assert Reply(421, "", "").ends_session and Reply(221, "", "").ends_session
    assert not Reply(250, "", "").ends_session
    assert str(Reply(550, "5.7.1", "no\nno")) == "550 5.7.1 no / no"


def test_our_trouble_names_its_trace() -> None:
    assert with_trace(TROUBLE, "ABC").encoded == b"451 4.3.0 Temporary processing failure (ABC)\r\n"


@given(st.integers(200, 599), st.sampled_from(["", "2.0.0"]), st.text())
def test_whatever_was_put_in_the_wire_gets_short_printable_lines(code: int, status: str, text: str) -> None:
    *lines, end = Reply(code, status, text).encoded.split(b"\r\n")
    assert end == b""
    assert 1 <= len(lines) <= LINES_LIMIT
    assert all(len(line) <= LINE_LIMIT + 4 and line.decode("ascii").isprintable() for line in lines)
    assert [parse_line(line)[1] for line in lines] == [False] * (len(lines) - 1) + [True]
