"""examples/lists behind a real Postfix: people join, confirm, post and leave, at both doors and on two databases.

At the lmtp door transport_maps hands over the domain and nothing else. At the filter door everything comes by, but a
bounce that Postfix writes itself passes no content_filter, so that transport_maps hands over the domain there too.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration import arrival, ledger
from integration.children import poll
from integration.conftest import Rig
from integration.fragments import Options, Ports
from integration.postfix import PrivatePostfix
from integration.service import REPOSITORY, Service
from integration.swaks import Correspondent, author
from tests.postgres import PASSWORD, Cluster

LIMIT_S = 120
DOMAIN = "lists.example.org"
COOKS, LEAVE, BOUNCES = f"cooks@{DOMAIN}", f"cooks-leave@{DOMAIN}", f"cooks-bounces@{DOMAIN}"
BOUNCES_LIMIT = 3
"""Of examples/lists/app/model.py."""
DOORS = {
    "lmtp": f'domains = ["{DOMAIN}"]\nunmatched = "reject"\n',
    "filter": f'domains = ["{DOMAIN}"]\n',
}
ODD = (
    b"From: Alice <alice@example.com>\r\nTo: cooks@lists.example.org\r\nSubject: =?utf-8?q?S=C3=BCpp?=\r\n chen\r\n"
    b"X-Odd:\t two  blanks \r\n\r\n.\r\n..dots\r\n\xe4\xff raw\r\n" + b"x" * 3000 + b"\r\n \r\n"
)

Introduce = Callable[[str], Correspondent]


@pytest.fixture(scope="module", params=["lmtp", "filter"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def options(kind: str, ports: Ports) -> Options:
    if kind == "lmtp":
        return Options(lmtp=True, domains=(DOMAIN,))
    return Options(settings=f"transport_maps = inline:{{ {{ {DOMAIN} = scan:[127.0.0.1]:{ports.door} }} }}")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield "sqlite:///var/lamson.db"
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database() as made:
        yield made


@pytest.fixture(scope="module")
def service(
    ports: Ports, kind: str, url: str, postfix: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("lists")
    shutil.copytree(REPOSITORY / "examples/lists/app", folder / "app")
    with Service(
        folder,
        door=ports.door,
        reentry=ports.reentry,
        app="app.main:app",
        kind=kind,
        above=f'database = "{url}"\nhostname = "{DOMAIN}"\n',
        about_door=DOORS[kind],
        more=ledger.PACE,
    ) as service:
        yield service


@pytest.fixture
def introduce(rig: Rig, swaks: Path) -> Introduce:
    """Somebody whom the lists have never seen, with this word in the address."""
    # The module's database remembers those of the tests before.
    seen = len(rig.postfix.log())
    return lambda word: Correspondent(swaks, f"{word}{seen}@example.com", rig.postfix.ports.front, rig.sink)


def join(somebody: Correspondent, to: str = COOKS) -> Correspondent:
    somebody.says("Let me in", to)
    somebody.says("Yes", author(somebody.hears("-confirm-")))
    somebody.hears("welcome")
    return somebody


def test_people_join_confirm_post_and_leave(rig: Rig, introduce: Introduce) -> None:
    alice, bob = introduce("alice"), join(introduce("bob"))
    alice.says("Let me in", COOKS)
    asked = alice.hears("join cooks")
    assert re.fullmatch(r"cooks-confirm-[0-9a-f]{32}@lists\.example\.org", author(asked))
    assert arrival.sender(asked) == ""
    alice.says("Yes", author(asked))
    alice.hears("welcome to cooks")
    alice.says("Soup?", COOKS)
    heard = alice.hears("Soup?"), bob.hears("Soup?")
    assert {arrival.sender(mail) for mail in heard} == {BOUNCES}
    alice.says("Let me out", LEAVE)
    alice.says("Yes", author(alice.hears("leave cooks")))
    alice.hears("You have left")
    bob.says("Salad?", COOKS)
    bob.hears("Salad?")
    rig.postfix.wait_until_empty()
    assert not alice.unheard() and not bob.unheard()
    leave_for_good(bob)


def test_a_post_arrives_octet_for_octet_below_the_lines_that_were_added(
    rig: Rig, introduce: Introduce
) -> None:
    alice = join(introduce("alice"))
    alice.sends(ODD, COOKS)
    post = alice.hears("X-Odd")
    below_reentry = arrival.below_trace(post.content, 1)
    mark = f"Delivered-To: mailing list {COOKS}\r\n".encode()
    assert below_reentry.startswith(mark)
    assert arrival.below_trace(below_reentry.removeprefix(mark), 1) == ODD
    leave_for_good(alice)


def test_a_wrong_code_comes_back_to_its_sender_and_moves_nothing(rig: Rig, introduce: Introduce) -> None:
    alice = introduce("alice")
    alice.says("Let me in", COOKS)
    asked = alice.hears("-confirm-")
    alice.says("Yes", f"cooks-confirm-{'0' * 32}@{DOMAIN}")
    alice.hears("That is not the code we sent you")
    alice.says("Yes", author(asked))
    alice.hears("welcome")
    leave_for_good(alice)


def test_who_bounces_too_often_is_a_member_no_more(rig: Rig, introduce: Introduce) -> None:
    alice, gone = join(introduce("alice")), join(introduce("gone"))
    # The same Postfix serves every database.
    before = len(taken_bounces(rig))
    refusal = f"RCPT TO:<{gone.address}".upper().encode()
    rig.sink.answers[refusal] = "550 5.1.1 No such user"
    for number in range(1, BOUNCES_LIMIT + 1):
        alice.says(f"Soup {number}?", COOKS)
        alice.hears(f"Soup {number}?")
        wait_for_bounces(rig, gone, before, number)
    del rig.sink.answers[refusal]
    alice.says("Where is he?", COOKS)
    alice.hears("Where is he?")
    rig.postfix.wait_until_empty()
    assert not gone.unheard()
    leave_for_good(alice)


@pytest.mark.fault("C6")
def test_machines_null_senders_and_holiday_notices_hear_nothing(rig: Rig, introduce: Introduce) -> None:
    withheld = rig.service.metric("lamson_replies_withheld_total")
    away = introduce("away")
    for headers in (
        "Auto-Submitted: auto-replied\r\n",
        "Precedence: bulk\r\n",
        "List-Id: <others.example.net>\r\n",
        "X-Auto-Response-Suppress: All\r\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
    ):
        away.says("I am away", COOKS, headers=headers)
    away.says("I am away", COOKS, envelope_sender="")
    away.says("I am away", COOKS, envelope_sender="MAILER-DAEMON@example.com")
    away.says("I am away", COOKS, envelope_sender="others-bounces@example.net")
    away.says("I am the list", COOKS, envelope_sender=COOKS)
    rig.postfix.wait_until_empty()
    alice = join(introduce("alice"))
    rig.postfix.wait_until_empty()
    assert rig.service.metric("lamson_replies_withheld_total") - withheld == 9
    assert all(set(arrival.recipients(mail)) == {alice.address} for mail in rig.sink.mails)
    assert json.loads(rig.service.command("outbox", "list", "--json")) == []
    leave_for_good(alice)


@pytest.mark.fault("A5")
def test_the_password_of_the_database_is_in_no_log_and_no_mail(rig: Rig, introduce: Introduce) -> None:
    leave_for_good(join(introduce("alice")))
    assert PASSWORD not in "\n".join([*rig.service.log(), *rig.postfix.log()])
    assert not any(PASSWORD.encode() in mail.content for mail in rig.sink.mails)


def leave_for_good(somebody: Correspondent) -> None:
    """Leave, so that the next test finds an empty list."""
    somebody.says("Let me out", LEAVE)
    somebody.says("Yes", author(somebody.hears("leave cooks")))
    somebody.hears("You have left")


def taken_bounces(rig: Rig) -> list[dict[str, str]]:
    """The bounces that the list has taken."""
    return [each for each in rig.postfix.deliveries() if each["to"] == BOUNCES and each["status"] == "sent"]


def wait_for_bounces(rig: Rig, of: Correspondent, before: int, number: int) -> None:
    """Wait until this member's mail has bounced so often, and the list has taken each bounce."""
    bounced = re.compile(rf"to=<{re.escape(of.address)}>.* status=bounced")

    def is_so() -> bool:
        has_bounced = sum(map(bool, map(bounced.search, rig.postfix.log())))
        return len(taken_bounces(rig)) - before == number == has_bounced

    poll(f"bounce {number} is taken", is_so, LIMIT_S)
