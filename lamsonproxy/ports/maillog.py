"""What happened, in words: the events of the log and of the metrics.

Law: an event is logged and counted by one call, and none of the calls ever raises.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Move, Timer
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.ports.outbox import Due


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
