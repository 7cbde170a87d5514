"""What handlers want so far, as a value."""

from datetime import UTC, datetime

from lamsonproxy.app.machines import Machines
from lamsonproxy.engine.wanted import Wanted
from lamsonproxy.mail.conversation import START, ConversationKey, Move, Outgoing, Standing
from lamsonproxy.mail.reply import Reply
from tests.relay_rig import envelope

ALICE = ConversationKey("app.lists", "cooks", "alice@example.org")
LOCKED = Wanted({ALICE: Standing()})
OK = Reply(250, "2.0.0", "Ok")


def mail(kind: str) -> Outgoing:
    return Outgoing(envelope(), b"x\r\n", "reply" if kind == "automatic" else "send_on")


def test_who_moves_twice_has_two_steps_and_stands_at_the_second() -> None:
    wanted = LOCKED.move(ALICE, "A", "r1").move(ALICE, "B", "r2")
    assert wanted.moves == (Move(ALICE, START, "A", "r1"), Move(ALICE, "A", "B", "r2"))
    assert wanted.standing(ALICE).state == "B"
    assert not LOCKED.is_anything, "the older value is as it was"


def test_who_stays_where_he_is_makes_no_step() -> None:
    assert LOCKED.move(ALICE, START, "r") == LOCKED


def test_a_confirmation_outlives_a_step() -> None:
    wanted = LOCKED.confirm(ALICE).move(ALICE, "A", "r")
    assert wanted.standing(ALICE) == Standing("A", is_confirmed=True)


def test_beyond_the_limit_only_automatic_mail_is_left_out_the_last_first() -> None:
    first, second, list_mail = mail("automatic"), mail("automatic"), mail("list")
    wanted = LOCKED.send(first).send(list_mail).send(second)
    assert wanted.within(1).outgoing == (first, list_mail)
    assert wanted.within(-1).outgoing == (list_mail,)
    assert wanted.within(2) == wanted


def test_a_conversation_that_ran_and_stays_is_in_the_work_without_a_step() -> None:
    wanted = LOCKED.touch(ALICE, envelope().recipients[0].address, {})
    work = wanted.work({"k": OK}, Machines(), datetime(2026, 1, 1, tzinfo=UTC))
    assert (work.ran, work.moves, work.settled) == ((ALICE,), (), {"k": OK})
