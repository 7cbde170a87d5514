"""The application's own domains, handed by transport_maps to a unix socket: mail ends here, or goes elsewhere."""

import grp
import pwd
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration import arrival
from integration.children import poll
from integration.client import Mail, Rcpt
from integration.conftest import Rig
from integration.fragments import Options, Ports, Programs
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.test_lmtp import decisions
from integration.traffic import SENDER

CONTENT = b"From: alice@example.com\r\nSubject: To the list\r\n\r\nHello.\r\n"
LIMIT_S = 60
DOOR = """\
unmatched = "reject"
domains = ["app.test"]
socket_mode = "0660"
socket_group = "{group}"
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where the socket is: Postfix's user must be able to reach it, and pytest's folders are root's alone."""
    with tempfile.TemporaryDirectory(prefix="lamsonproxy-door-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "lmtp"


@pytest.fixture(scope="module")
def options(place: Path) -> Options:
    return Options(lmtp=True, socket=str(place), domains=("app.test",))


@pytest.fixture(scope="module")
def service(
    ports: Ports,
    place: Path,
    programs: Programs,
    postfix: PrivatePostfix,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    door = DOOR.format(group=grp.getgrgid(pwd.getpwnam(programs.owner).pw_gid).gr_name)
    listen = f"unix:{place}"
    with Service(
        folder, door=0, reentry=ports.reentry, kind="lmtp", listen=listen, about_door=door
    ) as service:
        yield service


def send(rig: Rig, *recipients: str) -> str:
    """The queue id of a mail to these."""
    return rig.postfix.send(
        Mail(SENDER, [Rcpt(each, "NOTIFY=NEVER") for each in recipients], CONTENT)
    ).split()[-1]


def test_an_unknown_address_is_550_5_1_1_and_a_known_one_is_served(rig: Rig) -> None:
    queue_id = send(rig, "consume@app.test", "nobody-at-all@app.test")
    assert decisions(rig, queue_id, 2) == {
        "consume@app.test": ("sent", "2.0.0"),
        "nobody-at-all@app.test": ("bounced", "5.1.1"),
    }
    rig.postfix.wait_until_empty()
    assert not rig.sink.mails


def test_what_goes_elsewhere_leaves_through_the_relay(rig: Rig) -> None:
    send(rig, "redirect@app.test")
    rig.postfix.wait_until_empty()
    assert set(arrival.by_recipient(rig.sink.mails)) == {"elsewhere@pass.test"}


def test_mail_for_other_domains_does_not_come_by(rig: Rig) -> None:
    queue_id = send(rig, "bob@pass.test")
    rig.postfix.wait_until_empty()
    assert not any(each["id"] == queue_id for each in rig.postfix.deliveries())
    assert len(rig.sink.mails) == 1


@pytest.mark.fault("C6")
def test_what_would_come_back_waits_and_the_log_says_why(rig: Rig) -> None:
    queue_id = send(rig, "accept@app.test", "consume@app.test")
    assert decisions(rig, queue_id, 2) == {
        "accept@app.test": ("deferred", "4.3.0"),
        "consume@app.test": ("sent", "2.0.0"),
    }
    poll("the log says why", lambda: len(_loop_lines(rig, queue_id)) == 1, LIMIT_S)
    (line,) = _loop_lines(rig, queue_id)
    assert "<accept@app.test>" in line and "transport_maps" in line


def _loop_lines(rig: Rig, queue_id: str) -> list[str]:
    return [line for line in rig.service.log() if "would_loop" in line and queue_id in line]


@pytest.mark.fault("K1")
def test_a_socket_that_a_kill_has_left_is_taken_over_and_only_postfix_may_use_it(
    rig: Rig, place: Path
) -> None:
    rig.service.kill()
    assert place.is_socket()
    queue_id = send(rig, "redirect@app.test")
    assert decisions(rig, queue_id, 1) == {"redirect@app.test": ("deferred", "4.4.1")}
    rig.service.start()
    poll("the mail arrives", lambda: len(rig.sink.mails) == 1, LIMIT_S)
    assert stat.S_IMODE(place.stat().st_mode) == 0o660


def test_a_stopped_service_takes_its_socket_with_it(rig: Rig, place: Path) -> None:
    assert rig.service.terminate() == 0
    assert not place.exists()
    rig.service.start()
    send(rig, "consume@app.test")
    rig.postfix.wait_until_empty()
