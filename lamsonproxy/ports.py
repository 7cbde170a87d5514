"""The ports: what the engine asks of the world, one Protocol each.

Law: no port names a library. Whoever fulfils one is on a higher floor and raises only `lamsonproxy.errors`. A double
implements the whole port and passes the same contract suite (tests/contract/) as the real thing.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Asked, Found, Move, Outgoing, Timer, Work
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.rendered import Rendered
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction

if TYPE_CHECKING:
    from asyncio import Future

Parts = Sequence[bytes | memoryview]
"""Message content in pieces, each beginning at the start of a line; every line ends in CRLF, no dot is stuffed."""


class Clock(Protocol):
    """Time, so that tests can move it."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes backwards."""

    def now(self) -> datetime:
        """The time of day, with a zone."""


class Offer(Protocol):
    """A mail that downstream has been asked about: MAIL and every RCPT have been answered, no DATA content is sent."""

    @property
    def refusal(self) -> Reply | None:
        """Downstream's 4xx or 5xx to MAIL, or to DATA where that was sent along; then nothing can be delivered."""

    @property
    def recipients(self) -> Sequence[Reply]:
        """The reply to each RCPT, in envelope order; empty when MAIL was refused."""

    async def deliver(self, content: Parts) -> Reply:
        """Send the content to those that were taken, and give the reply: to the final dot, or to a refused DATA.

        Raises RemoteError; `ambiguous` when the connection failed between the final dot and its reply.
        """


class Offers(Protocol):
    """Makes offers."""

    def offer(self, envelope: Envelope, *, deadline: float) -> AbstractAsyncContextManager[Offer]:
        """Ask downstream about a mail. `deadline` is a time of the courier's clock by which all must be over.

        Leaving the context without `deliver` undoes it: downstream has nothing. Entering raises RemoteError when
        downstream cannot be talked to (connect, banner, EHLO, XFORWARD included, whatever it replied there).
        """


class Inquiry(Offers, Protocol):
    """A mail that downstream is asked about while our own client still names its recipients.

    An offer of it goes on where the asking has ended: what was answered is not asked again, unless downstream has
    taken recipients that the offer leaves out, or the offer is another in its sender or recipients: then all is undone
    and asked anew. There is one offer at most.
    """

    async def ask(self, recipient: Recipient, *, deadline: float) -> Reply:
        """Downstream's reply to this RCPT; to MAIL, where it refused that.

        Raises RemoteError when downstream cannot be talked to; so does then everything that follows but `end`.
        """

    async def end(self) -> None:
        """Undo what is not delivered: downstream has nothing. Call it once at last, offer or not. Never raises."""


class Courier(Offers, Protocol):
    """Hands mail to downstream."""

    def inquiry(self, envelope: Envelope) -> Inquiry:
        """Begin to ask about a mail; its recipients so far do not count. Says nothing before the first `ask`."""


class Held(Protocol):
    """Mail on disk that does not count yet. Calls block on the disk: run them in a thread."""

    def release(self) -> None:
        """From now on it counts, in the place of what had its name before; durable on return. Raises StorageError."""

    def cancel(self) -> None:
        """It never was; nothing once it is released. Takes away no other mail of this name. Raises StorageError."""


class Quarantine(Protocol):
    """Where mail is kept for people to look at. Calls block on the disk: run them in a thread."""

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> Held:
        """Make the mail durable; nobody sees it until it is released. Raises StorageError."""


class Probes(Protocol):
    """Probes that an operator waits for (`mail/probe.py`). Calls block on the disk."""

    def claim(self, name: str) -> bool:
        """Whether somebody waits for this one; from now on nobody does. Raises StorageError."""


class Notices(Protocol):
    """DSNs that wait for their mail to be relayed, and then to be sent. Calls block on the disk."""

    def hold(self, name: str, envelope: Envelope, content: Parts) -> Held:
        """Make the DSN durable; it is not sent until it is released. Raises StorageError."""

    def claim(self) -> AbstractContextManager[None] | None:
        """The right to send until the context is left; None while another process has it. Raises StorageError."""

    def waiting(self) -> Sequence[str]:
        """The names of what is to be sent, oldest first. Raises StorageError."""

    def read(self, name: str) -> tuple[Envelope, bytes]:
        """One that is to be sent. Raises ValueError when it is none of ours, StorageError when it cannot be read."""

    def done(self, name: str) -> None:
        """Downstream answered for good: it is forgotten. Raises StorageError."""

    def forget_orphans(self) -> None:
        """Forget what was held by a process that died. Raises StorageError."""


class Unit(Protocol):
    """One database transaction around the handlers of one unit of work (design laws 3 to 5).

    It begins when it is told to, or, where nothing had to be locked, when a handler first uses `db`. Either way it
    looks first whether its mail was settled before. Methods raise StoreError; ConflictError where the same unit may
    well succeed when it is done again from its beginning.
    """

    @property
    def is_open(self) -> bool:
        """Whether it has begun, so that there is something to commit or to roll back."""

    @property
    def found(self) -> Found | None:
        """What it found when it began."""

    @property
    def has_conflict(self) -> bool:
        """Whether a statement of a handler failed in a way that makes it worth doing all of it again, whatever the
        handler made of it."""

    @property
    def db(self) -> Any:
        """The handlers' session: a SQLAlchemy `Session` or `AsyncSession` in this transaction.

        Raises AppError where there is no database. Using it raises AlreadySettled when the mail was settled before.
        """

    async def begin(self, *, until: float) -> Found:
        """Begin: lock the conversations in the order of their ids, then read. Nothing when it has begun already.

        `until` is a time of the clock; beyond it, or beyond `lock_wait_s`, StoreError.
        """

    async def mark(self) -> None:
        """Remember this moment. Nothing when it has not begun."""

    async def restore(self) -> None:
        """Undo what handlers did in the database since the last mark, or everything where none was set."""

    async def write(self, work: Work) -> None:
        """Flush what handlers have added to their session, write all this, and try everything that can fail: deferred
        constraints included. Begins if need be."""

    async def settle(self, work: Work) -> None:
        """`write` and `commit` at once, where nothing is to be relayed or kept between them."""

    async def add(self, outgoing: Outgoing) -> None:
        """Put one more mail into the outbox, after the relay."""

    async def amend(self, settled: Mapping[str, Reply]) -> None:
        """Our answers as they are after the relay."""

    async def commit(self) -> None:
        """After downstream's 250. A commit whose outcome is unknown is looked up by its settled rows: when this
        returns it has happened. Raises StoreError, and then it has not, or nobody can know."""

    async def rollback(self, *, after: "Future[Any] | None" = None) -> None:
        """Nothing happened. From now on the session raises; with `after`, the rollback itself waits for the end of
        that call, in which a handler may still use it, and this returns before. Never raises."""


class Conversations(Protocol):
    """Where states live."""

    @property
    def is_there(self) -> bool:
        """Whether there is a database at all."""

    def unit(self, asked: Asked) -> Unit:
        """A unit of work that has not begun."""

    async def failed(self, key: str, now: datetime) -> int:
        """Count a failure of the mail with this settled key, in a transaction of its own; give how many there were.
        Raises StoreError."""

    async def forget(self, keys: Sequence[str]) -> None:
        """The mails with these settled keys will not come again: their answers were read. Raises StoreError."""

    async def failures(self, keys: Sequence[str]) -> Mapping[str, int]:
        """How often the mails with these settled keys have failed; those that never did are left out. Raises
        StoreError."""


@dataclass(frozen=True, slots=True)
class Due:
    """An outgoing mail whose time has come, claimed by us alone until `lease` ends."""

    id: int
    lease: str
    """Ours; a claim of somebody else after us has another one."""
    outgoing: Outgoing
    attempts: int
    """How often it was tried before."""
    trace: str
    """The trace of the mail whose handler wrote it."""
    written_at: datetime
    """When it was written, or last taken up again by an operator."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an outbox holds, in rows."""

    pending: int = 0
    oldest_s: float = 0.0
    """Seconds since the oldest pending one was written."""
    dead: int = 0


class Outbox(Protocol):
    """Generated mail on its way out. Raises StoreError."""

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Due]:
        """Mail that is due and that nobody else is sending, at most so many; of one conversation the oldest first, and
        none while an older one waits."""

    async def settle(
        self,
        due: Due,
        replies: Mapping[Address, Reply],
        *,
        now: datetime,
        retry_at: datetime,
        notice: Outgoing | None = None,
    ) -> None:
        """What became of one that was claimed: who was taken is forgotten, who was refused for good becomes a dead
        letter with the reply, everybody else waits until `retry_at`; `notice` is a DSN that is to be sent about it.
        Nothing of all that when the claim is no longer ours."""

    async def backlog(self, now: datetime) -> Backlog:
        """How much it holds."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The content of a mail as it leaves."""

    content: bytes
    trouble: Exception | None = None
    """Why it has not all the signatures that it should have."""


class Signer(Protocol):
    """Signs what the application sends."""

    def signed(self, outgoing: Outgoing) -> Signed:
        """The content below its signatures, as far as there is a key. Keeps the processor: run it in a thread, and one
        mail at a time. Never raises."""


class Timers(Protocol):
    """Timers of conversations."""

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Timer]:
        """Timers that are due and that nobody else is about to run. Raises StoreError."""


class Retention(Protocol):
    """What the database keeps, and for how long. Raises StoreError."""

    async def forget_old(self, now: datetime) -> int:
        """Delete what is older than it may become, a little at a time; give how many rows went."""

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many conversations stand in each state, by machine and state; START is nobody's."""


class Templates(Protocol):
    """The application's templates. Names come from the application, never from a mail."""

    def render(self, name: str, variables: Mapping[str, object]) -> Rendered:
        """Raises AppError, with the template's name and line, whatever goes wrong in it."""


class MailLog(Protocol):
    """The vocabulary of events: each is logged and counted by the same call. None of these ever raises."""

    def received(self, transaction: Transaction) -> None:
        """A message has been read to its end."""

    def decided(
        self,
        transaction: Transaction,
        recipient: int,
        *,
        verdict: str,
        route: str,
        reply: Reply,
        queued_as: str,
        seconds: float,
    ) -> None:
        """The end of one recipient's mail: the one line per recipient."""

    def handler_ran(self, transaction: Transaction, route: str, seconds: float) -> None:
        """A handler returned."""

    def handler_failed(self, transaction: Transaction, route: str, error: BaseException) -> None:
        """A handler raised, or returned what no handler may return; logged with the traceback."""

    def handler_overran(self, transaction: Transaction, route: str, seconds: float) -> None:
        """A handler had not returned by the deadline."""

    def relay_answered(self, reply: Reply, seconds: float) -> None:
        """Downstream replied to the final dot, or refused before it."""

    def relay_failed(self, transaction: Transaction, error: Exception) -> None:
        """Downstream could not be talked to."""

    def storage_failed(self, transaction: Transaction, error: Exception) -> None:
        """A kept copy or a DSN could not be made durable."""

    def copies_differ(self, transaction: Transaction) -> None:
        """451, because one reply and one relay transaction cannot serve copies that differ; names the remedy."""

    def would_loop(self, transaction: Transaction, recipient: Address) -> None:
        """451, because Postfix hands us the domain to which the mail would go on; names the remedy."""

    def added_recipient_refused(self, transaction: Transaction, recipient: Address, reply: Reply) -> None:
        """A recipient whom a handler added was refused downstream for good, and its copy is kept in quarantine."""

    def bug(self, transaction: Transaction, error: BaseException) -> None:
        """An exception of ours: 451, and the traceback here."""

    def not_measured(self, error: Exception) -> None:
        """The gauges could not be set."""

    def notice_sent(self, name: str, reply: Reply) -> None:
        """A DSN was handed to downstream, or refused by it for good."""

    def notice_failed(self, name: str, error: Exception) -> None:
        """A DSN could not be sent yet."""

    def moved(self, transaction: Transaction, move: Move) -> None:
        """A conversation has gone from one state into another; it is committed."""

    def settled_again(self, transaction: Transaction, reply: Reply) -> None:
        """A mail that an earlier attempt has settled was answered again, without handlers."""

    def done_again(self, transaction: Transaction, error: Exception) -> None:
        """Two transactions met, and this unit of work begins anew."""

    def store_failed(self, transaction: Transaction, error: Exception) -> None:
        """The database could not be used for this mail: 451."""

    def doubtful(self, sentence: str) -> None:
        """Something about the application is doubtful, told at each start."""

    def store_away(self, error: Exception) -> None:
        """The database could not be reached, or its tables not be prepared, yet."""

    def reply_withheld(self, transaction: Transaction, reason: str) -> None:
        """An automatic mail was not sent, for this reason (RFC 3834)."""

    def scanned(
        self,
        transaction: Transaction,
        *,
        scanner: str,
        grade: str,
        score: float | None,
        what: str,
        seconds: float,
    ) -> None:
        """A scanner was asked about a mail. `what` is what it found or advises, or why it gave no answer."""

    def outbox_sent(self, due: Due, recipients: Sequence[Address], reply: Reply) -> None:
        """A mail of the outbox was taken by downstream for these recipients."""

    def outbox_refused(self, due: Due, recipient: Address, reply: Reply) -> None:
        """One recipient of a mail of the outbox was refused for good, or given up: a dead letter."""

    def outbox_deferred(
        self, due: Due, recipients: Sequence[Address], reply: Reply, retry_at: datetime
    ) -> None:
        """A mail of the outbox will be tried again for these recipients."""

    def not_signed(self, due: Due, error: Exception) -> None:
        """A mail of the outbox leaves without a signature or a seal that it should have."""

    def outbox_failed(self, error: Exception) -> None:
        """The outbox could not be read or written; nothing is lost, and the next sweep tries again."""

    def timer_failed(self, timer: Timer | None, error: Exception) -> None:
        """A timer could not be run, or (None) the timers could not be read; it is tried again."""

    def retention_failed(self, error: Exception) -> None:
        """What is old could not be deleted, or conversations not counted; the next sweep tries again."""

    def refused_peer(self, door: str, peer: str) -> None:
        """Somebody outside `trust` connected."""

    def refused_session(self, door: str, peer: str, reason: str) -> None:
        """A session was turned away or ended by us: too many sessions, too many errors, a time limit."""
