"""packaging/*.service on a real systemd: PID 1 of a container, Debian's package.

Law: the unit runs as it is shipped, from the place that docs/systemd.md names; only the settings are the test's.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.children import poll
from integration.compose.stack import REPOSITORY, docker, say

LAMSON = "/opt/lamsonproxy/bin/lamson"
HERE = "/usr/src/lamsonproxy"
KEPT = "/var/lib/lamsonproxy/quarantine"
SETTINGS = "/etc/lamsonproxy/lamson.toml"
BUILD_LIMIT_S = 600.0
TESTS = "tests/contract tests/unit tests/wire"
TESTS_UNIT = "lamsonproxy-tests"
TESTS_LIMIT_S = 900

# systemd sets up namespaces, mounts and cgroups. SYS_RESOURCE, which not every host has to give, is not needed.
RIGHTS = (
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--cgroupns=private",
    "--tmpfs=/run",
)

EXECUTABLE = 'Subject: x\nMIME-Version: 1.0\nContent-Type: application/octet-stream; name="game.exe"\n\nMZ\n'


class Machine:
    """A container that systemd has booted."""

    def __init__(self, container: str) -> None:
        self.container = container

    def run(self, *words: str) -> str:
        return docker("exec", self.container, *words)

    def sh(self, script: str) -> str:
        return self.run("sh", "-euc", script)

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def send(self, content: str = "Subject: x\n\n") -> None:
        """One mail to the door of the unit."""
        self.sh(
            f"printf %s '{content}' | {LAMSON} send --from alice@example.com --to bob@example.org --file -"
        )

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit)


@pytest.fixture(scope="module")
def machine(compose: tuple[str, ...]) -> Iterator[Machine]:
    """A machine with the unit installed and running, and a sink in Postfix's place."""
    say("An image with systemd is built; its container boots.")
    for tag, file in (
        ("lamsonproxy", "Dockerfile"),
        ("lamsonproxy-systemd", "integration/compose/systemd/Dockerfile"),
    ):
        docker("build", "--quiet", "--tag", tag, "--file", file, ".", limit_s=BUILD_LIMIT_S)
    mount = f"--volume={REPOSITORY}:{HERE}:ro"
    machine = Machine(
        docker("run", "--detach", "--env=container=docker", mount, *RIGHTS, "lamsonproxy-systemd").strip()
    )
    try:
        poll("systemd has booted", lambda: _has_booted(machine), 60, every_s=0.2)
        _install(machine)
        yield machine
    finally:
        docker("rm", "--force", "--volumes", machine.container)


def _has_booted(machine: Machine) -> bool:
    try:
        return machine.property("multi-user.target", "ActiveState") == "active"
    except RuntimeError:  # It does not answer yet.
        return False


def _install(machine: Machine) -> None:
    machine.sh(f"""
        cp {HERE}/packaging/*.service /etc/systemd/system/
        mkdir -p /etc/lamsonproxy
        cp {HERE}/examples/stamp/stamp.py /etc/lamsonproxy/
        sed 's|^path = .*|path = "{KEPT}"|' {HERE}/examples/stamp/lamson.toml >{SETTINGS}
        systemctl daemon-reload
        systemd-run --quiet --unit=sink {LAMSON} sink --listen 127.0.0.1:10026 /tmp/sink
        systemctl start lamsonproxy
    """)


def test_the_unit_is_up_when_the_service_says_so(machine: Machine) -> None:
    assert machine.property("lamsonproxy", "StatusText") == "Serving mail"
    assert "Alive and ready" in machine.run(LAMSON, "check", "--live", "-c", SETTINGS)


def test_mail_passes_inside_the_restrictions(machine: Machine) -> None:
    machine.send()
    poll("it is logged", lambda: "queued as" in machine.journal("lamsonproxy"), 20, every_s=0.2)
    assert "X-Checked-By: lamsonproxy" in machine.sh("cat /tmp/sink/new/*")


@pytest.mark.fault("A6")
def test_what_is_kept_is_for_the_service_alone(machine: Machine) -> None:
    machine.send(EXECUTABLE)
    (kept,) = json.loads(machine.run(LAMSON, "quarantine", "list", "--json", "-c", SETTINGS))
    modes = machine.sh(f"stat -c %a {KEPT} {KEPT}/new {KEPT}/new/{kept['name']}").split()
    assert modes == ["700", "700", "600"]


@pytest.mark.fault("A6")
def test_every_process_has_no_rights_and_a_filter(machine: Machine) -> None:
    pids = machine.sh("cat /sys/fs/cgroup/system.slice/lamsonproxy.service/cgroup.procs").split()
    assert len(pids) == 3
    for pid in pids:
        lines = machine.run("cat", f"/proc/{pid}/status").splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert "0" not in status["Uid"]
        assert (status["CapBnd"], status["CapEff"]) == (["0" * 16], ["0" * 16])
        assert (status["NoNewPrivs"], status["Seccomp"], status["Umask"]) == (["1"], ["2"], ["0077"])
        assert "Max core file size        0                    0" in machine.run("cat", f"/proc/{pid}/limits")


@pytest.mark.fault("A6")
def test_systemd_itself_finds_little_to_object_to(machine: Machine) -> None:
    for unit in ("lamsonproxy.service", "lamson@inbound.service"):
        verdict = machine.run("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
        assert float(verdict.split(":")[1].split()[0]) <= 1.5, verdict
    assert machine.run("systemd-analyze", "verify", "lamsonproxy.service", "lamson@inbound.service") == ""


def test_a_reload_keeps_the_service_and_replaces_its_workers(machine: Machine) -> None:
    def processes() -> set[str]:
        return set(machine.sh("cat /sys/fs/cgroup/system.slice/lamsonproxy.service/cgroup.procs").split())

    supervisor = machine.property("lamsonproxy", "MainPID")
    before = processes()
    machine.run("systemctl", "reload", "lamsonproxy")
    poll("the old workers have left", lambda: processes() & before == {supervisor}, 30, every_s=0.2)
    assert machine.property("lamsonproxy", "ActiveState") == "active"
    machine.send()


def test_a_supervisor_that_stands_still_is_replaced_by_the_watchdog(machine: Machine) -> None:
    say("The supervisor is stopped (SIGSTOP); systemd must notice within WatchdogSec and start another.")
    before = machine.property("lamsonproxy", "MainPID")
    machine.sh(f"kill -STOP {before}")

    def is_replaced() -> bool:
        now = machine.property("lamsonproxy", "MainPID")
        return now not in ("0", before) and machine.property("lamsonproxy", "ActiveState") == "active"

    poll("another supervisor serves", is_replaced, 120, every_s=1)
    assert "Watchdog timeout" in machine.journal("lamsonproxy")
    machine.send()


def test_several_instances_run_side_by_side(machine: Machine) -> None:
    for number, name in enumerate(("inbound", "outbound"), 1):
        machine.sh(f"""
            mkdir -p /etc/lamson/{name}
            cp /etc/lamsonproxy/stamp.py /etc/lamson/{name}/
            sed -e 's|{KEPT}|/var/lib/lamson/{name}/quarantine|' \
                -e 's|10025|1{number}025|' -e 's|9125|1{number}125|' {SETTINGS} >/etc/lamson/{name}/lamson.toml
            systemctl start lamson@{name}
        """)
    names = [f"lamson@{name}" for name in ("inbound", "outbound")]
    users = {machine.sh(f"stat -c %u /proc/{machine.property(name, 'MainPID')}") for name in names}
    assert len(users) == 2
    assert machine.sh("ls /var/lib/lamson/inbound /var/lib/lamson/outbound").count("quarantine") == 2


def test_a_stop_is_a_clean_end(machine: Machine) -> None:
    machine.run("systemctl", "stop", "lamsonproxy")
    assert machine.property("lamsonproxy", "Result") == "success"
    machine.run("systemctl", "start", "lamsonproxy")


@pytest.mark.fault("A6")
def test_the_tests_pass_inside_the_restrictions(machine: Machine, tmp_path: Path) -> None:
    say(
        "The tests of the package run once more, in a unit that has every restriction of lamsonproxy.service."
    )
    unit = tmp_path / f"{TESTS_UNIT}.service"
    unit.write_text(restricted((REPOSITORY / "packaging/lamsonproxy.service").read_text()))
    docker("cp", os.fspath(unit), f"{machine.container}:/etc/systemd/system/")
    machine.run("systemctl", "daemon-reload")
    try:
        docker("exec", machine.container, "systemctl", "start", TESTS_UNIT, limit_s=TESTS_LIMIT_S)
    finally:
        say(machine.journal(TESTS_UNIT)[-6000:])


def restricted(service: str) -> str:
    """A unit that runs the tests where the other would run the service; every restriction of it stays.

    The tests write beside themselves, so they are copied to where the unit may write.
    """
    copy = f"tar -C {HERE} --exclude=./.* --exclude=./var -c . | tar -x"
    run = f"/opt/tests/bin/python -m pytest -q -p no:cacheprovider {TESTS}"
    tests = f"""
Type=oneshot
NotifyAccess=none
WatchdogSec=0
Restart=no
TimeoutStartSec={TESTS_LIMIT_S}
StateDirectory=
StateDirectory={TESTS_UNIT}
RuntimeDirectory=
WorkingDirectory=%S/{TESTS_UNIT}
Environment=HOME=%S/{TESTS_UNIT} PYTHONPATH=%S/{TESTS_UNIT}
ExecStart=
ExecStart=/bin/sh -c '{copy} && exec {run}'
"""
    return service.replace("[Install]", f"{tests}\n[Install]")
