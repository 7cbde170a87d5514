"""Bombs are read whole within a second of CPU and 64 MiB, whatever is in them."""

import pytest

from lamsonproxy.mail.edits import Edits
from lamsonproxy.mail.message import Message
from tests.corpus.bombs import BOMBS
from tests.corpus.limited import outcomes_of
from tests.corpus.odd import ODD


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    return outcomes_of("bombs")


@pytest.mark.fault("C2")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_and_edited_within_the_limits(name: str, outcomes: dict[str, str]) -> None:
    assert (outcomes[f"reading {name}"], outcomes[f"editing {name}"]) == ("", "")


@pytest.mark.fault("C2")
@pytest.mark.parametrize("name", [*BOMBS, *ODD])
def test_one_added_header_leaves_all_other_octets(name: str) -> None:
    raw = (BOMBS | ODD)[name]()
    edits = Edits(Message(raw))
    edits.headers.add("X-Checked-By", "lamsonproxy")
    before, line, behind = b"".join(edits.content.parts()).partition(b"X-Checked-By: lamsonproxy\r\n")
    assert line
    assert before + behind == raw


@pytest.mark.fault("C3")
def test_what_is_compressed_stays_so() -> None:
    message = Message(BOMBS["zip of zeros"]())
    (part,) = message.attachments
    assert len(part.content()) < len(message.raw)
    assert len(part.content(limit=10)) == 10


def test_there_are_forty_bombs_and_they_are_small() -> None:
    assert len(BOMBS) >= 40
    assert [name for name, make in BOMBS.items() if len(make()) > 1_100_000 and "10 mb" not in name] == []
