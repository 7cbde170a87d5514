"""DATA in blocks: any octets, however the stream was cut, are the mail that one rule makes of them (issue, Hypothesis).

The rule is written here once more, without blocks and line by line, the slow way.
"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.wire import BareCr, BareNewline, DataReader, Refused

LIMIT = 10**6

# Octets that matter come often: whatever ends a line or a mail is made of these.
octets = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\n.\n", b"\r.\r", b"a", b"\x00", b"\xff"]),
    max_size=60,
).map(b"".join)


def stuffed(content: bytes) -> bytes:
    """As a client sends it: a dot at the start of a line is doubled; a line starts behind CRLF alone."""
    lines = content.split(b"\r\n")
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in lines)


def with_last_line_ended(content: bytes) -> bytes:
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


def canonical(content: bytes) -> bytes:
    """The bare-LF rule: an LF without CR before it becomes CRLF; nothing else changes."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", content)


def fed(reader: DataReader, wire: bytes, cuts: list[int]) -> bytes | None:
    """Feed it in blocks; what came behind the end of data, or None."""
    blocks = [wire[a:b] for a, b in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    for n, block in enumerate(blocks):
        if (behind := reader.feed(block)) is not None:
            return behind + b"".join(blocks[n + 1 :])
    return None


def borders(data: st.DataObject, wire: bytes) -> list[int]:
    return sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))


@given(octets, octets, st.data())
def test_any_content_arrives_as_the_bare_lf_rule_makes_it(
    content: bytes, behind: bytes, data: st.DataObject
) -> None:
    content = with_last_line_ended(content)
    wire = stuffed(content) + b".\r\n" + behind
    reader = DataReader(LIMIT)
    assert fed(reader, wire, borders(data, wire)) == behind
    assert reader.refused is None
    assert reader.message() == canonical(content)


@given(octets, st.data())
def test_an_octet_at_a_time_or_all_at_once_makes_no_difference(wire: bytes, data: st.DataObject) -> None:
    whole, cut, single = DataReader(LIMIT), DataReader(LIMIT), DataReader(LIMIT)
    behind = fed(whole, wire, [])
    assert fed(cut, wire, borders(data, wire)) == behind
    assert fed(single, wire, list(range(len(wire)))) == behind
    if behind is not None:
        assert whole.message() == cut.message() == single.message()
        assert whole.size == cut.size == single.size


@given(octets)
def test_only_crlf_dot_crlf_is_an_end(wire: bytes) -> None:
    end = (b"\r\n" + wire).find(b"\r\n.\r\n")
    behind = fed(DataReader(LIMIT), wire, [])
    assert behind == (None if end < 0 else wire[end + 3 :])


@given(octets, st.data(), st.sampled_from(BareNewline), st.sampled_from(BareCr))
def test_the_rules_for_a_bare_lf_and_a_lone_cr_hold_over_any_border(
    content: bytes, data: st.DataObject, bare_newline: BareNewline, bare_cr: BareCr
) -> None:
    content = with_last_line_ended(content)
    reader = DataReader(LIMIT, bare_newline, bare_cr)
    wire = stuffed(content) + b".\r\n"
    assert fed(reader, wire, borders(data, wire)) == b""
    has_lf = re.search(rb"(?<!\r)\n", content) is not None
    has_cr = re.search(rb"\r(?!\n)", content) is not None
    allowed: set[Refused | None] = set()
    if has_lf and bare_newline is BareNewline.REJECT:
        allowed.add(Refused.BARE_LF)
    if has_cr and bare_cr is BareCr.REJECT:
        allowed.add(Refused.BARE_CR)
    assert reader.refused in (allowed or {None})
    if reader.refused is None:
        replaced = re.sub(rb"\r(?!\n)", b" ", content) if bare_cr is BareCr.REPLACE else content
        assert reader.message() == canonical(replaced)


@given(octets, st.integers(0, 80), st.data())
def test_the_size_limit_is_of_what_was_received_and_of_what_is_kept_and_the_end_is_found_behind_it(
    content: bytes, limit: int, data: st.DataObject
) -> None:
    content = with_last_line_ended(content)
    wire = stuffed(content)
    reader = DataReader(limit)
    assert fed(reader, wire + b".\r\nQUIT\r\n", borders(data, wire)) == b"QUIT\r\n"
    size = max(len(wire), len(canonical(content)))
    assert (reader.refused is Refused.TOO_BIG) == (size > limit)
    if reader.refused is None:
        assert reader.size == size
    assert reader.refused is None or reader.message() == b""


@pytest.mark.fault("S8")
def test_what_is_kept_counts_where_every_bare_lf_became_two_octets() -> None:
    reader = DataReader(1000)
    assert fed(reader, b"\n" * 499 + b"\r\n.\r\n", [100, 300]) == b""
    assert (reader.refused, reader.size, len(reader.message())) == (None, 1000, 1000)
    reader = DataReader(1000)
    assert fed(reader, b"\n" * 500 + b"\r\n.\r\n", [100, 300]) == b""
    assert reader.refused is Refused.TOO_BIG


@pytest.mark.fault("S4")
def test_a_line_of_five_megabytes_is_a_line() -> None:
    line = b"x" * (5 * 1024 * 1024) + b"\r\n"
    reader = DataReader(len(line))
    assert fed(reader, line + b".\r\n", list(range(0, len(line), 65536))) == b""
    assert reader.message() == line
