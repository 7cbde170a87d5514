"""Scanners are asked in time, once, and an answer comes whatever happens."""

import asyncio
import time

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.scanners.asking import MARGIN_S, Daemon, Scanner, WhenAway
from lamsonproxy.scanners.report import Report, ScannerName
from tests.doubles import RecordingLog
from tests.unit.scanners.mails import mail, transaction

CLEAN = Report("clamav", "clean")


class Stub:
    """A daemon that answers, or raises, or says nothing for ever."""

    name: ScannerName = "clamav"

    def __init__(self, answer: Report | Exception | None = CLEAN) -> None:
        self.answer = answer
        self.asked = 0

    async def ask(self, transaction: Transaction) -> Report:
        self.asked += 1
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Report):
            return self.answer
        raise self.answer or AssertionError


def scanner(
    daemon: Daemon, *, timeout_s: float = 30, size_limit: int = 1000, when_away: WhenAway = "defer"
) -> Scanner:
    return Scanner(daemon, timeout_s, size_limit, when_away)


def test_a_def_handler_gets_the_report_itself() -> None:
    assert scanner(Stub()).scan(mail()) == CLEAN


async def test_an_async_handler_awaits_it() -> None:
    assert await scanner(Stub()).scan(mail()) == CLEAN


async def test_one_answer_does_for_all_recipients_of_a_mail() -> None:
    stub, of = Stub(), transaction("bob@example.net", "eve@example.net")
    asked = scanner(stub)
    for recipient in (0, 1):
        assert await asked.scan(mail(of, recipient=recipient)) == CLEAN
    assert stub.asked == 1
    await asked.scan(mail())
    assert stub.asked == 2


async def test_a_scanner_that_is_away_makes_the_recipients_wait_once() -> None:
    stub, of = Stub(OSError("nobody there")), transaction("bob@example.net", "eve@example.net")
    asked = scanner(stub)
    for recipient in (0, 1):
        assert (await asked.report(mail(of, recipient=recipient))).is_away
    assert stub.asked == 1


@pytest.mark.parametrize("trouble", [OSError("nobody there"), RemoteError("clamav", "nonsense")])
@pytest.mark.parametrize("when_away", ["defer", "quarantine"])
async def test_a_scanner_that_is_away_raises(trouble: Exception, when_away: WhenAway) -> None:
    with pytest.raises(RemoteError, match="away at clamav"):
        await scanner(Stub(trouble), when_away=when_away).scan(mail())


async def test_where_mail_may_go_unscanned_being_away_is_an_answer() -> None:
    report = await scanner(Stub(OSError("nobody there")), when_away="accept").scan(mail())
    assert (report.grade, report.trouble) == ("away", "nobody there")


async def test_a_scanner_that_says_nothing_is_given_up_in_its_time() -> None:
    begun = time.monotonic()
    report = await scanner(Stub(None), timeout_s=0.05).report(mail())
    assert report.is_away
    assert time.monotonic() - begun < 30


async def test_a_scanner_is_given_up_before_the_mail_is_lost() -> None:
    begun = time.monotonic()
    report = await scanner(Stub(None), timeout_s=600).report(mail(left_s=MARGIN_S + 0.05))
    assert report.is_away
    assert time.monotonic() - begun < 30


async def test_without_time_left_nobody_is_asked_for_long() -> None:
    assert (await scanner(Stub(None)).report(mail(left_s=0))).is_away


async def test_a_mail_above_the_limit_is_not_sent_to_the_scanner() -> None:
    stub = Stub()
    large = transaction(content=b"Subject: Soup\r\n\r\n" + b"x" * 1000)
    assert await scanner(stub).scan(mail(large)) == Report("clamav", "unscanned")
    assert not stub.asked


async def test_each_question_is_told_once_to_the_log() -> None:
    log, of = RecordingLog(), transaction("bob@example.net", "eve@example.net")
    asked = scanner(Stub(Report("clamav", "virus", virus="Eicar")))
    for recipient in (0, 1):
        await asked.scan(mail(of, recipient=recipient, log=log))
    (told,) = log.named("scanned")
    assert (told["scanner"], told["grade"], told["what"]) == ("clamav", "virus", "Eicar")
    assert told["seconds"] >= 0


def test_a_policy_is_one_of_three_words() -> None:
    with pytest.raises(ValueError, match="when_away"):
        scanner(Stub(), when_away="reject")  # type: ignore[arg-type]
