"""Bounces that go to functions of their own, and all other mail that does not."""

import inspect
from pathlib import Path

import pytest

from lamsonproxy import App, AppError, bounce_to
from lamsonproxy.app.lint import lint
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import marks_of
from tests.engine_rig import CONTENT
from tests.engine_rig import mail as transaction_of
from tests.unit.app.conftest import Write

BOUNCES = Path(__file__).parents[2] / "corpus" / "bounces"
HANDS = """
    def SOFT(mail):
        return START

    def HARD(mail):
        return START

    @route("(list_name)-bounces@(host)", list_name="[a-z]+", host="lists.example.org")
    @bounce_to(soft=SOFT, hard=HARD)
    def START(mail, list_name, host):
        return POSTING

    @route_like(START)
    def POSTING(mail, list_name, host): ...
"""


def report(status: str, action: str = "failed", kind: str = "delivery-status") -> bytes:
    """A bounce, as Postfix writes it."""
    return (
        (
            "From: MAILER-DAEMON@mx.example.net\nTo: cooks-bounces@lists.example.org\nSubject: Undelivered\n"
            f"MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary=b\n\n"
            "--b\nContent-Type: text/plain\n\nThis is the mail system at host mx.example.net.\n\n"
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
            f"Final-Recipient: rfc822; alice@example.net\nAction: {action}\nStatus: {status}\n"
            f"Diagnostic-Code: smtp; {status[0]}50 {status} no such user\n\n--b--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def mail_of(content: bytes) -> Mail:
    transaction = transaction_of("cooks-bounces@lists.example.org", content=content)
    return Mail(transaction, transaction.envelope.recipients[0], deadline=0.0)


def soft(mail: Mail) -> str:
    return "soft"


def hard(mail: Mail) -> str:
    return "hard"


@bounce_to(soft=soft, hard=hard)
def heard_by(mail: Mail, list_name: str) -> str:
    return f"handler {list_name}"


@pytest.mark.parametrize(
    ("content", "by"),
    [
        (report("5.1.1"), "hard"),
        (report("4.2.2"), "soft"),
        (report("5.2.2", action="delayed"), "soft"),
        (report("2.0.0", action="delivered"), "handler cooks"),
        (CONTENT, "handler cooks"),
    ],
    ids=["no such user", "mailbox full", "still trying", "delivered", "a person"],
)
def test_each_mail_goes_to_the_function_that_is_for_it(content: bytes, by: str) -> None:
    assert heard_by(mail_of(content), list_name="cooks") == by


async def test_async_functions_are_awaited() -> None:
    async def asoft(mail: Mail) -> str:
        return "soft"

    async def ahard(mail: Mail) -> str:
        assert mail.bounce is not None
        return mail.bounce.recipients[0].address

    @bounce_to(soft=asoft, hard=ahard)
    async def handler(mail: Mail) -> str:
        return "handler"

    assert inspect.iscoroutinefunction(handler)
    assert await handler(mail_of(report("5.1.1"))) == "alice@example.net"
    assert await handler(mail_of(CONTENT)) == "handler"


def test_it_stays_the_same_state_function_to_the_app(write: Write) -> None:
    write("hands", HANDS)
    routes = App("hands").load()
    assert [(route.machine, route.state) for route in routes] == [("hands", "START"), ("hands", "POSTING")]
    assert [finding.text for finding in lint(routes)] == []


def test_the_marks_may_stand_above_it_and_below_it(write: Write) -> None:
    write(
        "hands",
        HANDS.replace(
            "@bounce_to(soft=SOFT, hard=HARD)\n", "@bounce_to(soft=SOFT, hard=HARD)\n    @leads_to('START')\n"
        ),
    )
    (route, _) = App("hands").load()
    assert marks_of(route.handler).leads_to == ("START",)  # type: ignore[arg-type]  # a function


def test_what_it_cannot_work_with_is_told_at_once() -> None:
    async def awaited(mail: Mail) -> None: ...

    with pytest.raises(AppError, match="all `def`, or all `async def`"):
        bounce_to(soft=soft, hard=awaited)(heard_by)
    with pytest.raises(AppError, match="takes as hard a function, not a value of type str"):
        bounce_to(soft=soft, hard="HARD")(heard_by)  # type: ignore[arg-type]


def test_a_bounce_is_known_by_the_message_too() -> None:
    assert mail_of(report("5.1.1")).message.is_bounce
    assert mail_of(report("4.2.2", action="delayed")).message.is_bounce
    assert not mail_of(report("2.0.0", action="delivered")).message.is_bounce
    assert not mail_of(CONTENT).message.is_bounce
