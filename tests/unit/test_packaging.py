"""What stands around the package: units, the compose file and the dashboards, against the code that they speak of."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from lamsonproxy.config import Settings
from lamsonproxy.metrics import Metrics, SupervisorMetrics

REPOSITORY = Path(__file__).parents[2]
UNITS = (REPOSITORY / "packaging/lamsonproxy.service", REPOSITORY / "packaging/lamson@.service")
DASHBOARD = REPOSITORY / "integration/compose/grafana/dashboards/lamsonproxy.json"
COMPOSE = REPOSITORY / "docker-compose.yml"

EXPOSURE = 1.5
"""Of ten; `systemd-analyze security` calls a service without any restriction 9.6."""
ANALYZE_SINCE = 250
"""The systemd that learnt `security --offline` and `verify --recursive-errors`."""


@pytest.fixture(scope="module")
def analyze() -> str:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    words = subprocess.run((program, "--version"), capture_output=True, text=True, timeout=60).stdout.split()
    if int(re.match(r"\d+", words[1])[0]) < ANALYZE_SINCE:  # type: ignore[index]  # it has a number since 1
        pytest.skip(f"systemd-analyze is older than {ANALYZE_SINCE}")
    return program


def setting_of(unit: Path, name: str) -> str:
    match = re.search(rf"(?m)^{name}=(.*)$", unit.read_text())
    assert match, f"{unit.name} does not say {name}="
    return match[1]


@pytest.mark.fault("A6")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_exposes_little(analyze: str, unit: Path) -> None:
    done = subprocess.run(
        (analyze, "security", "--offline=yes", "--no-pager", unit), capture_output=True, text=True, timeout=60
    )
    verdict = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert verdict, done.stderr
    assert float(verdict[1]) <= EXPOSURE, done.stdout


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_line_of_a_unit(analyze: str, unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@", "@inbound")
    # It looks whether the program is there, which it need not be here.
    copy.write_text(unit.read_text().replace("/opt/lamsonproxy/bin/lamson", sys.executable))
    done = subprocess.run(
        (analyze, "verify", "--recursive-errors=no", "--man=no", copy),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_waits_longer_than_the_service_takes(unit: Path) -> None:
    limits = Settings().limits
    assert int(setting_of(unit, "TimeoutStopSec")) > limits.drain_s
    assert int(setting_of(unit, "TimeoutStartSec")) > limits.start_s


def test_the_instances_are_what_the_single_service_is() -> None:
    single, instance = (unit.read_text().partition("[Unit]")[2] for unit in UNITS)
    instance = instance.replace(" (%i)", "").replace("User=lamson-%i", "User=lamsonproxy")
    assert re.sub(r"\blamson/%i", "lamsonproxy", instance) == single


def test_containers_have_longer_to_stop_than_the_service_takes_to_drain() -> None:
    service = re.search(r"(?ms)^  lamsonproxy:$.*?stop_grace_period: (\d+)s", COMPOSE.read_text())
    assert service
    assert int(service[1]) > Settings().limits.drain_s


def test_what_the_stack_publishes_is_on_the_loopback() -> None:
    published = re.findall(r"(?m)^    ports: \[(.*)\]$", COMPOSE.read_text())
    assert len(published) == COMPOSE.read_text().count("ports:") == 3
    ports = [port for line in published for port in line.split(", ")]
    assert [port for port in ports if not port.startswith('"127.0.0.1:')] == []


def test_the_stack_mounts_what_is_there() -> None:
    mounts = re.findall(r"(?m)^ *- \./([^:]+):", COMPOSE.read_text())
    assert mounts
    assert [path for path in mounts if not (REPOSITORY / path).exists()] == []


def test_every_metric_and_label_of_the_dashboard_is_one_of_ours(tmp_path: Path) -> None:
    known = dict(_series(tmp_path))
    for query in queries():
        used = set(re.findall(r"\blamson_\w+", query))
        assert used - known.keys() == set(), query
        labels = {label for name in used for label in known[name]} | {"le", "instance"}
        grouped = {label for by in re.findall(r"by \(([^)]*)\)", query) for label in by.split(", ")}
        assert grouped <= labels, query


def test_the_dashboard_shows_what_an_operator_asks_first() -> None:
    text = " ".join(queries())
    for name in (
        "lamson_messages_total",
        "lamson_handler_seconds_bucket",
        "lamson_handler_errors_total",
        "lamson_relay_replies_total",
        "lamson_relay_seconds_bucket",
        "lamson_in_flight",
        "lamson_loop_lag_seconds",
        "lamson_worker_restarts_total",
        "lamson_notices_total",
    ):
        assert re.search(rf"\b{name}\b", text), name


def queries() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def _series(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of all series as Prometheus has them, each with its labels."""
    registry = CollectorRegistry()
    Metrics(registry)
    for collector in (registry, SupervisorMetrics(folder).registry):
        for known in collector._collector_to_names:  # no public way tells the labels of what has no child yet
            labels = tuple(getattr(known, "_labelnames", ()))
            for name in collector._collector_to_names[known]:
                yield name, labels
