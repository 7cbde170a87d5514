"""The outbox in the database: mail that was written by handlers and has been committed, on its way out.

    waiting   is_dead = false, no lease, or one that is over; tried when `due_at` has come
    leased    somebody is sending it: `lease` is the claim's own word, and only who knows it may settle the row
    dead      refused for good; `reply` tells why, `due_at` when. It waits for an operator (`lamson outbox`)

Law: a row goes only when downstream took its recipients or an operator drops it, and a mail's octets go with the last
row that needs them. Of one conversation the oldest mail leaves first, and no other while it waits; the batches of one
mail may go together. A row has left when downstream took it for anybody: a list's next mail does not wait for one
reader of the last. Rows of one conversation are written under its lock, so the order of their ids is that of their
commits.
"""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing, OutgoingKind
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Backlog, Due
from lamsonproxy.state.database import Database
from lamsonproxy.state.rows import outbox_rows
from lamsonproxy.state.tables import content, outbox, shown

UNREADABLE = "the row cannot be read"
REPLY_LIMIT = 1000
"""Characters kept of what downstream said."""

UNHEARD_LIMIT = 20
"""Claims of which nobody knows whether they were made."""

_mate = outbox.alias("mate")
_is_first = or_(
    outbox.c.conversation == "",
    # One look into an index for each row. Of NOT EXISTS PostgreSQL makes a join over the whole backlog.
    outbox.c.content
    == select(_mate.c.content)
    .where(_mate.c.conversation == outbox.c.conversation, _mate.c.is_dead == false())
    .order_by(_mate.c.id)
    .limit(1)
    .scalar_subquery(),
)
_DUE = (
    select(outbox)
    .where(
        outbox.c.is_dead == false(),
        outbox.c.due_at <= bindparam("now"),
        or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= bindparam("now")),
        _is_first,
    )
    # As the index has them, so that only the first are read, however many wait.
    .order_by(outbox.c.due_at)
    # Who finds a row locked leaves it to the other: nobody waits here.
    .with_for_update(skip_locked=True)
)
_NO_LEASE: dict[str, Any] = {"lease": "", "lease_until": None}
_SAME = ("content", "conversation", "kind", "trace", "written_at")
"""What the rows have in common that come from one."""


def claim(
    connection: Connection,
    limit: int,
    now: datetime,
    lease_until: datetime,
    lease: str,
    unheard: Collection[str] = (),
) -> list[Due]:
    """Lease mail that is due. What has one of the leases `unheard` is given back before."""
    if unheard:
        connection.execute(update(outbox).where(outbox.c.lease.in_(unheard)).values(_NO_LEASE))
    rows = connection.execute(_DUE.limit(limit), {"now": now}).all()
    if not rows:
        return []
    ids = [row.id for row in rows]
    connection.execute(
        update(outbox).where(outbox.c.id.in_(ids)).values(lease=lease, lease_until=lease_until)
    )
    # Once for all batches of a mail.
    octets = {
        row.id: row.octets
        for row in connection.execute(select(content).where(content.c.id.in_({row.content for row in rows})))
    }
    return [due for row in rows for due in _readable(connection, row, lease, octets[row.content], now)]


def _readable(
    connection: Connection, row: Row[Any], lease: str, octets: bytes, now: datetime
) -> Iterable[Due]:
    try:
        envelope = Envelope.from_json(row.envelope)
    except ValueError:
        # It would stop all that follow, and again and again. An operator finds it among the dead.
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(_dead(UNREADABLE, now)))
        return
    outgoing = Outgoing(envelope, octets, cast(OutgoingKind, row.kind), row.conversation)
    yield Due(row.id, lease, outgoing, row.attempts, row.trace, row.written_at)


def settle(
    connection: Connection,
    due: Due,
    replies: Mapping[Address, Reply],
    now: datetime,
    retry_at: datetime,
    notice: Outgoing | None = None,
) -> None:
    """Write what became of a claimed mail; see the port."""
    fate = _Fate.of(due.outgoing.envelope.recipients, replies)
    if fate.is_all_taken:
        forget_taken(connection, [due])
        return
    is_ours = and_(outbox.c.id == due.id, outbox.c.lease == due.lease)
    row = connection.execute(select(outbox).where(is_ours).with_for_update()).one_or_none()
    if row is None:
        return
    versions = [_dead(reply, now) | _to(due, refused) for reply, refused in fate.refused.items()]
    if fate.waiting:
        later = {"due_at": retry_at, "reply": shown(fate.last_words, REPLY_LIMIT)} | _NO_LEASE
        # It keeps the row, and with it its place in the conversation, unless it has left.
        versions.insert(0, later | _to(due, fate.waiting))
    same = {name: getattr(row, name) for name in _SAME} | {"attempts": due.attempts + 1}
    if fate.is_taken:
        same["conversation"] = ""
    connection.execute(update(outbox).where(outbox.c.id == due.id).values(same | versions[0]))
    if len(versions) > 1:
        connection.execute(insert(outbox), [same | version for version in versions[1:]])
    if notice is not None:
        written = connection.execute(insert(content), {"octets": notice.content}).inserted_primary_key
        assert written is not None, "one row was inserted"
        connection.execute(insert(outbox), list(outbox_rows(notice, written[0], due.trace, now)))


@dataclass(frozen=True, slots=True)
class _Fate:
    """The recipients of one mail, by what downstream said of them."""

    is_taken: bool
    """For one of them at least."""
    waiting: tuple[Recipient, ...]
    refused: Mapping[str, tuple[Recipient, ...]]
    """By the words they were refused with."""
    last_words: str
    """What the first of those who wait heard; "" for nothing."""

    @property
    def is_all_taken(self) -> bool:
        return not self.refused and not self.waiting

    @classmethod
    def of(cls, recipients: Sequence[Recipient], replies: Mapping[Address, Reply]) -> "_Fate":
        refused: dict[str, list[Recipient]] = defaultdict(list)
        waiting, heard = [], []
        for recipient in recipients:
            reply = replies.get(recipient.address)
            if reply is not None and reply.is_permanent:
                refused[str(reply)].append(recipient)
            elif reply is None or not reply.is_positive:
                waiting.append(recipient)
                heard += [str(reply)] if reply else []
        refusals = {words: tuple(those) for words, those in refused.items()}
        is_taken = len(waiting) + sum(map(len, refused.values())) < len(recipients)
        return cls(is_taken, tuple(waiting), refusals, heard[0] if heard else "")


def forget_taken(connection: Connection, dues: Collection[Due]) -> None:
    """Settle several of which every recipient was taken."""
    by_lease: dict[str, list[int]] = defaultdict(list)
    for due in dues:
        by_lease[due.lease].append(due.id)
    ours = [and_(outbox.c.lease == lease, outbox.c.id.in_(ids)) for lease, ids in by_lease.items()]
    forget(connection, or_(*ours))


def _dead(reply: str, now: datetime) -> dict[str, Any]:
    return {"is_dead": True, "reply": shown(reply, REPLY_LIMIT), "due_at": now} | _NO_LEASE


def _to(due: Due, recipients: tuple[Recipient, ...]) -> dict[str, Any]:
    return {"envelope": replace(due.outgoing.envelope, recipients=recipients).to_json()}


def forget(connection: Connection, *which: ColumnElement[bool]) -> int:
    """Take rows away, and the octets that no other row needs; give how many rows there were."""
    # Not RETURNING: MySQL has none.
    which_rows = select(outbox.c.id, outbox.c.content).where(*which).order_by(outbox.c.id).with_for_update()
    rows = {row.id: row.content for row in connection.execute(which_rows)}
    if contents := set(rows.values()):
        connection.execute(delete(outbox).where(outbox.c.id.in_(rows)))
        # Two that take the last two batches of one mail away at the same time must see each other.
        connection.execute(
            select(content.c.id).where(content.c.id.in_(contents)).order_by(content.c.id).with_for_update()
        )
        is_used = exists(select(outbox.c.id).where(outbox.c.content == content.c.id))
        connection.execute(delete(content).where(content.c.id.in_(contents), ~is_used))
    return len(rows)


def backlog(connection: Connection, now: datetime) -> Backlog:
    """How much is there."""
    figures = {
        is_dead: (count, oldest)
        for is_dead, count, oldest in connection.execute(
            select(outbox.c.is_dead, func.count(), func.min(outbox.c.written_at)).group_by(outbox.c.is_dead)
        )
    }
    pending, oldest = figures.get(False, (0, now))
    dead, _ = figures.get(True, (0, now))
    return Backlog(pending, max(0.0, (now - oldest).total_seconds()), dead)


@dataclass(slots=True)
class _Ended:
    """Mails that ended at about the same time, and the transaction in which they are forgotten."""

    dues: list[Due] = field(default_factory=list)
    forgetting: "asyncio.Task[None] | None" = None


class SqlOutbox:
    """Fulfils `ports.Outbox`.

    While one transaction forgets what was taken, more is taken, and the next one forgets all of that: under load a
    mail costs a share of a commit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._ended = _Ended()
        self._unheard: list[str] = []
        """Leases of claims that failed. One whose COMMIT was not answered may stand, and nobody sends what it has."""

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Due]:
        """See the port."""
        lease, unheard = secrets.token_hex(16), tuple(self._unheard)
        try:
            claimed = await self._database.transaction(claim, limit, now, lease_until, lease, unheard)
        except BaseException:
            # In a long outage the first ones are those that may stand.
            self._unheard = [*self._unheard, lease][:UNHEARD_LIMIT]
            raise
        self._unheard = [each for each in self._unheard if each not in unheard]
        return claimed

    async def settle(
        self,
        due: Due,
        replies: Mapping[Address, Reply],
        *,
        now: datetime,
        retry_at: datetime,
        notice: Outgoing | None = None,
    ) -> None:
        """See the port."""
        if notice is None and _Fate.of(due.outgoing.envelope.recipients, replies).is_all_taken:
            await self._forget_with_others(due)
        else:
            await self._database.transaction(settle, due, replies, now, retry_at, notice)

    async def _forget_with_others(self, due: Due) -> None:
        ended = self._ended
        ended.dues.append(due)
        if ended.forgetting is None:
            ended.forgetting = asyncio.create_task(self._forget(ended))
        # The others' mails are not cancelled with ours.
        await asyncio.shield(ended.forgetting)

    async def _forget(self, ended: _Ended) -> None:
        async with self._turn:
            self._ended = _Ended()
            await self._database.transaction(forget_taken, ended.dues)

    async def backlog(self, now: datetime) -> Backlog:
        """See the port."""
        return await self._database.transaction(backlog, now)
