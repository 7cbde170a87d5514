"""What a unit of work writes: moves, timers, mail, questions and answers.

Law: functions of a Connection whose transaction is somebody else's. `check` comes first, and `put` looks at no answer,
so that all of it can go in one exchange. A row that somebody else wrote or took meanwhile makes the unit be done again,
and then it sees it. Rows of a table go in one statement.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from sqlalchemy import Connection, Delete, Executable, Table, bindparam, delete, insert, select, update

from lamsonproxy.errors import ConflictError
from lamsonproxy.mail.conversation import START, Asked, ConversationKey, Outgoing, Question, Standing, Work
from lamsonproxy.mail.reply import Reply
from lamsonproxy.state.lists import among, listed
from lamsonproxy.state.reading import insert_new
from lamsonproxy.state.rows import (
    Row,
    automatic_row,
    outbox_rows,
    question_row,
    reply_columns,
    settled_row,
    timer_row,
    transition_row,
)
from lamsonproxy.state.tables import (
    WORDS,
    automatic,
    confirmation,
    content,
    conversation,
    failure,
    outbox,
    settled,
    shown,
    timer,
    transition,
)

Contents = Sequence[int]
"""The numbers of the octets of mails that are to be sent, one for each."""


def check(connection: Connection, work: Work) -> Contents:
    """The part that looks at answers: what somebody else may have done meanwhile, and the numbers of what is to be
    sent. Raises ConflictError."""
    _answer(connection, work)
    return keep(connection, work.outgoing)


def put(
    connection: Connection,
    asked: Asked,
    standings: Mapping[ConversationKey, Standing],
    work: Work,
    contents: Contents,
    *,
    has_timers: bool,
) -> None:
    """The rest of it. Whoever settled the mail before us makes its insertion a DUPLICATE."""
    replies = sorted(work.settled.items())
    _insert(connection, settled, [settled_row(key, reply, asked.trace, asked.now) for key, reply in replies])
    move(connection, asked, standings, work)
    if has_timers:
        over = {*work.ran, *(new.conversation for new in work.timers)}
        forget(connection, timer, sorted(key.id for key in over))
    _insert(connection, timer, [timer_row(new) for new in work.timers])
    _ask(connection, work)
    post(connection, asked, work.outgoing, contents)


def move(
    connection: Connection, asked: Asked, standings: Mapping[ConversationKey, Standing], work: Work
) -> None:
    """A conversation that goes back to START is forgotten, and so is one that never left it unconfirmed."""
    _insert(connection, transition, [transition_row(step, asked.trace, asked.now) for step in work.moves])
    states = {step.conversation: step.new for step in work.moves}
    gone = [key.id for key, stood in standings.items() if _is_over(key, stood, states, work)]
    confirmed = frozenset(work.confirmed)
    moved: list[Row] = [
        {
            "row": key.id,
            "new": shown(state, WORDS),
            "confirmed": key in confirmed or standings[key].is_confirmed,
            "now": asked.now,
        }
        for key, state in states.items()
        if state != START
    ]
    _execute(connection, _MOVED, moved)
    _execute(connection, _CONFIRMED, [{"row": key.id} for key in work.confirmed if key not in states])
    forget(connection, conversation, gone)


def _is_over(
    key: ConversationKey, stood: Standing, states: Mapping[ConversationKey, str], work: Work
) -> bool:
    if key in states:
        return states[key] == START
    return stood.state == START and not stood.is_confirmed and key not in work.confirmed


def _answer(connection: Connection, work: Work) -> None:
    """Each question can be answered once, whoever else is about to."""
    new = {(question.id, question.digest) for question in work.questions}
    for question in work.answered:
        if (question.id, question.digest) in new:
            continue
        values = {"secret": question.digest, "person": question_row(question)["correspondent"]}
        if connection.execute(_ANSWERED, values).rowcount != 1:
            raise ConflictError("the question was answered meanwhile")


def _ask(connection: Connection, work: Work) -> None:
    """Each takes the place of an older one; what was asked and cancelled by the same mail was never asked."""
    over = {(question.id, question.digest) for question in work.answered}
    last: dict[str, Question] = {question.id: question for question in work.questions}
    forget(connection, confirmation, sorted(last))
    rows = [question_row(q) for q in last.values() if (q.id, q.digest) not in over]
    _insert(connection, confirmation, rows)


def keep(connection: Connection, outgoing: Sequence[Outgoing]) -> Contents:
    """The octets of mail that is to be sent; one mail from many senders (VERP) is there once."""
    numbers: list[int] = []
    for n, mail in enumerate(outgoing):
        is_same = n > 0 and mail.content is outgoing[n - 1].content
        numbers.append(numbers[-1] if is_same else _kept(connection, mail.content))
    return numbers


def _kept(connection: Connection, octets: bytes) -> int:
    key = connection.execute(_CONTENT, {"octets": octets}).inserted_primary_key
    assert key is not None, "one row was inserted"
    return int(key[0])


def post(connection: Connection, asked: Asked, outgoing: Sequence[Outgoing], contents: Contents) -> None:
    """Into the outbox; and what is automatic is counted."""
    rows: list[Row] = []
    for mail, number in zip(outgoing, contents, strict=True):
        rows.extend(outbox_rows(mail, number, asked.trace, asked.now))
    _insert(connection, outbox, rows)
    counted = sum(mail.is_automatic for mail in outgoing)
    _insert(connection, automatic, [automatic_row(asked.correspondent, asked.now)] * counted)


def amend(connection: Connection, replies: Mapping[str, Reply]) -> None:
    """Our answers as they are now."""
    _execute(
        connection,
        _AMENDED,
        [
            {"row": key, **{f"new_{name}": value for name, value in reply_columns(reply).items()}}
            for key, reply in replies.items()
        ],
    )


def was_committed(connection: Connection, asked: Asked, keys: Collection[str]) -> bool:
    """Whether a transaction of ours that wrote these settled keys has happened; waits while it may still happen, which
    is why this inserts instead of reading. The caller rolls back what this does. A server that has not read yet what
    it was sent in one exchange may still do it: then the mail is 451, and its retry finds the answer."""
    rows = [settled_row(key, Reply(451, "", ""), "", asked.now) for key in sorted(keys)]
    if not rows or insert_new(connection, settled, rows) > 0:
        return False
    traces = connection.scalars(_TRACES, {"keys": list(keys)}).all()
    return all(trace == asked.trace for trace in traces)


def count_failure(connection: Connection, key: str, now: object) -> int:
    """One more; and how many that makes."""
    insert_new(connection, failure, [{"key": key, "count": 0, "at": now}])
    connection.execute(_FAILED, {"row": key, "now": now})
    return int(connection.scalar(_FAILURES, {"row": key}) or 0)


def forget(connection: Connection, table: Table, ids: Iterable[str]) -> None:
    """Delete by primary key."""
    if ids := list(ids):
        connection.execute(_forgetting(table, len(ids)), listed("id", ids))


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    _execute(connection, _INSERTED[table.name], rows)


def _execute(connection: Connection, statement: Executable, rows: list[Row]) -> None:
    if rows:
        connection.execute(statement, rows if len(rows) > 1 else rows[0])


@lru_cache
def _forgetting(table: Table, count: int) -> Delete:
    (key,) = table.primary_key
    return delete(table).where(among(key, "id", count))


# `inline`: nobody wants the number that a row was given, and so the database is not asked for it.
_INSERTED = {
    table.name: insert(table).inline()
    for table in (transition, timer, confirmation, outbox, automatic, settled)
}
_CONTENT = insert(content)
_MOVED = (
    update(conversation)
    .where(conversation.c.id == bindparam("row"))
    .values(state=bindparam("new"), is_confirmed=bindparam("confirmed"), moved_at=bindparam("now"))
)
_CONFIRMED = update(conversation).where(conversation.c.id == bindparam("row")).values(is_confirmed=True)
_ANSWERED = delete(confirmation).where(
    confirmation.c.digest == bindparam("secret"), confirmation.c.correspondent == bindparam("person")
)
_AMENDED = (
    update(settled)
    .where(settled.c.key == bindparam("row"))
    .values(code=bindparam("new_code"), status=bindparam("new_status"), text=bindparam("new_text"))
)
_TRACES = select(settled.c.trace).where(settled.c.key.in_(bindparam("keys", expanding=True)))
_FAILED = (
    update(failure)
    .where(failure.c.key == bindparam("row"))
    .values(count=failure.c.count + 1, at=bindparam("now"))
)
_FAILURES = select(failure.c.count).where(failure.c.key == bindparam("row"))
