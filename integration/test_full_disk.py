"""SQLite on a file system that is full: what needs the database waits at Postfix, and goes on when there is room."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from integration import ledger
from integration.children import poll
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import Traffic
from tests.downstream import RawSink

MAILS = 200
SIZE = "8m"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of our own; without the right to mount one the test is skipped."""
    with tempfile.TemporaryDirectory(prefix="lamsonproxy-disk-") as folder:
        mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", folder)
        done = subprocess.run(mount, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            pytest.skip(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
        try:
            yield Path(folder)
        finally:
            subprocess.run(("umount", folder), check=True, timeout=60)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """No octet is free on this file system."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):  # ENOSPC ends it
        while file.write(bytes(4096)):
            pass
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.fault("B1")
def test_on_a_full_disk_conversations_wait_and_other_mail_flows(
    small_disk: Path, postfix: PrivatePostfix, sink: RawSink, tmp_path: Path
) -> None:
    sink.mails.clear()
    url = f"sqlite:///{small_disk}/lamson.db"
    service = Service(
        tmp_path,
        door=postfix.ports.door,
        reentry=postfix.ports.reentry,
        app="integration.app.counting:app",
        above=f'database = "{url}"',
        more=ledger.PACE,
    )
    traffic = Traffic(MAILS, ledger.STEPS)
    with ledger.told(service, postfix), service:
        workers = service.workers
        with traffic.flowing(postfix.ports.front):
            poll("some have counted", lambda: len(ledger.witnesses(sink)) >= MAILS // 10, ledger.LIMIT_S)
            with full(small_disk):
                poll("some wait", lambda: bool(ledger.waiting(postfix)), ledger.LIMIT_S)
                assert service.metric("lamson_store_failures_total") > 0
                ledger.assert_passes(postfix, sink, "passing@pass.test")
        ledger.assert_each_counts_once(traffic, url, postfix, sink)
        assert service.workers == workers
