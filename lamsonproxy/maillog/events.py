"""The events of the mail log: each is a line and a number, made by the same call.

Law: this fulfils the port of the same name. Nothing here raises, nothing here waits, and nothing of a mail
but its envelope, its size and its fate is written: no header, no body (the traceback of a failed handler is
the one place where an application's own words appear, at level ERROR).

What strangers can bring about at will, `refused_peer` and `refused_session`, is written at most ten times a
minute; the next line says how many were left out. The numbers count all of them.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec

from lamsonproxy.errors import AppError, LamsonError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Move, Timer
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.maillog.lines import Event
from lamsonproxy.metrics import Metrics, of_this_process
from lamsonproxy.ports import Due

LINES_A_MINUTE = 10
NO_ROUTE = "none"

_log = logging.getLogger("lamsonproxy")
_P = ParamSpec("_P")


def _never_raises(
    method: Callable[Concatenate["MailLog", _P], None],
) -> Callable[Concatenate["MailLog", _P], None]:
    @wraps(method)
    def quiet(self: "MailLog", /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            method(self, *args, **kwargs)
        except Exception:
            # A log that fails must not become a mail that fails; lamson_log_failures_total tells.
            self.metrics.log_failures.inc()

    return quiet


class MailLog:
    """Logs to the logger "lamsonproxy" and counts in `metrics`, by default those of this process."""

    def __init__(
        self, metrics: Metrics | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.metrics = metrics or of_this_process()
        self._throttle = _Throttle(monotonic)

    @_never_raises
    def received(self, transaction: Transaction) -> None:
        """A message has been read to its end."""
        self.metrics.message_bytes.observe(len(transaction.message.raw))
        if _log.isEnabledFor(logging.DEBUG):
            _write(logging.DEBUG, "received", transaction, size=len(transaction.message.raw))

    @_never_raises
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
        door = transaction.session.door
        self.metrics.messages.of(door, verdict).inc()
        if verdict == "quarantine":
            self.metrics.quarantined.of(route or NO_ROUTE).inc()
        if _log.isEnabledFor(logging.INFO):
            envelope = transaction.envelope
            fields = {
                "trace": transaction.trace,
                "route": route,
                "verdict": verdict,
                "from": f"<{envelope.sender.raw}>",
                "to": f"<{envelope.recipients[recipient].address.raw}>",
                "client": _client(transaction),
                "queue_id": envelope.xforward.ident,
                "door": door,
                "size": len(transaction.message.raw),
                "reply": str(reply),
                "queued_as": queued_as,
                "seconds": round(seconds, 4),
            }
            _log.info(Event("decided", fields))

    @_never_raises
    def handler_ran(self, transaction: Transaction, route: str, seconds: float) -> None:
        """A handler returned."""
        self.metrics.handler_seconds.of(route or NO_ROUTE).observe(seconds)

    @_never_raises
    def handler_failed(self, transaction: Transaction, route: str, error: BaseException) -> None:
        """A handler raised, or returned what no handler may return; logged with the traceback."""
        kind = "wrong" if isinstance(error, AppError) else "raised"
        self.metrics.handler_errors.of(route or NO_ROUTE, kind).inc()
        _write(logging.ERROR, "handler_failed", transaction, route, error, with_traceback=True)

    @_never_raises
    def handler_overran(self, transaction: Transaction, route: str, seconds: float) -> None:
        """A handler had not returned by the deadline."""
        self.metrics.handler_errors.of(route or NO_ROUTE, "overran").inc()
        _write(logging.ERROR, "handler_overran", transaction, route, seconds=round(seconds, 4))

    @_never_raises
    def relay_answered(self, reply: Reply, seconds: float) -> None:
        """Downstream replied to the final dot, or refused before it."""
        self.metrics.relay_seconds.observe(seconds)
        self.metrics.relay_replies.of(f"{reply.code // 100}xx").inc()

    @_never_raises
    def relay_failed(self, transaction: Transaction, error: Exception) -> None:
        """Downstream could not be talked to."""
        if isinstance(error, RemoteError):
            self.metrics.relay_failures.of(error.stage, error.kind).inc()
            if error.ambiguous:
                self.metrics.ambiguous.inc()
        _write(logging.WARNING, "relay_failed", transaction, None, error)

    @_never_raises
    def storage_failed(self, transaction: Transaction, error: Exception) -> None:
        """A kept copy or a DSN could not be made durable."""
        self.metrics.storage_failures.inc()
        _write(logging.ERROR, "storage_failed", transaction, None, error)

    @_never_raises
    def copies_differ(self, transaction: Transaction) -> None:
        """451, because one reply and one relay transaction cannot serve copies that differ; names the
        remedy."""
        self.metrics.copies_differ.inc()
        remedy = "set <transport>_destination_recipient_limit = 1 in main.cf, or use the lmtp door"
        _write(logging.WARNING, "copies_differ", transaction, remedy=remedy)

    @_never_raises
    def would_loop(self, transaction: Transaction, recipient: Address) -> None:
        """451, because Postfix hands us the domain to which the mail would go on; names the remedy."""
        self.metrics.would_loop.inc()
        remedy = (
            "give the address a route, or take its domain out of transport_maps and of the door's domains"
        )
        _write(logging.WARNING, "would_loop", transaction, to=f"<{recipient.raw}>", remedy=remedy)

    @_never_raises
    def added_recipient_refused(self, transaction: Transaction, recipient: Address, reply: Reply) -> None:
        """A recipient whom a handler added was refused downstream for good, and its copy is kept in quarantine."""
        self.metrics.added_refused.inc()
        to = f"<{recipient.raw}>"
        _write(logging.WARNING, "added_recipient_refused", transaction, to=to, reply=str(reply))

    @_never_raises
    def bug(self, transaction: Transaction, error: BaseException) -> None:
        """An exception of ours: 451, and the traceback here."""
        self.metrics.bugs.inc()
        _write(logging.ERROR, "bug", transaction, None, error, with_traceback=True)

    @_never_raises
    def not_measured(self, error: Exception) -> None:
        """The gauges could not be set."""
        self.metrics.bugs.inc()
        self._throttle.warn("not_measured", error=_describe(error))

    @_never_raises
    def notice_sent(self, name: str, reply: Reply) -> None:
        """A DSN was handed to downstream, or refused by it for good."""
        self.metrics.notices.of("sent" if reply.is_positive else "refused").inc()
        level = logging.INFO if reply.is_positive else logging.WARNING
        _log.log(level, Event("notice_sent", {"notice": name, "reply": str(reply)}))

    @_never_raises
    def notice_failed(self, name: str, error: Exception) -> None:
        """A DSN could not be sent yet."""
        self.metrics.notices.of("failed").inc()
        _log.warning(Event("notice_failed", {"notice": name, "error": _describe(error)}))

    @_never_raises
    def moved(self, transaction: Transaction, move: Move) -> None:
        """A conversation has gone from one state into another; it is committed."""
        machine = move.conversation.machine.rpartition(".")[2]
        self.metrics.transitions.of(machine, move.old, move.new).inc()
        _write(logging.INFO, "moved", transaction, move.route, machine=machine, old=move.old, new=move.new)

    @_never_raises
    def settled_again(self, transaction: Transaction, reply: Reply) -> None:
        """A mail that an earlier attempt has settled was answered again, without handlers."""
        self.metrics.settled_retries.inc()
        _write(logging.INFO, "settled_again", transaction, reply=str(reply))

    @_never_raises
    def done_again(self, transaction: Transaction, error: Exception) -> None:
        """Two transactions met, and this unit of work begins anew."""
        self.metrics.conflicts.inc()
        _write(logging.INFO, "done_again", transaction, None, error)

    @_never_raises
    def store_failed(self, transaction: Transaction, error: Exception) -> None:
        """The database could not be used for this mail: 451."""
        self.metrics.store_failures.inc()
        _write(logging.ERROR, "store_failed", transaction, None, error)

    @_never_raises
    def doubtful(self, sentence: str) -> None:
        """Something about the application is doubtful, told at each start."""
        _log.warning(Event("doubtful", {"about": sentence}))

    @_never_raises
    def store_away(self, error: Exception) -> None:
        """The database could not be reached, or its tables not be prepared, yet."""
        self._throttle.warn("store_away", error=_describe(error))

    @_never_raises
    def reply_withheld(self, transaction: Transaction, reason: str) -> None:
        """An automatic mail was not sent, for this reason (RFC 3834)."""
        self.metrics.replies_withheld.inc()
        _write(logging.INFO, "reply_withheld", transaction, reason=reason)

    @_never_raises
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
        self.metrics.scans.of(scanner, grade).inc()
        self.metrics.scan_seconds.of(scanner).observe(seconds)
        _write(
            logging.WARNING if grade == "away" else logging.INFO,
            "scanned",
            transaction,
            scanner=scanner,
            grade=grade,
            score="" if score is None else score,
            what=what,
            seconds=round(seconds, 4),
        )

    @_never_raises
    def outbox_sent(self, due: Due, recipients: Sequence[Address], reply: Reply) -> None:
        """A mail of the outbox was taken by downstream for these recipients."""
        self.metrics.outbox.of("sent").inc(len(recipients))
        _outbox(logging.INFO, "outbox_sent", due, recipients, reply)

    @_never_raises
    def outbox_refused(self, due: Due, recipient: Address, reply: Reply) -> None:
        """One recipient of a mail of the outbox was refused for good, or given up: a dead letter."""
        self.metrics.outbox.of("refused").inc()
        _outbox(logging.WARNING, "outbox_refused", due, (recipient,), reply)

    @_never_raises
    def outbox_deferred(
        self, due: Due, recipients: Sequence[Address], reply: Reply, retry_at: datetime
    ) -> None:
        """A mail of the outbox will be tried again for these recipients."""
        self.metrics.outbox.of("deferred").inc(len(recipients))
        again = retry_at.isoformat(timespec="seconds")
        _outbox(logging.WARNING, "outbox_deferred", due, recipients, reply, retry_at=again)

    @_never_raises
    def not_signed(self, due: Due, error: Exception) -> None:
        """A mail of the outbox leaves without a signature or a seal that it should have."""
        self.metrics.not_signed.inc()
        fields = {"trace": due.trace, "row": due.id, "kind": due.outgoing.kind, "error": _describe(error)}
        _log.warning(Event("not_signed", fields))

    @_never_raises
    def outbox_failed(self, error: Exception) -> None:
        """The outbox could not be read or written; nothing is lost, and the next sweep tries again."""
        self._failed("outbox", error)

    @_never_raises
    def timer_failed(self, timer: Timer | None, error: Exception) -> None:
        """A timer could not be run, or (None) the timers could not be read; it is tried again."""
        function = f"{timer.conversation.machine}.{timer.to}" if timer else ""
        self._failed("timer", error, route=function)

    @_never_raises
    def retention_failed(self, error: Exception) -> None:
        """What is old could not be deleted, or conversations not counted; the next sweep tries again."""
        self._failed("retention", error)

    def _failed(self, sweep: str, error: Exception, **more: str) -> None:
        self.metrics.sweep_failures.of(sweep).inc()
        # Foreseen: the database is away. All else is a mistake, and its traceback tells where.
        trouble = None if isinstance(error, LamsonError) else error
        _log.error(Event(f"{sweep}_failed", more | {"error": _describe(error)}), exc_info=trouble)

    @_never_raises
    def refused_peer(self, door: str, peer: str) -> None:
        """Somebody outside `trust` connected."""
        self.metrics.refused_sessions.of(door, "untrusted").inc()
        self._throttle.warn("refused_peer", door=door, peer=peer)

    @_never_raises
    def refused_session(self, door: str, peer: str, reason: str) -> None:
        """A session was turned away or ended by us: too many sessions, too many errors, a time limit."""
        self.metrics.refused_sessions.of(door, reason).inc()
        self._throttle.warn("refused_session", door=door, peer=peer, reason=reason)


class _Throttle:
    """Lets through so many lines of each event a minute, and says with the next how many it left out."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    def warn(self, event: str, **fields: object) -> None:
        now = self._monotonic()
        if now - self._since.get(event, -60.0) >= 60:
            left_out = self._seen.get(event, 0) - LINES_A_MINUTE
            self._since[event], self._seen[event] = now, 0
            if left_out > 0:
                fields["left_out"] = left_out
        self._seen[event] += 1
        if self._seen[event] <= LINES_A_MINUTE:
            _log.warning(Event(event, fields))


def _write(
    level: int,
    event: str,
    transaction: Transaction,
    route: str | None = None,
    error: BaseException | None = None,
    *,
    with_traceback: bool = False,
    **more: object,
) -> None:
    fields: dict[str, object] = {"trace": transaction.trace}
    if route is not None:
        fields["route"] = route
    fields["queue_id"] = transaction.envelope.xforward.ident
    if error is not None:
        fields["error"] = _describe(error)
    _log.log(level, Event(event, fields | more), exc_info=error if with_traceback else None)


def _outbox(
    level: int, event: str, due: Due, recipients: Sequence[Address], reply: Reply, **more: object
) -> None:
    fields = {
        "trace": due.trace,
        "row": due.id,
        "kind": due.outgoing.kind,
        "from": f"<{due.outgoing.envelope.sender.raw}>",
        # A list's batch has a hundred; the line is for one or two, and tells how many there are.
        "to": " ".join(f"<{address.raw}>" for address in recipients),
        "recipients": len(recipients),
        "size": len(due.outgoing.content),
        "attempts": due.attempts + 1,
        "reply": str(reply),
    }
    _log.log(level, Event(event, fields | more))


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # An exception of the application may fail even at saying what it is.
        return type(error).__name__


def _client(transaction: Transaction) -> str:
    """The client that Postfix speaks for, as Postfix writes it; else the peer."""
    address = transaction.envelope.xforward.get("ADDR")
    if not address:
        return transaction.session.peer
    return f"{transaction.envelope.xforward.get('NAME') or 'unknown'}[{address}]"
