"""The port `Quarantine`: one suite for the Maildir and for its double."""

from pathlib import Path

import pytest

from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.queues.quarantine import MaildirQuarantine
from tests.contract.ticks import await_next_tick
from tests.kept import MemoryQuarantine
from tests.relay_rig import envelope

Kept = MaildirQuarantine | MemoryQuarantine

ENVELOPE: Envelope = envelope("bob@example.net NOTIFY=NEVER", params="BODY=8BITMIME", xforward="IDENT=4F0")
CONTENT = b"Subject: Soup\r\n\r\n\x00\xff.\r\n..\r\nIs there any?\r\n"


@pytest.fixture(params=["maildir", "memory"])
def quarantine(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    if request.param == "memory":
        return MemoryQuarantine()
    maildir = MaildirQuarantine(tmp_path / "quarantine")
    maildir.open()
    return maildir


def test_what_is_held_is_seen_by_nobody(quarantine: Kept) -> None:
    quarantine.hold("a", ENVELOPE, (CONTENT,), "eicar")
    assert list(quarantine.names()) == []
    with pytest.raises(KeyError):
        quarantine.read("a")


def test_what_is_released_is_there_octet_for_octet_with_envelope_and_reason(quarantine: Kept) -> None:
    quarantine.hold("a", ENVELOPE, (CONTENT[:17], memoryview(CONTENT)[17:]), "eicar\r\nfound").release()
    letter = quarantine.read("a")
    assert (letter.envelope, letter.content, letter.reason) == (ENVELOPE, CONTENT, "eicar\r\nfound")
    assert letter.kept_at


def test_what_is_cancelled_never_was(quarantine: Kept) -> None:
    held = quarantine.hold("a", ENVELOPE, (CONTENT,), "")
    held.cancel()
    held.cancel()
    assert list(quarantine.names()) == []


def test_a_second_one_takes_the_place_of_the_first(quarantine: Kept) -> None:
    quarantine.hold("a", ENVELOPE, (b"first\r\n",), "").release()
    quarantine.hold("a", ENVELOPE, (b"second\r\n",), "").release()
    assert list(quarantine.names()) == ["a"] and quarantine.read("a").content == b"second\r\n"


def test_taking_back_takes_only_what_one_held_oneself(quarantine: Kept) -> None:
    quarantine.hold("a", ENVELOPE, (b"promised\r\n",), "").release()
    other = quarantine.hold("a", ENVELOPE, (b"other\r\n",), "")
    quarantine.hold("a", ENVELOPE, (b"failed\r\n",), "").cancel()
    assert quarantine.read("a").content == b"promised\r\n"
    other.release()
    assert quarantine.read("a").content == b"other\r\n"


def test_taking_back_after_the_release_takes_nothing(quarantine: Kept) -> None:
    held = quarantine.hold("a", ENVELOPE, (CONTENT,), "")
    held.release()
    held.cancel()
    assert list(quarantine.names()) == ["a"]


def test_names_come_oldest_first(quarantine: Kept, tmp_path: Path) -> None:
    for name in "bca":
        quarantine.hold(name, ENVELOPE, (CONTENT,), "").release()
        await_next_tick(tmp_path)
    assert list(quarantine.names()) == ["b", "c", "a"]


def test_what_is_deleted_is_gone_and_the_others_are_there(quarantine: Kept) -> None:
    for name in "ab":
        quarantine.hold(name, ENVELOPE, (CONTENT,), "").release()
    quarantine.delete("a")
    assert list(quarantine.names()) == ["b"]


@pytest.mark.parametrize("name", ["", "none", "../new/a", "/etc/passwd", ".", "..", "a:2,S", "a\x00"])
def test_a_name_that_is_none_is_a_key_error(quarantine: Kept, name: str) -> None:
    quarantine.hold("a", ENVELOPE, (CONTENT,), "").release()
    with pytest.raises(KeyError):
        quarantine.read(name)
    with pytest.raises(KeyError):
        quarantine.delete(name)
    assert list(quarantine.names()) == ["a"]


def test_an_address_that_is_not_utf8_comes_back_as_it_was(quarantine: Kept) -> None:
    odd = envelope('"b\udcff b"@example.net', sender="")
    quarantine.hold("a", odd, (CONTENT,), "").release()
    assert quarantine.read("a").envelope == odd
