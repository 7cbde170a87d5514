"""What the outbox sends is signed on its way out, and leaves in any case."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lamsonproxy.mail.conversation import Outgoing, OutgoingKind
from lamsonproxy.outbox import Pace, Sending
from lamsonproxy.ports import Signed
from lamsonproxy.scanners.signing import Key
from lamsonproxy.scanners.signing import Signer as DkimSigner
from tests.doubles import FakeClock, RecordingLog
from tests.downstream import FakeCourier
from tests.keys import PRIVATE_KEY
from tests.outboxes import CONTENT, Rig, database_at, sqlite_in

SIGNATURE = b"DKIM-Signature: true\r\n"


class FakeSigner:
    """Signs as it is told to; `threads` are the names of those in which it did."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.is_open = threading.Event()
        self.is_open.set()
        self.threads: list[str] = []

    def signed(self, outgoing: Outgoing) -> Signed:
        self.threads.append(threading.current_thread().name)
        self.is_open.wait()
        return Signed(SIGNATURE + outgoing.content, self.trouble)


class BrokenSigner:
    def signed(self, outgoing: Outgoing) -> Signed:
        raise RecursionError("a bug")


class SigningRig(Rig):
    """An outbox over SQLite whose mail is signed."""

    signer: FakeSigner

    async def sends(
        self, signer: "FakeSigner | BrokenSigner | DkimSigner | None", pace: Pace | None = None
    ) -> None:
        """Send all that is due."""
        self.courier, self.log = FakeCourier(), RecordingLog()
        sending = Sending(
            self.outbox, self.courier, self.log, self.clock, pace or Pace(), lambda: 1.0, signer=signer
        )
        await sending.once()

    @property
    def sent(self) -> list[bytes]:
        return [octets for _, octets in self.courier.mails]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[SigningRig]:
    async with database_at(sqlite_in(tmp_path)) as database:
        yield SigningRig(database, FakeClock())


@pytest.mark.parametrize("kind", ["reply", "ask", "send", "send_on", "notice"])
async def test_what_an_application_sends_is_signed_in_a_thread_of_its_own(
    rig: SigningRig, kind: OutgoingKind
) -> None:
    signer = FakeSigner()
    await rig.has(kind=kind)
    await rig.sends(signer)
    assert rig.sent == [SIGNATURE + CONTENT]
    assert signer.threads == ["signing-1"]
    assert rig.log.named("not_signed") == []


async def test_what_only_passes_through_is_never_signed(rig: SigningRig) -> None:
    signer = FakeSigner()
    await rig.has(kind="relay")
    await rig.sends(signer)
    assert rig.sent == [CONTENT]
    assert signer.threads == []


async def test_without_a_key_nothing_is_signed(rig: SigningRig) -> None:
    await rig.has()
    await rig.sends(None)
    assert rig.sent == [CONTENT]


async def test_what_is_sent_again_is_signed_again_and_stays_unsigned_in_the_database(rig: SigningRig) -> None:
    await rig.has()
    (due,) = await rig.claim()
    assert due.outgoing.content == CONTENT
    rig.clock.advance(301)
    await rig.sends(FakeSigner())
    assert rig.sent == [SIGNATURE + CONTENT]


async def test_a_signer_that_fails_keeps_no_mail_and_is_told_of(rig: SigningRig) -> None:
    await rig.has()
    await rig.sends(BrokenSigner())
    assert rig.sent == [CONTENT]
    [told] = rig.log.named("not_signed")
    assert isinstance(told["error"], RecursionError)
    assert len(rig.log.named("outbox_sent")) == 1


async def test_half_a_signature_leaves_and_is_told_of(rig: SigningRig) -> None:
    signer = FakeSigner()
    signer.trouble = ValueError("no seal")
    await rig.has()
    await rig.sends(signer)
    assert rig.sent == [SIGNATURE + CONTENT]
    [told] = rig.log.named("not_signed")
    assert told["error"] is signer.trouble


async def test_a_signer_that_takes_too_long_keeps_no_mail(rig: SigningRig) -> None:
    signer = FakeSigner()
    signer.is_open.clear()
    await rig.has()
    try:
        await rig.sends(signer, Pace(send_s=0.02))
    finally:
        signer.is_open.set()
    assert rig.sent == [CONTENT]
    [told] = rig.log.named("not_signed")
    assert isinstance(told["error"], TimeoutError)


async def test_a_real_signer_signs_with_the_key_of_the_envelope_senders_domain(rig: SigningRig) -> None:
    raw = b"From: alice@elsewhere.example\r\n" + CONTENT
    await rig.has(octets=raw)
    await rig.sends(DkimSigner([Key("example.org", "own", PRIVATE_KEY)]))
    (sent,) = rig.sent
    assert sent.startswith(b"DKIM-Signature: v=1;") and b" d=example.org;" in sent
    assert sent.endswith(raw)
