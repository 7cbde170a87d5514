"""The probe of `lamson postfix apply`: it ends at the service when somebody waits for it, and only then."""

from pathlib import Path

import pytest

from lamsonproxy.mail.probe import HEADER, RECIPIENT, name_of
from lamsonproxy.queues.probes import ProbeFolder
from tests.engine_rig import Rig, mail
from tests.kept import MemoryProbes

TOKEN = "c0ffee"
TO = f"{RECIPIENT}{name_of(TOKEN)[:16]}@mx.example.org"
CONTENT = f"{HEADER}: {TOKEN}\r\n\r\n".encode()


async def test_an_awaited_probe_is_taken_once_and_reaches_nobody() -> None:
    rig = Rig()
    rig.probes.awaited.add(name_of(TOKEN))
    reply = await rig.settle(mail(TO, content=CONTENT, sender=""))
    assert reply.code == 250
    assert not rig.downstream.mails
    assert not rig.probes.awaited


@pytest.mark.parametrize(
    ("sender", "to", "content"),
    [
        ("", TO, CONTENT.replace(b"c0ffee", b"guessed")),
        ("", TO, b"Subject: none\r\n\r\n"),
        ("alice@example.org", TO, CONTENT),
        ("", "bob@mx.example.org", CONTENT),
    ],
    ids=["another token", "no token", "a sender", "a usual recipient"],
)
async def test_anybody_elses_probe_is_a_mail_like_any_other(sender: str, to: str, content: bytes) -> None:
    rig = Rig()
    rig.probes.awaited.add(name_of(TOKEN))
    await rig.settle(mail(to, content=content, sender=sender))
    assert len(rig.downstream.mails) == 1
    assert rig.probes.awaited


def test_a_probe_in_the_folder_counts_once(tmp_path: Path) -> None:
    folder = ProbeFolder(tmp_path / "probe")
    folder.open()
    (tmp_path / "probe" / name_of(TOKEN)).touch()
    assert folder.claim(name_of(TOKEN))
    assert not folder.claim(name_of(TOKEN))


def test_the_double_counts_as_the_folder_does() -> None:
    probes = MemoryProbes()
    probes.awaited.add("a")
    assert (probes.claim("a"), probes.claim("a")) == (True, False)
