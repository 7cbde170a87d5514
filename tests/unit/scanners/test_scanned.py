"""`@scanned`: what reports mean for a mail, and what stands above it afterwards."""

import inspect
from typing import Any

import pytest

from lamsonproxy import Accept, App, AppError, Defer, Discard, Quarantine, Reject, route, stateless
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import marks_of
from lamsonproxy.scanners.asking import Scanner, WhenAway
from lamsonproxy.scanners.marking import SYMBOLS_SHOWN
from lamsonproxy.scanners.report import Report
from lamsonproxy.scanners.scanned import INFECTED, LATER, UNCHECKED, scanned
from tests.engine_rig import Rig, on
from tests.engine_rig import mail as mail_for_engine
from tests.relay_rig import SystemClock
from tests.unit.app.conftest import Write
from tests.unit.app.conftest import write as write
from tests.unit.scanners.mails import mail, transaction
from tests.unit.scanners.test_asking import Stub

CLEAN = Report("clamav", "clean")
VIRUS = Report("clamav", "virus", virus="Win.Test.EICAR_HDB-1")
HAM = Report("rspamd", "clean", 1.25, 6.0, ("A", "B"), "no action")
SPAM = Report("rspamd", "spam", 17.5, 6.0, ("GTUBE",), "reject")
SOFT = Report("rspamd", "clean", 1.0, 6.0, (), "soft reject")
LARGE = Report("spamassassin", "unscanned")
AWAY = Report("rspamd", "away", trouble="nobody there")
REFUSED = Reject("5.7.1", "No spam, please")


def saying(report: Report, when_away: WhenAway = "defer") -> Scanner:
    return Scanner(Stub(report), 30, 10_000, when_away)


def outcome(*scanners: Scanner, of: Mail | None = None, **policy: Any) -> object:
    """What a handler behind these gives, which itself says "handled"."""

    @scanned(*scanners, **policy)
    def handler(mail: Mail) -> object:
        return "handled"

    return handler(of or mail())


@pytest.mark.parametrize(
    ("reports", "policy", "expected"),
    [
        ((CLEAN,), {}, "handled"),
        ((VIRUS,), {}, INFECTED),
        ((VIRUS,), {"virus": Discard("a virus")}, Discard("a virus")),
        ((VIRUS,), {"virus": None}, "handled"),
        ((HAM,), {"spam": REFUSED}, "handled"),
        ((SPAM,), {}, "handled"),
        ((SPAM,), {"spam": REFUSED}, REFUSED),
        ((SOFT,), {}, LATER),
        ((LARGE,), {"spam": REFUSED}, "handled"),
        ((AWAY,), {"spam": REFUSED}, UNCHECKED),
        ((SPAM, VIRUS), {"spam": REFUSED}, INFECTED),
        ((AWAY, VIRUS), {}, INFECTED),
        ((SPAM, AWAY), {"spam": REFUSED}, UNCHECKED),
        ((SOFT, SPAM), {"spam": REFUSED}, LATER),
        ((HAM, CLEAN), {"spam": REFUSED}, "handled"),
    ],
)
def test_the_gravest_report_decides(
    reports: tuple[Report, ...], policy: dict[str, Any], expected: object
) -> None:
    assert outcome(*map(saying, reports), **policy) == expected
    assert outcome(*map(saying, reversed(reports)), **policy) == expected


def test_being_away_is_as_bad_as_its_scanner_says() -> None:
    assert outcome(saying(AWAY, "accept")) == "handled"
    assert outcome(saying(AWAY, "quarantine")) == Quarantine("a scanner was away")
    assert outcome(saying(AWAY, "quarantine"), saying(AWAY, "defer")) == UNCHECKED
    assert outcome(saying(AWAY, "accept"), saying(SPAM, "defer"), spam=REFUSED) == REFUSED


async def test_an_async_handler_is_scanned_on_the_loop() -> None:
    @scanned(saying(SPAM), spam=REFUSED)
    async def refusing(mail: Mail) -> object:
        return "handled"

    @scanned(saying(SPAM))
    async def lenient(mail: Mail, host: str, reports: list[Report]) -> object:
        return host, reports

    assert inspect.iscoroutinefunction(refusing)
    assert await refusing(mail()) == REFUSED
    assert await lenient(mail(), host="x") == ("x", [SPAM])  # type: ignore[call-arg] # @scanned gives it


def test_a_handler_may_ask_for_the_reports() -> None:
    @scanned(saying(HAM), saying(VIRUS), virus=None)
    def handler(mail: Mail, host: str, reports: list[Report]) -> object:
        return host, reports

    assert handler(mail(), host="x") == ("x", [HAM, VIRUS])  # type: ignore[call-arg]


def test_marks_stand_above_or_below_it(write: Write) -> None:
    write(
        "app.handlers",
        """\
        from lamsonproxy.scanners.clamav import clamav
        from lamsonproxy.scanners.scanned import scanned

        @route("(user)@(host)", user=".+", host="x")
        @stateless
        @scanned(clamav("127.0.0.1:9"))
        def below(mail, user, host, reports): ...

        @scanned(clamav("127.0.0.1:9"))
        @route("(user)@(host)", user=".+", host="x")
        @stateless
        async def above(mail, user, host): ...

        @scanned(clamav("127.0.0.1:9"))
        @route("(user)@(host)", user=".+", host="x")
        def START(mail, user, host):
            return NEXT

        @route("(user)@(host)", user=".+", host="x")
        def NEXT(mail, user, host): ...
        """,
    )
    names = [match.route.name for match in App("app.handlers").load().matches("bob@x")]
    assert [name.rpartition(".")[2] for name in names] == ["below", "above", "START", "NEXT"]


def test_the_wrapper_keeps_the_marks_of_its_handler() -> None:
    @scanned(saying(CLEAN))
    @route("x@y")
    @stateless
    def handler(mail: Mail) -> None: ...

    assert marks_of(handler).is_stateless  # type: ignore[arg-type] # a function it is


@pytest.mark.parametrize("given", [(), ("rspamd",), (lambda mail: None,)])
def test_what_is_no_scanner_is_refused_when_the_module_is_read(given: tuple[Any, ...]) -> None:
    with pytest.raises(AppError, match="@scanned takes scanners"):
        scanned(*given)


# -- what stands above the mail --------------------------------------------------------------------------------


def marks(*reports: Report, content: bytes = b"Subject: Soup\r\n\r\nIs there any?\r\n") -> bytes:
    """The mail as it leaves."""
    of = mail(transaction(content=content))
    outcome(*(saying(report, "accept") for report in reports), of=of, virus=None)
    return b"".join(of.edits.content.parts())


def test_spam_is_marked_above_the_mail_and_nothing_else_is_touched() -> None:
    assert marks(SPAM, VIRUS) == (
        b"X-Spam-Flag: YES\r\n"
        b"X-Spam-Score: 17.5\r\n"
        b"X-Spam-Status: Yes, score=17.5 required=6.0 tests=GTUBE\r\n"
        b"X-Virus-Status: Infected (Win.Test.EICAR_HDB-1)\r\n"
        b"Subject: Soup\r\n\r\nIs there any?\r\n"
    )


def test_ham_is_marked_too() -> None:
    assert marks(HAM, CLEAN).startswith(
        b"X-Spam-Score: 1.2\r\nX-Spam-Status: No, score=1.2 required=6.0 tests=A, B\r\n"
        b"X-Virus-Status: Clean\r\nSubject"
    )


def test_each_spam_scanner_has_its_line_and_the_highest_score_counts() -> None:
    other = Report("spamassassin", "clean", 2.0, 5.0)
    left = marks(SPAM, other)
    assert left.count(b"X-Spam-Status: ") == 2
    assert left.index(b"Yes, score=17.5") < left.index(b"No, score=2.0 required=5.0 tests=none")
    assert b"X-Spam-Score: 17.5" in left


@pytest.mark.parametrize("report", [CLEAN, HAM, AWAY, LARGE])
def test_a_strangers_marks_are_taken_out_whatever_is_found(report: Report) -> None:
    forged = (
        b"X-Spam-Flag: NO\r\nX-SPAM-Status: No, score=-100\r\n required=5\r\nX-Virus-Status: Clean, honestly\r\n"
        b"X-Virus-Scanned: by nobody\r\nX-Spam-Level: *\r\nX-Spam-Score: -100\r\n"
    )
    left = marks(report, content=forged + b"Subject: Soup\r\n\r\n")
    for lie in (b"honestly", b"-100", b"nobody", b"Level", b"X-Spam-Flag"):
        assert lie not in left
    assert left.endswith(b"Subject: Soup\r\n\r\n")


@pytest.mark.parametrize("report", [AWAY, LARGE])
def test_a_scanner_that_did_not_scan_leaves_no_mark(report: Report) -> None:
    assert marks(report).startswith(b"Subject")


def test_names_of_rules_and_viruses_cannot_make_another_field() -> None:
    evil = "A\r\nX-Evil: 1"
    left = marks(Report("rspamd", "spam", 9.0, 6.0, (evil,)), Report("clamav", "virus", virus=evil * 100))
    assert b"\r\nX-Evil" not in left
    assert len(left) < 500


def test_a_thousand_rules_are_not_shown() -> None:
    many = tuple(f"RULE_{number}" for number in range(1000))
    left = marks(Report("rspamd", "spam", 9.0, 6.0, many))
    assert left.count(b"RULE_") == SYMBOLS_SHOWN
    assert max(map(len, left.split(b"\r\n"))) <= 78


def test_without_marks_the_mail_leaves_as_it_came() -> None:
    of = mail()
    assert outcome(saying(SPAM), of=of, marks=False) == "handled"
    assert not of.edits.changed


# -- through the engine ----------------------------------------------------------------------------------------


async def test_the_engine_hands_the_log_to_the_scanners_and_takes_their_verdict() -> None:
    @scanned(saying(VIRUS))
    def handler(mail: Mail) -> Accept:
        return Accept()

    rig = Rig((on(".+", handler),), clock=SystemClock())
    reply = await rig.settle(mail_for_engine())
    assert str(reply) == "250 2.7.0 Ok: quarantined"
    assert [told["grade"] for told in rig.log.named("scanned")] == ["virus"]


async def test_mail_that_cannot_be_scanned_stays_with_postfix() -> None:
    @scanned(saying(AWAY))
    async def handler(mail: Mail) -> Accept:
        return Accept()

    rig = Rig((on(".+", handler),), clock=SystemClock())
    reply = await rig.settle(mail_for_engine())
    assert isinstance(UNCHECKED, Defer)
    assert reply.code == 451
    assert rig.is_clean
