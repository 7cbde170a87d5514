"""The lists, as their members see them. `world` and `correspondent` are fixtures that lamsonproxy ships."""

from app.handlers import lists
from app.model import BOUNCES_LIMIT, members

COOKS = "cooks@lists.example.org"
LEAVE = "cooks-leave@lists.example.org"

BOUNCE = """\
From: MAILER-DAEMON@mx.example.com
To: cooks-bounces@lists.example.org
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your mail.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; alice@example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user
--b--
"""


def join(somebody, to=COOKS):
    asked = somebody.says("Let me in", to=to).hears("-confirm-")
    somebody.says("Yes", to=asked.sender).hears("welcome")
    return somebody


def bounce(world):
    world.send("", "cooks-bounces@lists.example.org", raw=BOUNCE.encode())


def test_a_newcomer_confirms_and_then_posts(world):
    alice = world.correspondent("alice@example.com")
    asked = alice.says("Let me in", to="cooks@lists.example.org").hears("cooks-confirm-")
    alice.says("Yes", to=asked.sender).hears("welcome")
    alice.says("Soup?", to="cooks@lists.example.org").hears("Soup")


def test_a_post_reaches_every_member_and_bounces_go_to_the_list(world):
    alice, bob = join(world.correspondent("alice@example.com")), join(world.correspondent("bob@example.com"))
    soup = alice.says("Soup?", to=COOKS) and bob.hears("Soup")
    assert soup.sender == "alice@example.com"
    assert soup.envelope_sender == "cooks-bounces@lists.example.org"


def test_a_welcome_can_be_read_as_text_and_as_html(world):
    alice = join(world.correspondent("alice@example.com"))
    (_, welcome) = alice.letters
    assert LEAVE in welcome.text and f"mailto:{LEAVE}" in welcome.html
    assert [part.content_type for part in welcome.message.inline_images] == ["image/png"]


def test_who_writes_before_confirming_is_asked_again(world):
    alice = world.correspondent("alice@example.com")
    first = alice.says("Let me in", to=COOKS).hears("confirm")
    second = alice.says("Hello?", to=COOKS).hears("confirm")
    alice.says("Yes", to=first.sender).is_refused("not the code")
    alice.says("Yes", to=second.sender).hears("welcome")


def test_a_wrong_code_is_refused_and_moves_nothing(world):
    alice = world.correspondent("alice@example.com")
    alice.says("Let me in", to=COOKS).hears("confirm")
    alice.says("Yes", to=f"cooks-confirm-{'0' * 32}@lists.example.org").is_refused("5.7.1").hears_nothing()
    assert world.state("alice@example.com", lists, key="cooks") == "CONFIRMING"


def test_nobody_joins_with_the_code_of_somebody_else(world):
    mallory = world.correspondent("mallory@example.com")
    asked = world.correspondent("alice@example.com").says("Let me in", to=COOKS).hears("confirm")
    mallory.says("Let me in", to=COOKS).hears("confirm")
    mallory.says("Yes", to=asked.sender).is_refused()


def test_a_question_is_open_for_a_week(world):
    alice = world.correspondent("alice@example.com")
    asked = alice.says("Let me in", to=COOKS).hears("confirm")
    world.later(days=8)
    alice.says("Yes", to=asked.sender).is_refused()


def test_each_list_is_a_conversation_of_its_own(world):
    alice = join(world.correspondent("alice@example.com"))
    alice.says("Let me in", to="bakers@lists.example.org").hears("bakers-confirm-")
    assert world.state("alice@example.com", lists, key="cooks") == "POSTING"
    assert world.state("alice@example.com", lists, key="bakers") == "CONFIRMING"


def test_who_leaves_is_asked_whether_it_was_he(world):
    alice, bob = join(world.correspondent("alice@example.com")), join(world.correspondent("bob@example.com"))
    asked = alice.says("Let me out", to=LEAVE).hears("leave")
    alice.says("Yes", to=asked.sender).hears("You have left")
    bob.says("Soup?", to=COOKS)
    alice.hears_nothing()
    alice.says("Let me in again", to=COOKS).hears("cooks-confirm-")


def test_a_holiday_notice_is_not_answered(world):
    alice = world.correspondent("alice@example.com")
    alice.says("I am away", to=COOKS, headers={"Auto-Submitted": "auto-replied"}).hears_nothing()


def test_an_address_that_bounces_too_often_is_taken_off_the_list(world):
    join(world.correspondent("alice@example.com"))
    for _ in range(BOUNCES_LIMIT - 1):
        bounce(world)
    with world.db() as db:
        assert members.of(db, "cooks") == ["alice@example.com"]
    bounce(world)
    with world.db() as db:
        assert members.of(db, "cooks") == []


def test_an_address_that_nobody_routes_does_not_exist(world):
    world.correspondent("alice@example.com").says("Hello", to="no.list@lists.example.org").is_refused("5.1.1")
