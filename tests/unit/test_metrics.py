"""The numbers: closed sets of labels, and sums over workers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from lamsonproxy.metrics import Metrics, SupervisorMetrics, _Reserved, forget


def series_of(page: bytes) -> list[str]:
    return [line for line in page.decode().splitlines() if line and not line.startswith("#")]


@pytest.mark.fault("A3")
def test_strangers_and_generated_handlers_make_at_most_500_series() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for n in range(10_000):
        metrics.messages.of(f"door{n % 3}", f"verdict{n}").inc()
        metrics.handler_seconds.of(f"handlers.h{n}").observe(n)
        metrics.handler_errors.of(f"handlers.h{n}", "raised").inc()
        metrics.quarantined.of(f"handlers.h{n}").inc()
        metrics.relay_failures.of(f"stage{n}", f"kind{n}").inc()
        metrics.relay_replies.of(f"{n}xx").inc()
        metrics.refused_sessions.of(f"door{n}", f"reason{n}").inc()
        metrics.sessions.of(f"door{n}").set(n)
        metrics.in_flight.of(f"door{n}").set(n)
        metrics.notices.of(f"outcome{n}").inc()
        metrics.outbox.of(f"result{n}").inc()
        metrics.dead_letters.of(f"queue{n}").set(n)
        metrics.conversations.of(f"handlers{n % 7}", f"STATE{n}").set(n)
        metrics.sweep_failures.of(f"sweep{n}").inc()
    series = series_of(generate_latest(registry))
    assert len(series) <= 500
    assert 'lamson_quarantined_total{route="other"} 9984.0' in series


def test_a_child_is_made_once() -> None:
    metrics = Metrics(CollectorRegistry())
    assert metrics.messages.of("filter", "accept") is metrics.messages.of("filter", "accept")


_WORKER = """
import sys
from pathlib import Path
from lamsonproxy import metrics
metrics.share(Path(sys.argv[1]), int(sys.argv[2]))
mine = metrics.of_this_process()
mine.messages.of("filter", "accept").inc(3)
mine.sessions.of("filter").set(2)
mine.loop_lag.set(float(sys.argv[2]) + 0.5)
"""


def test_numbers_are_summed_over_workers_and_outlive_them(tmp_path: Path) -> None:
    def work(number: int) -> None:
        subprocess.run((sys.executable, "-c", _WORKER, str(tmp_path), str(number)), check=True, timeout=60)

    supervisor = SupervisorMetrics(tmp_path)
    work(0)
    work(1)
    both = series_of(supervisor.page())
    assert 'lamson_messages_total{door="filter",verdict="accept"} 6.0' in both
    assert 'lamson_sessions{door="filter"} 4.0' in both
    assert "lamson_loop_lag_seconds 1.5" in both
    forget(tmp_path, 1)
    files = sorted(tmp_path.iterdir())
    work(1)  # a successor with the same number goes on where the dead one ended, in the same file
    assert 'lamson_messages_total{door="filter",verdict="accept"} 9.0' in series_of(supervisor.page())
    assert set(files) < set(tmp_path.iterdir())
    forget(tmp_path, 0)
    forget(tmp_path, 1)
    none = series_of(supervisor.page())
    assert 'lamson_messages_total{door="filter",verdict="accept"} 9.0' in none
    assert not [line for line in none if line.startswith("lamson_sessions")]


_APPLICATION = """
from prometheus_client import Counter
own = Counter("own", "An application's.", ["n"])
for n in range(20_000):
    own.labels(str(n)).inc()
print(own.labels("19999")._value.get(), mine.loop_lag._value.get())
"""


@pytest.fixture(params=["200k", "600k"])
def tiny(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system that is full at the first files, or when they grow."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "lamson-test", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs a tmpfs of its own")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.fault("D1")
def test_a_place_that_is_full_costs_numbers_and_no_worker(tiny: Path) -> None:
    work = (sys.executable, "-c", _WORKER + _APPLICATION, str(tiny), "0")
    worker = subprocess.run(work, capture_output=True, text=True, timeout=60)
    assert (worker.returncode, worker.stdout) == (0, "1.0 0.5\n"), worker.stderr
    assert SupervisorMetrics(tiny).page()


@pytest.mark.fault("D3")
def test_a_place_that_has_gone_costs_numbers_and_no_worker(tmp_path: Path) -> None:
    work = (sys.executable, "-c", _WORKER, str(tmp_path / "gone"), "0")
    subprocess.run(work, check=True, timeout=60)


def test_the_supervisor_is_no_worker_whatever_the_environment_says(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from lamsonproxy.metrics import SupervisorMetrics;"
        "SupervisorMetrics(Path(sys.argv[1])).reload_failures.inc()"
    )
    subprocess.run(
        (sys.executable, "-c", script, str(tmp_path)),
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        check=True,
        timeout=60,
    )
    assert list(tmp_path.iterdir()) == []


def test_the_page_can_be_read_at_every_moment_of_a_worker_s_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = SupervisorMetrics(tmp_path)
    reserve, pages = os.posix_fallocate, list[bytes]()

    def reserve_and_look(descriptor: int, offset: int, length: int) -> None:
        pages.append(supervisor.page())
        reserve(descriptor, offset, length)
        pages.append(supervisor.page())

    monkeypatch.setattr(os, "posix_fallocate", reserve_and_look)
    _Reserved(str(tmp_path / "counter_0.db")).close()  # type: ignore[no-untyped-call]
    assert len(pages) == 2
