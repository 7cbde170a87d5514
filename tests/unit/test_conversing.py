"""The engine with conversations: the walk, the transaction, the settled answer, timers, poison.

Each test has a real database: SQLite in a folder of its own.
"""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, create_engine, func, select, text

from lamsonproxy.app.machines import After, Machine, Machines, State
from lamsonproxy.app.routing import Route, Routes
from lamsonproxy.engine import DoorPolicy
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.conversation import ERROR, START, ConversationKey
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Quarantine, Reject
from lamsonproxy.state import tables
from lamsonproxy.state.database import Database
from lamsonproxy.state.engines import DatabaseSettings
from lamsonproxy.state.sql import SqlConversations
from lamsonproxy.state.timers import SqlTimers
from tests.door_rig import until
from tests.doubles import FakeClock
from tests.downstream import FakeCourier
from tests.engine_rig import BARE, Rig, answering, mail, on, state
from tests.kept import MemoryQuarantine

TAKEN = "250 2.0.0 Ok"
ALICE = "alice@example.org"
IDENT = {"xforward": "IDENT=4aBcD1"}


class World:
    """An engine on a database, and what stands in it."""

    def __init__(self, path: Path, *routes: Route, clock: FakeClock | None = None, **more: Any) -> None:
        self.url = f"sqlite:///{path}"
        self.clock = clock or FakeClock()
        self.database = Database(DatabaseSettings(self.url, lock_wait_s=2))
        self.sync: Engine = create_engine(self.url)
        tables.metadata.create_all(self.sync)
        with self.sync.begin() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS note (word TEXT)"))
        conversations = SqlConversations(self.database, self.clock)
        self.rig = Rig(routes, conversations=conversations, clock=self.clock, **more)
        self.timers = SqlTimers(self.database)

    async def settle(self, transaction: Transaction, policy: DoorPolicy = BARE) -> str:
        return str(await self.rig.settle(transaction, policy))

    async def settle_each(self, transaction: Transaction, policy: DoorPolicy = BARE) -> list[str]:
        return [str(reply) for reply in await self.rig.settle_each(transaction, policy)]

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        with self.sync.connect() as connection:
            yield connection

    def count(self, table: Table) -> int:
        with self.looking() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    @property
    def notes(self) -> list[str]:
        with self.looking() as connection:
            return list(connection.execute(text("SELECT word FROM note ORDER BY rowid")).scalars())

    @property
    def steps(self) -> list[str]:
        """The history, as `OLD>NEW`."""
        with self.looking() as connection:
            rows = connection.execute(select(tables.transition).order_by(tables.transition.c.id)).all()
        return [f"{row.old}>{row.new}" for row in rows]

    def state(self, machine: str = "tests", key: str = "", correspondent: str = ALICE) -> str:
        with self.looking() as connection:
            wanted = ConversationKey(machine, key, correspondent).id
            found = select(tables.conversation.c.state).where(tables.conversation.c.id == wanted)
            return connection.execute(found).scalar_one_or_none() or START

    async def close(self) -> None:
        await self.database.close()
        self.sync.dispose()


Build = Callable[..., World]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Build]:
    made: list[World] = []

    def build(*routes: Route, **more: Any) -> World:
        made.append(World(tmp_path / "lamson.db", *routes, **more))
        return made[-1]

    yield build
    for one in made:
        await one.close()


def note(word: str) -> Callable[[Any], None]:
    def write(mail: Any) -> None:
        mail.db.execute(text("INSERT INTO note VALUES (:word)"), {"word": word})

    return write


# What functions of a machine are called is their state; `tests.engine_rig.state` gives each its name.
def joining(mail: Any) -> Any:
    note("joined")(mail)
    return posting


def posting(mail: Any) -> Any:
    note("posted")(mail)


LIST = (state("list@.+", joining, "joining"), state("list@.+", posting, "posting"))
START_LIST = (state("list@.+", joining), state("list@.+", posting, "posting"))


_mails = itertools.count()


def to(*recipients: str, **words: str) -> Transaction:
    """A mail like no other; with a queue id, the same each time."""
    content = b"Subject: soup\r\n\r\n" + (b"" if "xforward" in words else b"%d\r\n" % next(_mails))
    return mail(*(f"{recipient}@x.org" for recipient in recipients), content=content, **words)


async def test_a_mail_moves_its_conversation_and_the_handlers_rows_go_with_it(world: Build) -> None:
    w = world(*START_LIST)
    assert await w.settle(to("list")) == TAKEN
    assert (w.state(), w.steps, w.notes) == ("posting", ["START>posting"], ["joined"])
    assert not w.rig.delivered
    moved = w.rig.log.named("moved")
    assert [event["move"].new for event in moved] == ["posting"]


async def test_the_next_mail_meets_the_next_state_and_none_stays(world: Build) -> None:
    w = world(*START_LIST)
    await w.settle(to("list"))
    assert await w.settle(to("list", sender=ALICE.upper())) == TAKEN
    assert (w.state(), w.steps, w.notes) == ("posting", ["START>posting"], ["joined", "posted"])


async def test_each_correspondent_has_a_conversation_of_its_own(world: Build) -> None:
    w = world(*START_LIST)
    await w.settle(to("list"))
    await w.settle(to("list", sender="bob@example.org"))
    assert w.notes == ["joined", "joined"] and w.state(correspondent="bob@example.org") == "posting"


async def test_who_goes_back_to_start_is_forgotten(world: Build) -> None:
    def leaving(mail: Any) -> Any:
        return joining

    w = world(state("list@.+", joining), state("list@.+", leaving, "posting"))
    machine = Machine("tests", {START: State(START, joining), "posting": State("posting", posting)})
    w.rig.engine._routes = Routes(w.rig.routes, Machines([machine]))
    await w.settle(to("list"))
    await w.settle(to("list"))
    assert w.steps == ["START>posting", "posting>START"]
    assert w.count(tables.conversation) == 0


async def test_a_mail_in_the_wrong_state_is_refused(world: Build) -> None:
    w = world(state("list@.+", posting, "posting"))
    assert (await w.settle(to("list"))).startswith("550 5.7.1 ")
    assert w.notes == [] and not w.rig.log.named("handler_ran")


@pytest.mark.parametrize("out_of_state", ["consume", "quarantine"])
async def test_or_taken_or_kept_where_the_door_says_so(world: Build, out_of_state: Any) -> None:
    w = world(state("list@.+", posting, "posting"))
    assert (await w.settle(to("list"), replace(BARE, out_of_state=out_of_state))).startswith("250 2.")
    assert bool(w.rig.kept.letters) == (out_of_state == "quarantine")


async def test_2_1_6_every_stateless_handler_and_the_first_in_its_state_run_in_the_order_of_the_routes(
    world: Build,
) -> None:
    ran: list[str] = []

    def noting(word: str, returned: Any = None) -> Callable[[Any], Any]:
        def handler(mail: Any) -> Any:
            ran.append(word)
            return returned

        return handler

    second = noting("second")
    w = world(
        on("list@.+", noting("first")),
        state("list@.+", noting("not in its state"), "elsewhere"),
        state("list@.+", second),
        state("li.+", noting("another machine"), machine="other"),
        on(".+", noting("last")),
    )
    assert await w.settle(to("list")) == TAKEN
    assert ran == ["first", "second", "last"]


async def test_2_1_6_a_handler_that_ran_earlier_changes_what_later_candidates_see(world: Build) -> None:
    def first(mail: Any) -> Any:
        return posting

    w = world(
        state("a@.+", first),
        state("a@.+", posting, "posting"),
        state("b@.+", posting, "posting"),
    )
    # Two recipients of one mail are one unit of work here: the second meets the state that the first has made.
    assert await w.settle(to("a", "b")) == TAKEN
    assert w.notes == ["posted"]


async def test_a_verdict_of_a_stateless_handler_ends_the_walk(world: Build) -> None:
    w = world(on(".+", answering(Quarantine("virus"))), *START_LIST)
    assert (await w.settle(to("list"))).startswith("250 2.7.0 ")
    assert w.state() == START and w.notes == [] and w.rig.kept.letters


async def test_a_state_functions_verdict_stands_whatever_comes_behind_it(world: Build) -> None:
    w = world(state("list@.+", lambda mail: Accept()), on(".+", answering(Quarantine("late"))))
    assert (await w.settle(to("list"))).startswith("250 ")
    assert w.rig.delivered and not w.rig.kept.letters


@pytest.mark.fault("B6")
async def test_a_state_that_is_gone_from_the_code_keeps_its_mail_waiting_and_names_the_remedy(
    world: Build,
) -> None:
    w = world(*START_LIST)
    await w.settle(to("list"))
    w.rig.engine._routes = Routes(
        START_LIST[:1], Machines([Machine("tests", {START: State(START, joining)})])
    )
    assert (await w.settle(to("list"))).startswith("451 ")
    (told,) = w.rig.log.named("store_failed")
    assert "lamson states rename tests.posting tests.NEW" in str(told["error"])


# -- one transaction ---------------------------------------------------------------------------------------


@pytest.mark.fault("H5")
async def test_a_handler_that_raises_has_moved_nothing_and_written_nothing(world: Build) -> None:
    def failing(mail: Any) -> Any:
        note("never")(mail)
        raise ValueError("no")

    w = world(state("list@.+", failing))
    assert (await w.settle(to("list"))).startswith("451 ")
    assert (w.notes, w.steps, w.count(tables.settled), w.count(tables.conversation)) == ([], [], 0, 0)


@pytest.mark.fault("H5")
async def test_of_several_recipients_one_that_fails_undoes_all(world: Build) -> None:
    def failing(mail: Any) -> Any:
        raise ValueError("no")

    w = world(*START_LIST, state("bad@.+", failing, machine="other"))
    assert (await w.settle(to("list", "bad"))).startswith("451 ")
    assert w.notes == [] and w.state() == START


async def test_with_on_error_the_others_rows_stay(world: Build) -> None:
    def failing(mail: Any) -> Any:
        note("never")(mail)
        raise ValueError("no")

    w = world(*START_LIST, on("bad@.+", failing, "accept"))
    assert (await w.settle(to("list", "bad"))).startswith("250 ")
    assert w.notes == ["joined"] and w.state() == "posting"
    assert [recipients for recipients, _ in w.rig.delivered] == [["bad@x.org"]]


async def test_what_downstream_refuses_has_not_happened(world: Build) -> None:
    def handing_on(mail: Any) -> Any:
        note("never")(mail)
        return Accept()

    w = world(state("list@.+", handing_on))
    w.rig.downstream.final = Reply(550, "5.1.1", "No such user")
    assert (await w.settle(to("list"))).startswith("550 ")
    assert w.notes == [] and w.count(tables.settled) == 0


async def test_a_refusal_of_the_handlers_own_is_a_step_and_final(world: Build) -> None:
    def refusing(mail: Any) -> Any:
        note("refused")(mail)
        return Reject("5.7.1", "Not you")

    w = world(state("list@.+", refusing))
    assert await w.settle(to("list", **IDENT)) == "550 5.7.1 Not you"
    assert await w.settle(to("list", **IDENT)) == "550 5.7.1 Not you"
    assert w.notes == ["refused"]


async def test_a_mail_that_only_passes_asks_the_database_nothing(world: Build) -> None:
    w = world(*START_LIST, on("other@.+", lambda mail: None))
    w.database.turns = None  # type: ignore[assignment]  # whoever began a unit would fail
    assert (await w.settle(to("other"))).startswith("250 ")
    assert (await w.settle(to("nobody"))).startswith("250 ")


async def test_a_stateless_handler_that_writes_is_a_transaction_too(world: Build) -> None:
    w = world(on("note@.+", note("written")))
    assert (await w.settle(to("note", **IDENT))).startswith("250 ")
    assert w.notes == ["written"] and w.count(tables.settled) == 1


# -- settled -----------------------------------------------------------------------------------------------


async def test_a_mail_that_comes_again_is_answered_again_and_no_handler_runs(world: Build) -> None:
    w = world(*START_LIST)
    first = await w.settle(to("list", **IDENT))
    assert await w.settle(to("list", **IDENT)) == first
    assert w.notes == ["joined"] and w.state() == "posting"
    assert len(w.rig.log.named("settled_again")) == 1


async def test_a_mail_that_went_on_is_answered_with_downstreams_words_and_not_relayed_again(
    world: Build,
) -> None:
    w = world(state("list@.+", lambda mail: Accept()))
    first = await w.settle(to("list", **IDENT))
    assert "queued as" in first
    assert await w.settle(to("list", **IDENT)) == first
    assert len(w.rig.delivered) == 1


async def test_a_reused_queue_id_is_another_mail(world: Build) -> None:
    w = world(*START_LIST)
    await w.settle(to("list", **IDENT))
    await w.settle(mail("list@x.org", content=b"Subject: other\r\n\r\n", **IDENT))
    assert w.notes == ["joined", "posted"]


async def test_a_stateless_writer_that_comes_again_writes_once(world: Build) -> None:
    w = world(on("note@.+", note("written")))
    first = await w.settle(to("note", **IDENT))
    assert await w.settle(to("note", **IDENT)) == first
    assert w.notes == ["written"] and len(w.rig.delivered) == 1


async def test_a_stateless_sender_that_comes_again_sends_once(world: Build) -> None:
    w = world(on("note@.+", lambda mail: mail.send(to="bob@x.org", from_="me@x.org", text="Hello")))
    first = await w.settle(to("note", **IDENT))
    assert await w.settle(to("note", **IDENT)) == first
    assert w.count(tables.outbox) == 1 and len(w.rig.delivered) == 1


async def test_a_recipient_named_twice_is_heard_once(world: Build) -> None:
    w = world(*START_LIST)
    assert await w.settle(to("list", "list")) == TAKEN
    assert w.notes == ["joined"]
    assert await w.settle_each(to("other", "list", "list")) == ["250 2.0.0 Ok: queued as FAKE", TAKEN, TAKEN]
    assert w.notes == ["joined", "posted"]


async def test_without_a_queue_id_a_mail_is_remembered_until_its_answer_was_read(world: Build) -> None:
    w = world(*START_LIST)
    again = mail("list@x.org", content=b"Received: by mx\r\nSubject: soup\r\n\r\n")
    another_trace = replace(
        again, trace="7QF3T0A1B3", message=Message(b"Received: by mx, later\r\nSubject: soup\r\n\r\n")
    )
    assert await w.settle(again) == await w.settle(another_trace) == TAKEN
    assert w.notes == ["joined"]
    w.rig.engine.heard(again)
    await until(lambda: w.count(tables.settled) == 0)
    assert await w.settle(again) == TAKEN
    assert w.notes == ["joined", "posted"]


async def test_without_a_queue_id_a_mail_whose_first_answer_was_lost_is_forgotten_when_the_second_was_read(
    world: Build,
) -> None:
    w = world(*START_LIST)
    lost = mail("list@x.org", content=b"Received: by mx\r\nSubject: soup\r\n\r\n")
    retry = replace(lost, trace="7QF3T0A1B3")
    assert await w.settle(lost) == await w.settle(retry) == TAKEN
    w.rig.engine.heard(retry)
    await until(lambda: w.count(tables.settled) == 0)
    assert await w.settle(replace(lost, trace="7QF3T0A1B4")) == TAKEN
    assert w.notes == ["joined", "posted"]


# -- each recipient for itself -----------------------------------------------------------------------------


async def test_at_the_lmtp_door_each_recipient_is_a_transaction_of_its_own(world: Build) -> None:
    def failing(mail: Any) -> Any:
        note("never")(mail)
        raise ValueError("no")

    w = world(*START_LIST, state("bad@.+", failing, machine="other"))
    replies = await w.settle_each(to("list", "bad", "nobody"))
    assert [reply[:3] for reply in replies] == ["250", "451", "250"]
    assert w.notes == ["joined"] and w.state() == "posting"


async def test_whoever_is_settled_stays_so_when_a_later_one_refuses_for_all(world: Build) -> None:
    w = world(*START_LIST, on("bad@.+", answering(Reject("5.7.1", "All of it", whole=True))))
    replies = await w.settle_each(to("list", "nobody", "bad"))
    assert replies == [TAKEN, "550 5.7.1 All of it", "550 5.7.1 All of it"]
    assert w.state() == "posting" and not w.rig.delivered


async def test_who_asked_for_it_hears_that_the_application_has_the_mail(world: Build) -> None:
    w = world(*START_LIST)
    assert await w.settle(mail("list@x.org NOTIFY=SUCCESS")) == TAKEN
    with w.looking() as connection:
        row = connection.execute(select(tables.outbox)).one()
        octets = connection.execute(select(tables.content.c.octets)).scalar_one()
    assert row.kind == "notice" and ALICE in row.envelope
    assert b"Action: delivered\r\nStatus: 2.0.0\r\n" in octets
    assert await w.settle(mail("list@x.org NOTIFY=FAILURE,DELAY", content=b"\r\nanother")) == TAKEN
    assert await w.settle(mail("list@x.org NOTIFY=SUCCESS", content=b"\r\n3", sender="")) == TAKEN
    assert w.count(tables.outbox) == 1


# -- several copies ----------------------------------------------------------------------------------------


def tagged(word: str) -> Callable[[Any], None]:
    return lambda mail: mail.headers.add("X-Tag", word)


COPIES = (on("a@.+", tagged("a")), on("b@.+", tagged("b")))


async def test_copies_that_differ_have_a_relay_transaction_each(world: Build) -> None:
    w = world(*COPIES)
    assert (await w.settle(to("a", "b", "c"))).startswith("250 ")
    assert sorted(recipients for recipients, _ in w.rig.delivered) == [["a@x.org"], ["b@x.org"], ["c@x.org"]]


class SecondFails(FakeCourier):
    """Answers so to the second mail that is delivered."""

    def __init__(self, end: Reply | RemoteError) -> None:
        self._end = end
        self._asked = itertools.count(1)
        super().__init__()

    @property
    def final(self) -> Reply:
        # A delivery asks twice: whether it is positive, and then what it is.
        if next(self._asked) <= 2:
            return Reply(250, "2.0.0", "Ok")
        if isinstance(self._end, RemoteError):
            raise self._end
        return self._end

    @final.setter
    def final(self, reply: Reply) -> None:
        pass


@pytest.mark.parametrize("end", [Reply(451, "4.3.0", "Later"), RemoteError("dot", "timeout", ambiguous=True)])
async def test_what_is_deferred_after_another_copy_was_taken_goes_to_the_outbox(
    world: Build, end: Reply | RemoteError
) -> None:
    w = world(*COPIES, courier=SecondFails(end))
    assert (await w.settle(to("a", "b"))).startswith("250 ")
    with w.looking() as connection:
        row = connection.execute(select(tables.outbox)).one()
        octets = connection.execute(select(tables.content.c.octets)).scalar_one()
    assert row.kind == "relay" and "b@x.org" in row.envelope and b"X-Tag: b" in octets


async def test_what_is_refused_after_another_copy_was_taken_is_kept_and_reported(world: Build) -> None:
    w = world(*COPIES, courier=SecondFails(Reply(550, "5.6.0", "Not this")))
    assert (await w.settle(to("a", "b"))).startswith("250 ")
    assert len(w.rig.kept.letters) == 1 and len(w.rig.sent.letters) == 1
    assert w.count(tables.outbox) == 0


async def test_a_first_copy_that_is_not_taken_is_the_answer_and_nothing_has_happened(world: Build) -> None:
    w = world(*COPIES)
    w.rig.downstream.final = Reply(452, "4.3.1", "Full")
    assert (await w.settle(to("a", "b"))).startswith("452 ")
    assert w.rig.is_clean and w.count(tables.settled) == 0


async def test_more_copies_than_connections_wait_for_a_better_postmaster(world: Build) -> None:
    w = world(on(".+", lambda mail: mail.headers.add("X-For", mail.recipient.raw)))
    assert (await w.settle(to(*(f"r{n}" for n in range(11))))).startswith("451 ")
    assert w.rig.log.named("copies_differ") and w.rig.is_clean


# -- other machines ----------------------------------------------------------------------------------------


def elsewhere(mail: Any) -> Any:
    note("elsewhere")(mail)


def moving(mail: Any) -> Any:
    note("moving")(mail)
    return elsewhere


def moving_somewhere(mail: Any) -> Any:
    note("moving")(mail)
    return globals()["elsewhere"]


@pytest.mark.parametrize(("handler", "done_again"), [(moving, 0), (moving_somewhere, 1)])
async def test_a_handler_may_move_a_conversation_of_another_machine(
    world: Build, handler: Callable[[Any], Any], done_again: int
) -> None:
    w = world(state("list@.+", handler), state("other@.+", elsewhere, "there", machine="other"))
    assert await w.settle(to("list")) == TAKEN
    # Once, although it ran twice where its source did not tell that the other machine had to be locked too.
    assert w.notes == ["moving"]
    assert (w.state(), w.state("other")) == (START, "there")
    assert await w.settle(to("list", sender="bob@example.org")) == TAKEN
    assert len(w.rig.log.named("done_again")) == done_again


# -- timers ------------------------------------------------------------------------------------------------


def timed(w: World, after: After, *states: tuple[str, Callable[..., Any]]) -> None:
    """Give the state `posting` a timer, and the machine these functions."""
    functions = {name: State(name, function) for name, function in states}
    functions["posting"] = State("posting", posting, after)
    machines = Machines([Machine("tests", {START: State(START, joining), **functions})])
    w.rig.engine._routes = Routes(tuple(w.rig.routes), machines)


async def due(w: World) -> Any:
    now = w.clock.now()
    return await w.timers.claim(10, now=now, lease_until=now + timedelta(minutes=10))


async def test_a_timer_runs_when_nothing_has_happened_for_so_long(world: Build) -> None:
    def expired(mail: Any) -> Any:
        note(f"expired {mail.sender} {mail.recipient}")(mail)

    w = world(*START_LIST)
    timed(w, After(timedelta(days=3), "expired"), ("expired", expired))
    await w.settle(to("list"))
    assert await due(w) == []
    w.clock.advance(3 * 86400 + 1)
    (timer,) = await due(w)
    await w.rig.engine.fire(timer)
    assert w.state() == "expired" and w.notes == ["joined", f"expired {ALICE} list@x.org"]
    await w.rig.engine.fire(timer)
    assert len(w.notes) == 2
    assert w.count(tables.timer) == 0


async def test_a_mail_winds_the_timer_up_again(world: Build) -> None:
    w = world(*START_LIST)
    timed(w, After(timedelta(days=3), "expired"), ("expired", lambda mail: None))
    await w.settle(to("list"))
    w.clock.advance(2 * 86400)
    await w.settle(to("list"))
    w.clock.advance(2 * 86400)
    assert await due(w) == []


async def test_a_mail_that_comes_while_a_timer_is_claimed_wins(world: Build) -> None:
    w = world(*START_LIST)
    timed(w, After(timedelta(days=3), "expired"), ("expired", note("never")))
    await w.settle(to("list"))
    w.clock.advance(4 * 86400)
    (timer,) = await due(w)
    await w.settle(to("list"))
    await w.rig.engine.fire(timer)
    assert w.state() == "posting" and w.notes == ["joined", "posted"]


async def test_a_timers_function_that_fails_has_done_nothing_and_fires_again(world: Build) -> None:
    def failing(mail: Any) -> Any:
        note("never")(mail)
        raise ValueError("no")

    w = world(*START_LIST)
    timed(w, After(timedelta(days=3), "expired"), ("expired", failing))
    await w.settle(to("list"))
    w.clock.advance(4 * 86400)
    (timer,) = await due(w)
    await w.rig.engine.fire(timer)
    assert w.state() == "posting" and w.notes == ["joined"] and w.rig.log.named("handler_failed")
    w.clock.advance(700)
    assert len(await due(w)) == 1


# -- poison ------------------------------------------------------------------------------------------------


@pytest.mark.fault("H7")
async def test_poisonous_mail_is_kept_where_nobody_tries_again_and_its_conversation_goes_to_error(
    world: Build,
) -> None:
    def failing(mail: Any) -> Any:
        note("never")(mail)
        raise ValueError("no")

    w = world(state("list@.+", failing), state("list@.+", note("error"), ERROR))
    undeliverable = MemoryQuarantine([])
    w.rig.engine._means = replace(w.rig.engine._means, undeliverable=undeliverable)
    policy = replace(BARE, poison_after=2)
    assert (await w.settle(to("list", **IDENT), policy)).startswith("451 ")
    assert (await w.settle(to("list", **IDENT), policy)).startswith("451 ")
    assert (await w.settle(to("list", **IDENT), policy)).startswith("250 ")
    assert len(undeliverable.letters) == 1 and not w.rig.kept.letters
    assert w.state() == ERROR and w.notes == []
    assert await w.settle(mail("list@x.org", content=b"\r\nanother"), policy) == TAKEN
    assert w.notes == ["error"]


# -- time --------------------------------------------------------------------------------------------------


@pytest.mark.fault("H2")
async def test_what_overran_is_rolled_back_when_it_has_come_back(world: Build) -> None:
    gate, begun = threading.Event(), threading.Event()

    def stuck(mail: Any) -> Any:
        note("never")(mail)
        begun.set()
        gate.wait()

    w = world(state("list@.+", stuck), *START_LIST[1:])
    reply = await w.settle(to("list"), replace(BARE, deadline_s=0.3))
    assert reply.startswith("451 ") and begun.is_set()
    gate.set()
    await until(lambda: w.database.stuck == 0)
    assert w.notes == [] and w.count(tables.conversation) == 0


@pytest.mark.fault("H8")
async def test_a_client_that_vanishes_while_a_handler_runs_has_done_nothing(world: Build) -> None:
    gate, begun = threading.Event(), threading.Event()

    def slow(mail: Any) -> Any:
        note("never")(mail)
        begun.set()
        gate.wait()
        return posting

    w = world(state("list@.+", slow), *START_LIST[1:])
    task = asyncio.create_task(w.rig.engine.settle(to("list"), BARE))
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await until(lambda: w.database.stuck == 0)
    assert w.notes == [] and w.state() == START


@pytest.mark.fault("H8")
async def test_a_client_that_vanishes_after_downstreams_250_is_settled(world: Build) -> None:
    w = world(state("list@.+", lambda mail: Accept()))
    release = asyncio.Event()
    unit = w.rig.conversations.unit
    delivered = asyncio.Event()

    def watched(asked: Any) -> Any:
        made = unit(asked)
        commit = made.commit

        async def slowly() -> None:
            delivered.set()
            await release.wait()
            await commit()

        made.commit = slowly  # type: ignore[method-assign]
        return made

    w.rig.conversations.unit = watched  # type: ignore[method-assign]
    task = asyncio.create_task(w.rig.engine.settle(to("list", **IDENT), BARE))
    await delivered.wait()
    task.cancel()
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert w.count(tables.settled) == 1
    w.rig.conversations.unit = unit  # type: ignore[method-assign]
    assert (await w.settle(to("list", **IDENT))).startswith("250 ")
    assert len(w.rig.delivered) == 1


async def test_two_mails_of_one_conversation_are_handled_one_after_the_other(world: Build) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def counting(mail: Any) -> Any:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        note("x")(mail)
        with lock:
            inside -= 1

    w = world(state("list@.+", counting))
    mails = [mail("list@x.org", content=b"\r\n%d" % n) for n in range(20)]
    replies = await asyncio.gather(*(w.rig.engine.settle(one, BARE) for one in mails))
    assert {str(reply) for reply in replies} == {TAKEN} and most == 1 and len(w.notes) == 20


async def test_a_lock_that_is_not_given_in_time_is_451(world: Build) -> None:
    w = world(*START_LIST)
    with w.sync.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        w.database.settings = replace(w.database.settings, lock_wait_s=0.2)
        assert (await w.settle(to("list"))).startswith("451 ")
        assert (await w.settle(to("nobody"))).startswith("250 ")
    assert w.rig.log.named("store_failed") or w.rig.log.named("done_again")
    assert await w.settle(to("list")) == TAKEN


async def test_defer_and_consume_are_what_they_say(world: Build) -> None:
    w = world(
        state("d@.+", lambda mail: (note("never")(mail), Defer("4.7.1", "Come again"))[1]),
        state("c@.+", lambda mail: (note("taken")(mail), Consume())[1], machine="other"),
    )
    assert await w.settle(to("d")) == "451 4.7.1 Come again"
    assert await w.settle(to("c")) == TAKEN
    assert w.notes == ["taken"]
