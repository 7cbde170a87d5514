"""Disks that are full, broken or full of rubbish: 4xx, nothing half there, and the next attempt succeeds."""

import errno
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamsonproxy import durable
from lamsonproxy.durable import HELD_FOR_S
from lamsonproxy.errors import StorageError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.verdict import Quarantine, Reject
from lamsonproxy.queues.letter import Letter
from lamsonproxy.queues.notices import NoticeFolder
from lamsonproxy.queues.quarantine import MaildirQuarantine
from tests.engine_rig import CONTENT, Rig, answering, mail, on
from tests.relay_rig import envelope

ENVELOPE = envelope("bob@example.net")


class Disk:
    """A rig that keeps on a real disk: `a@` goes to quarantine, `b@` is refused, others pass."""

    def __init__(self, path: Path) -> None:
        self.quarantine = MaildirQuarantine(path / "quarantine")
        self.notices = NoticeFolder(path / "notices")
        self.quarantine.open()
        self.notices.open()
        routes = (on("a@.+", answering(Quarantine())), on("b@.+", answering(Reject())))
        self.rig = Rig(routes, quarantine=self.quarantine, notices=self.notices)

    async def settle(self, *recipients: str, content: bytes = CONTENT) -> Reply:
        return await self.rig.settle(mail(*(f"{one}@x.org" for one in recipients), content=content))

    @property
    def kept(self) -> list[Letter]:
        return [self.quarantine.read(name) for name in self.quarantine.names()]

    @property
    def held(self) -> list[Path]:
        return [*self.quarantine.path.glob("tmp/*"), *self.notices.path.glob("held/*")]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


# -- calls that fail ----------------------------------------------------------------------------------------

WATCHED = ("open", "write", "fsync", "close", "rename", "unlink")


class FailingOs:
    """The module `os`, whose calls fail from the `at`-th on, `times` of them."""

    def __init__(self, at: int, error: int, times: int = 1) -> None:
        self.calls: list[str] = []
        self._bad = range(at, at + times)
        self._error = error

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in WATCHED:
            return real

        def call(*args: Any) -> Any:
            self.calls.append(name)
            if len(self.calls) - 1 not in self._bad:
                return real(*args)
            if name == "close":
                real(*args)  # close(2): the descriptor is gone, whatever it says
            raise OSError(self._error, os.strerror(self._error))

        return call


POSITIONS = 27
"""Calls that a mail with a copy, a refused one and a DSN makes."""


async def test_every_position_is_tried(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = FailingOs(-1, 0)
    monkeypatch.setattr(durable, "os", calls)
    assert (await disk.settle("a", "b", "c")).is_positive
    assert len(calls.calls) == POSITIONS


@pytest.mark.fault("D2")
@pytest.mark.parametrize("times", [1, 1000], ids=["once", "from then on"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("at", range(POSITIONS))
async def test_whichever_call_fails_it_is_4xx_and_the_retry_succeeds(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, at: int, error: int, times: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(durable, "os", FailingOs(at, error, times))
        reply = await disk.settle("a", "b", "c")
    assert reply.code == (451 if error == errno.EIO else 452)
    # Behind the relay (from the first release on) a copy may count already: whole, and Postfix still has the mail.
    assert all(letter.content == CONTENT for letter in disk.kept)
    assert disk.rig.delivered or not disk.kept
    if times == 1:
        assert not disk.held
    assert (await disk.settle("a", "b", "c")).is_positive
    assert len(disk.kept) == 2 and len(disk.notices.waiting()) == 1


@pytest.mark.fault("D2")
async def test_an_fsync_that_failed_is_not_tried_again(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    # open, write (our line), write (the mail), fsync
    failing = FailingOs(3, errno.EIO)
    monkeypatch.setattr(durable, "os", failing)
    assert (await disk.settle("a")).code == 451
    assert failing.calls == ["open", "write", "write", "fsync", "close", "unlink"]


@pytest.mark.fault("D3")
async def test_a_partial_write_is_continued(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Reluctant(FailingOs):
        def write(self, descriptor: int, part: memoryview) -> int:
            return os.write(descriptor, part[:7])

    monkeypatch.setattr(durable, "os", Reluctant(-1, 0))
    assert (await disk.settle("a")).is_positive
    assert disk.kept[0].content == CONTENT


@pytest.mark.fault("D3")
@pytest.mark.parametrize("folder", ["tmp", "new", "."])
async def test_a_folder_that_has_gone_is_made_anew(disk: Disk, folder: str) -> None:
    shutil.rmtree(disk.quarantine.path / folder)
    assert (await disk.settle("a")).is_positive
    assert disk.kept[0].content == CONTENT


@pytest.mark.fault("D3")
async def test_a_folder_that_cannot_be_made_anew_is_451(disk: Disk) -> None:
    shutil.rmtree(disk.quarantine.path)
    disk.quarantine.path.write_bytes(b"")
    assert (await disk.settle("a")).code == 451
    disk.quarantine.path.unlink()
    assert (await disk.settle("a")).is_positive


def test_a_folder_that_goes_while_the_mail_is_under_way_is_made_anew(disk: Disk) -> None:
    held = disk.notices.hold("n", ENVELOPE, (CONTENT,))
    shutil.rmtree(disk.notices.path / "new")
    held.release()
    assert disk.notices.waiting() == ["n"]


def test_what_was_held_in_a_folder_that_has_gone_is_not_promised(disk: Disk) -> None:
    held = disk.notices.hold("n", ENVELOPE, (CONTENT,))
    shutil.rmtree(disk.notices.path)
    with pytest.raises(StorageError, match="cannot keep"):
        held.release()
    with disk.notices.claim() or pytest.fail("nobody else has it"):
        assert disk.notices.waiting() == []


# -- the kernel's own word ----------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB and few inodes."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=24", "lamson-test", str(path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small tmpfs here: needs root")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def remount(path: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)


@pytest.mark.fault("D1")
async def test_a_full_disk_is_452_and_recovers(small: Path) -> None:
    disk = Disk(small)
    big = CONTENT + b"x" * 70 + b"\r\n" * 600_000
    assert str(await disk.settle("a", "c", content=big)).startswith("452 4.3.1 Insufficient storage")
    assert not disk.kept and not disk.held and not disk.rig.delivered
    assert (await disk.settle("a", "c")).is_positive


@pytest.mark.fault("D1")
async def test_a_disk_without_inodes_is_452_and_recovers(small: Path) -> None:
    disk = Disk(small)
    filler = []
    with pytest.raises(OSError, match="No space left"):
        for n in range(100):
            (small / f"filler-{n}").touch()
            filler.append(small / f"filler-{n}")
    assert (await disk.settle("a", "c")).code == 452
    assert not disk.kept and not disk.held and not disk.rig.delivered
    filler[0].unlink()
    assert (await disk.settle("a", "c")).is_positive


@pytest.mark.fault("D3")
async def test_a_disk_that_became_read_only_is_451(small: Path) -> None:
    disk = Disk(small)
    remount(small, "ro")
    assert (await disk.settle("a")).code == 451
    remount(small, "rw")
    assert (await disk.settle("a")).is_positive


KEEP = """
import asyncio, sys
from pathlib import Path
from tests.unit.queues.test_disk_faults import Disk

disk = Disk(Path(sys.argv[1]))
reply = asyncio.run(disk.settle("a"))
print(reply.code, flush=True)
"""


def traced(path: Path, *options: str) -> tuple[str, list[str]]:
    """What a process that keeps one mail says, and what it asked of the kernel."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    record = path / "strace"
    command = ["strace", "-f", "-y", "-o", str(record), *options, sys.executable, "-c", KEEP, str(path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "PTRACE" in child.stderr or "ptrace" in child.stderr:
        pytest.skip("strace may not trace here")
    return child.stdout.strip(), record.read_text().splitlines()


@pytest.mark.fault("K6")
def test_the_file_and_its_folder_are_on_disk_before_the_reply(tmp_path: Path) -> None:
    said, calls = traced(tmp_path, "-e", "trace=fsync,rename,write")
    assert said == "250"
    folder = re.escape(str(tmp_path / "quarantine"))
    order = [
        rf"fsync\(\d+<{folder}/tmp/",
        rf'rename\("{folder}/tmp/',
        rf"fsync\(\d+<{folder}/new>",
        r'write\(1<.*"250',
    ]
    found = [next(n for n, call in enumerate(calls) if re.search(step, call)) for step in order]
    assert found == sorted(found), calls


@pytest.mark.fault("D2")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_what_the_kernel_refuses_is_4xx(tmp_path: Path, call: str, error: str) -> None:
    folders = Disk(tmp_path)  # so that the child's fsync calls are those of the mail
    refused = 0
    for at in (1, 2):
        said, calls = traced(tmp_path, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={at}")
        if any("INJECTED" in line for line in calls):
            refused += 1
            assert said == ("452" if error == "ENOSPC" else "451")
            assert not folders.held
    assert refused == (2 if call == "fsync" else 1)


# -- rubbish ------------------------------------------------------------------------------------------------


@pytest.mark.fault("D4")
def test_rubbish_in_the_maildir_is_skipped_or_told_and_never_touched(tmp_path: Path) -> None:
    quarantine = MaildirQuarantine(tmp_path / "quarantine")
    quarantine.open()
    quarantine.hold("good", ENVELOPE, (CONTENT,), "").release()
    new, secret = tmp_path / "quarantine" / "new", tmp_path / "secret"
    secret.write_bytes((new / "good").read_bytes())
    (new / "folder").mkdir()
    os.mkfifo(new / "fifo")
    (new / "dangling").symlink_to(tmp_path / "none")
    (new / "link").symlink_to(secret)
    unreadable = {
        "empty": b"",
        "nul": b"\x00" * 100,
        "truncated": (new / "good").read_bytes()[:50],
        "new\nline": b"x",
        os.fsdecode(b"\xff\xfe"): b"x",
        "n" * 255: b"x",
    }
    for name, octets in unreadable.items():
        (new / name).write_bytes(octets)
    with open(new / "sparse", "wb") as sparse:
        sparse.truncate(2**36)
    assert set(quarantine.names()) == {"good", "sparse", *unreadable}
    for name in ("sparse", *unreadable):
        with pytest.raises(ValueError):
            quarantine.read(name)
    for name in ("folder", "fifo", "dangling", "link"):
        with pytest.raises(KeyError):
            quarantine.read(name)
    assert quarantine.read("good").content == CONTENT
    assert len(list(new.iterdir())) == 6 + len(unreadable)


@pytest.mark.fault("D4")
def test_what_a_mail_reader_has_seen_is_still_there_once(tmp_path: Path) -> None:
    quarantine = MaildirQuarantine(tmp_path)
    quarantine.open()
    quarantine.hold("a", ENVELOPE, (b"first\r\n",), "").release()
    os.rename(tmp_path / "new" / "a", tmp_path / "cur" / "a:2,S")
    assert quarantine.read("a").content == b"first\r\n"
    quarantine.hold("a", ENVELOPE, (b"retry\r\n",), "").release()
    assert list(quarantine.names()) == ["a"] and quarantine.read("a").content == b"retry\r\n"
    quarantine.delete("a")
    assert list(quarantine.names()) == []


# -- what processes leave behind ----------------------------------------------------------------------------


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.fault("K1")
def test_a_crash_between_hold_and_release_sends_nothing_and_is_cleaned_up_in_the_end(tmp_path: Path) -> None:
    notices, quarantine = NoticeFolder(tmp_path / "notices"), MaildirQuarantine(tmp_path / "quarantine")
    for opened in (notices, quarantine):
        opened.open()
    notices.hold("a", ENVELOPE, (CONTENT,))
    quarantine.hold("a", ENVELOPE, (CONTENT,), "")
    held = [*(tmp_path / "notices" / "held").iterdir(), *(tmp_path / "quarantine" / "tmp").iterdir()]
    assert len(held) == 2
    for age, remain in ((HELD_FOR_S - 60, 2), (HELD_FOR_S + 60, 0)):
        for path in held:
            aged(path, age)
        notices.forget_orphans()
        quarantine.open()
        assert sum(path.exists() for path in held) == remain
    assert not notices.waiting() and not list(quarantine.names())


@pytest.mark.fault("D7")
def test_a_clock_that_jumps_by_two_days_deletes_nothing_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = NoticeFolder(tmp_path)
    notices.open()
    held = notices.hold("a", ENVELOPE, (CONTENT,))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 48 * 3600)
    notices.forget_orphans()
    held.release()
    assert notices.waiting() == ["a"]


CLAIM = """
import sys
from pathlib import Path
from lamsonproxy.queues.notices import NoticeFolder

claim = NoticeFolder(Path(sys.argv[1])).claim()
print("sends" if claim else "waits", flush=True)
if claim:
    with claim:
        sys.stdin.read()
"""


def test_two_processes_never_both_send_and_a_dead_one_holds_up_nobody(tmp_path: Path) -> None:
    notices = NoticeFolder(tmp_path)
    notices.open()

    def claiming() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", CLAIM, str(tmp_path)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    with claiming() as first:
        assert first.stdout is not None and first.stdout.readline() == "sends\n"
        with claiming() as second:
            assert second.communicate(timeout=30)[0] == "waits\n"
        assert notices.claim() is None
        first.kill()
    claim = notices.claim()
    assert claim is not None
    with claim:
        pass


# -- folders ------------------------------------------------------------------------------------------------


def test_files_are_for_the_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        quarantine = MaildirQuarantine(tmp_path / "deep" / "er" / "quarantine")
        quarantine.open()
        quarantine.hold("a", ENVELOPE, (CONTENT,), "").release()
    finally:
        os.umask(before)
    made = (tmp_path / "deep").rglob("*")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in made if path.is_dir()}
    assert modes == {0o700}
    assert stat.S_IMODE((quarantine.path / "new" / "a").stat().st_mode) == 0o600


@pytest.mark.fault("K5")
@pytest.mark.parametrize("where", ["", "tmp"])
def test_a_file_where_a_folder_should_be_is_told_at_the_start(tmp_path: Path, where: str) -> None:
    path = tmp_path / "quarantine"
    if where:
        path.mkdir()
    (path / where).write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make the folder"):
        MaildirQuarantine(path).open()


def test_what_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert list(MaildirQuarantine(tmp_path / "none").names()) == []
    assert NoticeFolder(tmp_path / "none").waiting() == []
