import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message

RAW = b"Received: r\r\nX-A:  1 \r\nB: 2\r\n\tfolded\r\nx-a: 3\r\n\r\nbody\r\n"
Act = Callable[[Edits], object]


def _after(raw: bytes, *acts: Act) -> bytes:
    edits = Edits(Message(raw))
    for act in acts:
        act(edits)
    return b"".join(edits.content.parts())


@pytest.mark.parametrize(
    ("raw", "act", "result"),
    [
        (RAW, lambda e: e.headers.add("N", "v"), RAW.replace(b"\r\n\r\n", b"\r\nN: v\r\n\r\n")),
        (RAW, lambda e: e.headers.insert("N", "v"), b"N: v\r\n" + RAW),
        (
            RAW,
            lambda e: e.headers.replace("X-A", "v"),
            RAW.replace(b"X-A:  1 ", b"X-A: v").replace(b"x-a: 3\r\n", b""),
        ),
        (RAW, lambda e: e.headers.replace("N", "v"), RAW.replace(b"\r\n\r\n", b"\r\nN: v\r\n\r\n")),
        (RAW, lambda e: e.headers.remove("b"), RAW.replace(b"B: 2\r\n\tfolded\r\n", b"")),
        (RAW, lambda e: e.headers.remove("N"), RAW),
        (RAW, lambda e: e.replace_body(b"new"), RAW.replace(b"body", b"new")),
        (RAW, lambda e: e.replace_body(b"a\nb\r\n"), RAW.replace(b"body", b"a\r\nb")),
        (RAW, lambda e: e.replace_body(b""), RAW.replace(b"body\r\n", b"")),
        # Heads that end oddly: nothing but the new field is added.
        (b"A: b\r\njunk\r\n", lambda e: e.headers.add("N", "v"), b"A: b\r\nN: v\r\njunk\r\n"),
        (b"junk\r\n", lambda e: e.headers.add("N", "v"), b"N: v\r\njunk\r\n"),
        (b"\r\nbody", lambda e: e.headers.add("N", "v"), b"N: v\r\n\r\nbody"),
        (b"", lambda e: e.headers.add("N", "v"), b"N: v\r\n"),
        (b"A: b\r\n", lambda e: e.headers.add("N", "v"), b"A: b\r\nN: v\r\n"),
        (b"A: b\r\n\r\r\nbody", lambda e: e.headers.add("N", "v"), b"A: b\r\nN: v\r\n\r\r\nbody"),
        # A last line without an end gets one, or the new field would be part of it.
        (b"A: b", lambda e: e.headers.add("N", "v"), b"A: b\r\nN: v\r\n"),
        (b"A: b\n\nbody\n", lambda e: e.headers.add("N", "v"), b"A: b\nN: v\r\n\nbody\n"),
        # In front of an mbox line a field would make that line the end of the head.
        (b"From x\r\nA: b\r\n\r\n", lambda e: e.headers.insert("N", "v"), b"From x\r\nN: v\r\nA: b\r\n\r\n"),
        # A body needs an empty line before it.
        (b"A: b\r\n", lambda e: e.replace_body(b"X: y"), b"A: b\r\n\r\nX: y\r\n"),
        (b"A: b\r\njunk\r\n", lambda e: e.replace_body(b"new"), b"A: b\r\n\r\nnew\r\n"),
        (b"junk", lambda e: e.replace_body(b"new"), b"\r\nnew\r\n"),
        (b"A: b", lambda e: e.replace_body(b"new"), b"A: b\r\n\r\nnew\r\n"),
    ],
)
def test_an_edit_is_a_splice(raw: bytes, act: Act, result: bytes) -> None:
    assert _after(raw, act) == result


@pytest.mark.fault("C1")
@pytest.mark.parametrize("mbox", [b"", b"From alice Sun Nov 22\r\n"])
@pytest.mark.parametrize("blank", [b" ", b"\t"])
def test_a_first_line_that_begins_with_a_blank_does_not_become_part_of_a_new_header(
    mbox: bytes, blank: bytes
) -> None:
    raw = mbox + blank + b"soup\r\nA: b\r\n"
    for edit in (lambda edits: edits.headers.add("X", "y"), lambda edits: edits.headers.insert("X", "y")):
        assert _after(raw, edit) == mbox + b"X: y\r\n\r\n" + blank + b"soup\r\nA: b\r\n"


def test_an_mbox_line_in_the_body_does_not_become_the_beginning_of_a_head() -> None:
    raw = b"Received: a\r\nFrom alice Sun Nov 22\r\nA: b\r\n"
    body = raw.partition(b"\r\n")[2]
    assert _after(raw, lambda edits: edits.headers.remove("Received")) == b"\r\n" + body
    assert _after(raw, lambda edits: edits.headers.add("X", "y")) == b"Received: a\r\nX: y\r\n" + body


def test_a_part_that_begins_with_a_blank_does_not_become_part_of_a_new_header() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n soup\r\n--b--\r\n"
    after = Message(_after(raw, lambda edits: edits.add_footer("Käse")))
    assert "soup" in after.text and "Käse" in after.text


def test_fields_are_added_in_order_at_the_end_and_in_reverse_at_the_top() -> None:
    def act(edits: Edits) -> None:
        for n in "12":
            edits.headers.add("Low", n)
            edits.headers.insert("High", n)

    assert _after(b"A: b\r\n\r\n", act) == b"High: 2\r\nHigh: 1\r\nA: b\r\nLow: 1\r\nLow: 2\r\n\r\n"


def test_the_working_copy_reads_what_was_changed() -> None:
    headers = Edits(Message(RAW)).headers
    headers.insert("X-A", "0")
    headers.add("X-A", "4")
    assert headers.get_all("x-a") == ["0", "1", "3", "4"]
    headers.replace("X-A", "only")
    assert headers.get_all("x-a") == ["only"]
    assert [field.name for field in headers] == ["X-A", "Received", "B"]
    assert headers.remove("X-A") == 1
    assert headers.remove("X-A") == 0
    assert "X-A" not in headers
    assert len(headers) == 2


def test_the_message_itself_never_changes() -> None:
    message = Message(RAW)
    edits = Edits(message)
    edits.headers.remove("B")
    edits.replace_body(b"new")
    assert message.raw == RAW
    assert message.headers.get("B") == "2\tfolded"
    assert edits.body == b"new\r\n"


def test_what_is_unchanged_leaves_as_the_very_same_octets() -> None:
    message = Message(RAW)
    (piece,) = Edits(message).content.parts()
    assert piece is message.raw


def test_a_body_that_nobody_replaced_is_not_copied() -> None:
    message = Message(RAW)
    edits = Edits(message)
    edits.headers.add("N", "v")
    head, body = edits.content.parts()
    assert isinstance(body, memoryview)
    assert body.obj is message.raw
    assert bytes(head).endswith(b"N: v\r\n")


def test_every_piece_begins_at_the_start_of_a_line() -> None:
    edits = Edits(Message(RAW))
    edits.headers.insert("N", "v")
    edits.replace_body(b"x")
    assert all(bytes(piece).endswith(b"\r\n") for piece in edits.content.parts())


@pytest.mark.parametrize(
    "acts",
    [
        [lambda e: e.headers.add("N", "v"), lambda e: e.headers.remove("N")],
        [lambda e: e.headers.insert("N", "v"), lambda e: e.undo()],
        [lambda e: e.headers.remove("X-A"), lambda e: e.undo()],
        [lambda e: e.replace_body(b"new"), lambda e: e.undo()],
        [lambda e: e.replace_body(b"new"), lambda e: e.replace_body(b"body")],
        [lambda e: e.replace_body(b"body\n")],
        [lambda e: e.headers.remove("N")],
    ],
)
def test_an_edit_that_is_taken_back_leaves_no_trace(acts: list[Act]) -> None:
    edits = Edits(Message(RAW))
    for act in acts:
        act(edits)
    assert not edits.changed
    assert edits.content.parts() == (RAW,)
    assert edits.list_changes() == ()
    assert edits.content.same_as(Edits(Message(RAW)).content)


def test_replacing_a_field_by_its_own_octets_is_no_change() -> None:
    edits = Edits(Message(b"A: b\r\n\r\n"))
    edits.headers.replace("A", "b")
    assert not edits.changed


def test_copies_are_the_same_when_the_same_octets_leave() -> None:
    message = Message(RAW)
    one, two, other = Edits(message), Edits(message), Edits(Message(RAW))
    assert one.content.same_as(two.content)
    one.headers.add("N", "v")
    assert not one.content.same_as(two.content)
    for edits in two, other:
        edits.headers.add("N", "v")
    assert one.content.same_as(two.content)
    assert one.content.same_as(other.content)
    one.replace_body(b"new")
    assert not one.content.same_as(two.content)
    assert not one.content.same_as(other.content)


def test_changes_are_listed_by_name_without_values() -> None:
    edits = Edits(Message(RAW))
    edits.headers.add("X-New", "secret")
    edits.headers.remove("B")
    edits.headers.replace("X-A", "secret")
    edits.replace_body(b"secret")
    assert sorted(edits.list_changes()) == [
        "body replaced",
        "header B removed",
        "header X-A replaced",
        "header X-New added",
    ]


def test_fields_in_another_order_are_a_change() -> None:
    edits = Edits(Message(b"A: b\r\nC: d\r\n\r\n"))
    edits.headers.remove("A")
    edits.headers.add("A", "b")
    assert edits.list_changes() == ("headers moved",)


@pytest.mark.fault("C4")
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
def test_a_value_that_would_be_two_lines_is_refused_and_changes_nothing(value: str) -> None:
    edits = Edits(Message(RAW))
    for act in edits.headers.add, edits.headers.insert, edits.headers.replace:
        with pytest.raises(ValueError, match="one line"):
            act("X-A", value)
    assert not edits.changed


def test_a_body_is_bytes() -> None:
    with pytest.raises(TypeError):
        Edits(Message(RAW)).replace_body("text")  # type: ignore[arg-type]  # what a handler may do


def test_fields_beyond_the_limit_survive_an_edit() -> None:
    fields = b"".join(b"X-%d: y\r\n" % n for n in range(10_100))
    raw = b"A: b\r\n" + fields + b"\r\nbody\r\n"
    assert _after(raw, lambda e: e.headers.remove("A"), lambda e: e.headers.add("N", "v")) == (
        fields + b"N: v\r\n\r\nbody\r\n"
    )


@given(
    st.binary()
    | st.lists(st.sampled_from([b"A: b", b"\r\n", b"\n", b" ", b"\r", b"x", b"From "])).map(b"".join)
)
def test_one_header_added_keeps_all_other_octets(raw: bytes) -> None:
    # A first line that would continue the header is parted from it; lines of an mbox stand above both.
    below = re.sub(rb"\A(?:>*From [^\n]*\n)*", b"", raw)
    line = b"X-Checked-By: lamsonproxy\r\n" + b"\r\n" * below.startswith((b" ", b"\t"))
    assert _after(raw, lambda e: e.headers.insert("X-Checked-By", "lamsonproxy")).replace(line, b"", 1) == raw
    added = _after(raw, lambda e: e.headers.add("X-Checked-By", "lamsonproxy"))
    # Only a last header line without an end gets one.
    assert added.replace(line, b"", 1) in (raw, raw + b"\r\n")


@given(st.binary())
def test_an_added_header_is_read_in_the_result(raw: bytes) -> None:
    edits = Edits(Message(raw))
    edits.headers.insert("X-Checked-By", "lamsonproxy")
    again = Message(b"".join(edits.content.parts()))
    assert again.headers.get("X-Checked-By") == "lamsonproxy"
