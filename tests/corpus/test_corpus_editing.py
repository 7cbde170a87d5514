"""Each single edit on each mail of the corpus: every octet outside the edited place is the one that came.

What differs is found by a differ that does not read mail, and what it means by Python's `email`.
"""

import email
from collections.abc import Callable
from email.message import Message as Other
from operator import methodcaller
from pathlib import Path

import pytest

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.differ import hunks, one_gap
from tests.corpus.editing import FOOTER, acts, tried

PATHS = sorted((Path(__file__).parent / "mails").glob("*.eml"))
every_mail = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def _raw(path: Path) -> bytes:
    """As a door hands it over: every line ends in CRLF, the last one too."""
    raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def _after(message: Message, act: Callable[[Edits], object]) -> bytes:
    edits = Edits(message)
    act(edits)
    return b"".join(edits.content.parts())


def _leaves(raw: bytes) -> list[tuple[str, bytes]]:
    """Type and encoded content of each leaf, as Python reads it."""
    return [(part.get_content_type(), _payload(part)) for part in _walk(email.message_from_bytes(raw))]


def _walk(message: Other) -> list[Other]:
    return [part for part in message.walk() if not part.is_multipart()]


def _payload(part: Other) -> bytes:
    payload = part.get_payload()
    return payload.encode("utf-8", "surrogateescape") if isinstance(payload, str) else b""


def _agrees(raw: bytes) -> bool:
    """Whether Python reads the same parts: it does of nearly all real mail, and of some tests of readers not."""
    ours = [p.content_type for p in Message(raw).parts if not (p.is_multipart or p.is_message)]
    return ours == [content_type for content_type, _ in _leaves(raw)]


def _one_differs(before: list[tuple[str, bytes]], after: list[tuple[str, bytes]]) -> bool:
    """Whether one leaf is gone, or became another; a last part that goes leaves an empty one."""
    if len(before) == len(after):
        return sum(one != other for one, other in zip(before, after, strict=True)) <= 1
    return any(after == before[:n] + before[n + 1 :] for n in range(len(before)))


@every_mail
def test_an_edit_can_be_undone_and_leaves_the_same_octets(path: Path) -> None:
    message = Message(_raw(path))
    for act in acts(message):
        edits = Edits(message)
        tried(edits, act)
        edits.undo()
        assert edits.content.parts() == (message.raw,)
        assert not (edits.changed or edits.list_changes() or edits.breaks_dkim)


@every_mail
def test_a_tag_is_all_that_is_new(path: Path) -> None:
    raw = _raw(path)
    for tag in ("[cooks]", "[Köche]"):
        after = _after(Message(raw), methodcaller("tag_subject", tag))
        removed, added = one_gap(raw, after)
        assert removed == b""
        assert Message(after).subject.startswith(tag)
        assert Message(after).subject.endswith(Message(raw).subject)
        assert len(added) < 50


@every_mail
def test_a_removed_part_leaves_a_gap_and_nothing_else(path: Path) -> None:
    raw = _raw(path)
    message = Message(raw)
    agrees = _agrees(raw)
    for part in message.parts:
        edits = Edits(message)
        if part.is_multipart or not tried(edits, methodcaller("remove_part", part, force=True)):
            continue
        after = b"".join(edits.content.parts())
        removed, added = one_gap(raw, after)
        assert len(added) <= len(b"\r\n\r\n")
        # The same octets at both ends of a gap can be counted to either of them.
        assert part.raw[part.body_start : part.end].rstrip() in removed + removed
        if agrees and not part.is_message:
            assert _one_differs(_leaves(raw), _leaves(after))


@every_mail
def test_a_replaced_part_is_all_that_differs(path: Path) -> None:
    raw = _raw(path)
    message = Message(raw)
    agrees = _agrees(raw)
    for part in message.parts[1:]:
        after = _after(message, methodcaller("replace_part", part, "x", force=True))
        removed, _ = one_gap(raw, after)
        assert removed in raw[part.start : part.end]
        if agrees and not (part.is_multipart or part.is_message):
            assert _one_differs(_leaves(raw), _leaves(after))


@every_mail
@pytest.mark.parametrize("footer", ["-- \nplain words", FOOTER])
def test_a_footer_touches_the_text_and_nothing_else(path: Path, footer: str) -> None:
    raw = _raw(path)
    message = Message(raw)
    edits = Edits(message)
    if not edits.add_footer(footer):
        assert not edits.changed
        return
    after = b"".join(edits.content.parts())
    texts = [raw[part.start : part.end] for part in message.structure.texts(message.parts[0])]
    for hunk in hunks(raw, after):
        assert any(
            b"\n".join(hunk.removed).rstrip(b"\r") in text for text in [*texts, raw[: message.body_start]]
        )
    if _agrees(raw):
        for (kind, before), (same_kind, now) in zip(_leaves(raw), _leaves(after), strict=True):
            assert kind == same_kind
            assert before == now or kind in ("text/plain", "text/html")


@every_mail
def test_stripping_leaves_what_is_no_attachment(path: Path) -> None:
    raw = _raw(path)
    edits = Edits(Message(raw))
    names = edits.strip_attachments("*", force=True)
    after = b"".join(edits.content.parts())
    assert bool(names) == bool(edits.message.attachments)
    assert all(line in raw for hunk in hunks(raw, after) for line in hunk.removed)
    assert Message(after).attachments == () or names
    assert not Message(after).has_attachment("*")
