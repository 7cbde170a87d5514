"""The numbers: every metric of the service, in one place, by name.

Law: label values come from closed sets (design law 10), and a family never has more children than its limit;
what comes later is counted as "other", so that nothing a stranger or a generated handler does makes more than
500 series. docs/metrics.md has an entry for each name.

Workers keep their numbers in files that the supervisor sums (`share`, `SupervisorMetrics`). A worker is known
there by its number, not by its process id: numbers are used again, so counters go on where a dead worker's
ended, and restarts do not pile up files. No two living workers may have the same one. A place that is full or gone
costs numbers, never a worker: what has no file is counted by the process itself, and nobody sums it.
"""

import os
import platform
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.mmap_dict import MmapedDict

from lamsonproxy import __version__

# They double the series, and sums over workers have none anyway.
disable_created_metrics()  # type: ignore[no-untyped-call]

# An environment that says PROMETHEUS_MULTIPROC_DIR would make the supervisor one of its own workers; `share`
# decides.
values.ValueClass = values.MutexValue

FILE_BYTES = 1 << 17
"""Octets of each worker's file for counters, histograms and each kind of gauge; our own series fit, and an
application's make it grow."""

OTHER = "other"
ROUTES = 16
"""Routes with a label of their own, the first to be used; nine series each, because of the buckets."""

_Metric = TypeVar("_Metric", bound=Counter | Gauge | Histogram)


class Family(Generic[_Metric]):
    """A metric with labels; its children are made once, and there are at most `most` and one "other"."""

    def __init__(self, metric: _Metric, most: int) -> None:
        self._metric = metric
        self._most = most
        self._children: dict[tuple[str, ...], _Metric] = {}

    def of(self, *labels: str) -> _Metric:
        """The child with these label values."""
        child = self._children.get(labels)
        return self._new(labels) if child is None else child

    def _new(self, labels: tuple[str, ...]) -> _Metric:
        if len(self._children) >= self._most:
            return cast(_Metric, self._metric.labels(*(OTHER for _ in labels)))
        return self._children.setdefault(labels, cast(_Metric, self._metric.labels(*labels)))


class Metrics:
    """What one worker counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str, over_workers: str = "livesum") -> Gauge:
            # The mode is prometheus_client's word for what becomes of the workers' values.
            return Gauge(name, text, labels, registry=registry, multiprocess_mode=over_workers)  # type: ignore[arg-type]

        def histogram(name: str, text: str, *labels: str, steps: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, labels, registry=registry, buckets=steps)

        self.messages = Family(
            counter("lamson_messages_total", "Recipients' mails, by what became of them.", "door", "verdict"),
            40,
        )
        self.message_bytes = histogram(
            "lamson_message_bytes", "Sizes of the mails received.", steps=(1e3, 1e4, 1e5, 1e6, 1e7, 1e8)
        )
        self.handler_seconds = Family(
            histogram(
                "lamson_handler_seconds",
                "Time that handlers took, by route.",
                "route",
                steps=(0.001, 0.01, 0.1, 1, 10, 100),
            ),
            ROUTES,
        )
        self.handler_errors = Family(
            counter(
                "lamson_handler_errors_total",
                "Handlers that raised, returned what is no verdict (wrong), or overran the deadline.",
                "route",
                "kind",
            ),
            40,
        )
        self.relay_seconds = histogram(
            "lamson_relay_seconds",
            "Time from offering a mail to downstream until its answer.",
            steps=(0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300),
        )
        self.relay_replies = Family(
            counter("lamson_relay_replies_total", "Downstream's answers, by the first digit.", "code_class"),
            5,
        )
        self.relay_failures = Family(
            counter(
                "lamson_relay_failures_total",
                "Times that downstream could not be talked to, by stage and kind.",
                "stage",
                "kind",
            ),
            40,
        )
        self.ambiguous = counter(
            "lamson_ambiguous_total",
            "Connections lost between the final dot and its reply: each may be one duplicate (RFC 1047).",
        )
        self.quarantined = Family(
            counter("lamson_quarantined_total", "Recipients' mails put into quarantine, by route.", "route"),
            ROUTES,
        )
        self.storage_failures = counter(
            "lamson_storage_failures_total", "Kept copies and notices that could not be made durable."
        )
        self.copies_differ = counter(
            "lamson_copies_differ_total", "Mails deferred because the copies of their recipients differ."
        )
        self.would_loop = counter(
            "lamson_would_loop_total", "Recipients deferred because their mail would come back to us."
        )
        self.added_refused = counter(
            "lamson_added_recipients_refused_total",
            "Recipients added by a handler that downstream refused; their copies are in quarantine.",
        )
        self.bugs = counter(
            "lamson_bugs_total", "Errors of lamsonproxy itself; each has a traceback in the log."
        )
        self.notices = Family(
            counter(
                "lamson_notices_total",
                "Notices (DSNs): sent, refused downstream, or failed for now.",
                "outcome",
            ),
            3,
        )
        self.notices_pending = gauge(
            "lamson_notices_pending", "Notices (DSNs) that wait to be sent.", over_workers="livemax"
        )
        self.transitions = Family(
            counter(
                "lamson_transitions_total",
                "Steps of conversations from one state into another.",
                "machine",
                "from",
                "to",
            ),
            60,
        )
        self.settled_retries = counter(
            "lamson_settled_retries_total",
            "Mails that an earlier attempt had settled: answered again, without handlers.",
        )
        self.conflicts = counter(
            "lamson_conflicts_total", "Units of work begun anew because two transactions met."
        )
        self.store_failures = counter(
            "lamson_store_failures_total", "Mails deferred because the database could not be used."
        )
        self.replies_withheld = counter(
            "lamson_replies_withheld_total", "Automatic mails not sent, as RFC 3834 asks."
        )
        self.scans = Family(
            counter("lamson_scans_total", "Mails by what a scanner said of them.", "scanner", "grade"), 15
        )
        self.scan_seconds = Family(
            histogram(
                "lamson_scan_seconds",
                "Time until a scanner had answered.",
                "scanner",
                steps=(0.01, 0.1, 1, 10, 100),
            ),
            3,
        )
        self.outbox = Family(
            counter(
                "lamson_outbox_total",
                "Recipients of mail that handlers sent: taken (sent), refused for good, or deferred for now.",
                "result",
            ),
            3,
        )
        self.not_signed = counter(
            "lamson_not_signed_total",
            "Mails of the outbox offered without a signature or a seal that they should have.",
        )
        self.outbox_pending = gauge(
            "lamson_outbox_pending", "Mails of the outbox that wait to be sent.", over_workers="livemax"
        )
        self.outbox_oldest = gauge(
            "lamson_outbox_oldest_seconds", "Age of the oldest of them.", over_workers="livemax"
        )
        self.dead_letters = Family(
            gauge(
                "lamson_dead_letters",
                "Mails that were refused for good and wait for an operator.",
                "queue",
                over_workers="livemax",
            ),
            8,
        )
        self.conversations = Family(
            gauge(
                "lamson_conversations",
                "Conversations, by the state they are in.",
                "machine",
                "state",
                over_workers="livemax",
            ),
            30,
        )
        self.sweep_failures = Family(
            counter(
                "lamson_sweep_failures_total",
                "Times that the database could not be swept: outbox, timer, retention.",
                "sweep",
            ),
            3,
        )
        self.in_flight = Family(gauge("lamson_in_flight", "Mails being worked on.", "door"), 8)
        self.in_flight_bytes = gauge("lamson_in_flight_bytes", "Octets of message held in memory.")
        self.sessions = Family(gauge("lamson_sessions", "Open connections of clients.", "door"), 8)
        self.refused_sessions = Family(
            counter(
                "lamson_refused_sessions_total",
                "Sessions turned away or ended by us, by reason.",
                "door",
                "reason",
            ),
            40,
        )
        self.loop_lag = gauge(
            "lamson_loop_lag_seconds", "How late the slowest worker's event loop was.", over_workers="livemax"
        )
        self.log_failures = counter("lamson_log_failures_total", "Log lines that could not be written.")


class SupervisorMetrics:
    """What the supervisor counts, in one registry with the sums of what the workers keep in the folder."""

    def __init__(self, folder: Path) -> None:
        self.registry = registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
        Gauge("lamson_build_info", "Always 1.", ["version", "python"], registry=registry).labels(
            __version__, platform.python_version()
        ).set(1)
        self.workers = Gauge("lamson_workers", "Workers that are ready.", registry=registry)
        self.restarts = Family(
            Counter(
                "lamson_worker_restarts_total",
                "Workers replaced: died, stalled, or their threads used_up.",
                ["reason"],
                registry=registry,
            ),
            8,
        )
        self.reload_failures = Counter(
            "lamson_reload_failures_total",
            "Reloads that failed; the old workers stayed.",
            registry=registry,
        )

        self.turned_away = Counter(
            "lamson_turned_away_total",
            "Clients that heard 421 because no worker was ready.",
            registry=registry,
        )
        # Not under the workers' name: that one comes with their sums.
        self.log_failures = Counter(
            "lamson_supervisor_log_failures_total",
            "Log lines of the supervisor that could not be written.",
            registry=registry,
        )

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)


class _Reserved(MmapedDict):
    """A file of numbers whose blocks are there before it is mapped: a store into a hole of a full disk is SIGBUS, which
    ends the process (mmap(2)). Raises OSError instead."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not os.path.exists(filename):
            _reserve(filename)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]

    def _init_value(self, key: str) -> None:
        # It doubles the file when this does not fit: at most four octets a character, and its two numbers.
        if self._used + 4 * len(key) + 64 > self._capacity:
            os.posix_fallocate(self._f.fileno(), 0, 2 * self._capacity)
        super()._init_value(key)  # type: ignore[no-untyped-call]


def _reserve(filename: str) -> None:
    # Under another name until its blocks are there: whoever sums at this moment cannot read an empty file.
    fresh = f"{filename}.new"
    try:
        with open(fresh, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, FILE_BYTES)
        os.rename(fresh, filename)
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
        raise


@cache
def of_this_process() -> Metrics:
    """The metrics of a worker, made at the first call; `share` comes before it."""
    return Metrics(REGISTRY)


def share(folder: Path, number: int) -> None:
    """From now on keep this process's numbers in the folder. To be called before any metric is made."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    vars(values)["MmapedDict"] = _Reserved  # the library has no other way to say it
    shared = values.MultiProcessValue(lambda: number)  # type: ignore[no-untyped-call]

    def value(*args: Any, **more: Any) -> Any:
        try:
            return shared(*args, **more)
        except OSError:
            return values.MutexValue(*args, **more)  # type: ignore[no-untyped-call]

    values.ValueClass = value


def forget(folder: Path, number: int) -> None:
    """A worker has ended: its gauges are over, its counters stay."""
    multiprocess.mark_process_dead(number, path=str(folder))  # type: ignore[no-untyped-call]
