"""The service is killed, stopped and reloaded while mail flows: Postfix keeps what was not answered.

Short by default; SOAK=1 runs the numbers of a full run.
"""

import os
import random
import re
from pathlib import Path

import pytest

from integration import arrival
from integration.children import free_ports, poll
from integration.client import Client, Mail, Rcpt, Refused
from integration.conftest import Rig
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import SENDER, Traffic
from tests.downstream import RawSink

SOAK = os.environ.get("SOAK") == "1"
MAILS, KILLS, STOPS = (2000, 10, 20) if SOAK else (400, 4, 2)
LIMIT_S = 240

_CUT_OFF = re.compile(r"postfix/scan/[sl]mtp\[\d+\]: (\w+): .*lost connection with")

APP = """
from lamsonproxy import App, route, stateless

@route(".+@app.test")
@stateless
def stamp(mail):
    mail.headers.add("X-Stamp", "{word}")

app = App("stamping")
"""


@pytest.fixture(scope="module", params=["filter", "lmtp"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.fault("K1")
def test_killed_at_any_moment_it_loses_nothing_and_doubles_only_what_was_in_flight(rig: Rig) -> None:
    seen = len(rig.postfix.log())
    traffic = Traffic(MAILS, "slow.{tag}@app.test")
    with traffic.flowing(rig.postfix.ports.front):
        for moment in _moments(KILLS):
            _wait_for_arrivals(rig.sink, moment)
            rig.service.kill()
            rig.service.start()
    rig.postfix.wait_until_empty(LIMIT_S)
    arrived = arrival.by_recipient(rig.sink.mails)
    assert set(arrived) == set(traffic.recipients)
    assert {arrival.sender(mail) for mail in rig.sink.mails} == {SENDER}
    doubled = {recipient for recipient, copies in arrived.items() if len(copies) > 1}
    in_flight = _cut_off(rig.postfix, seen)
    print(f"{KILLS} kills, {len(in_flight)} mails in flight, {len(doubled)} of them doubled")
    assert in_flight
    assert doubled <= in_flight
    assert len(rig.sink.mails) - MAILS <= len(in_flight)


@pytest.mark.fault("K3")
def test_told_to_stop_it_finishes_what_is_in_flight_and_nothing_is_lost_or_doubled(rig: Rig) -> None:
    traffic = Traffic(MAILS, "slow.{tag}@app.test")
    with traffic.flowing(rig.postfix.ports.front):
        for moment in _moments(STOPS):
            _wait_for_arrivals(rig.sink, moment)
            assert rig.service.terminate() == 0
            rig.service.start()
    rig.postfix.wait_until_empty(LIMIT_S)
    arrived = arrival.by_recipient(rig.sink.mails)
    assert set(arrived) == set(traffic.recipients)
    assert all(len(copies) == 1 for copies in arrived.values())


@pytest.mark.fault("K4")
@pytest.mark.parametrize(
    ("file", "mistake"),
    [
        ("stamping.py", "this is no Python ("),
        ("stamping.py", APP.replace("(mail)", "(mail, nobody_gives_this)")),
        ("lamson.toml", 'app = "stamping:app"\n[[door]]\nkind = "filtre"\n'),
        ("lamson.toml", "= no TOML"),
    ],
)
def test_a_reload_that_cannot_start_keeps_what_runs(
    postfix: PrivatePostfix, sink: RawSink, tmp_path: Path, file: str, mistake: str
) -> None:
    (tmp_path / "stamping.py").write_text(APP.format(word="old"))
    (door,) = free_ports(1)
    service = Service(tmp_path, door=door, reentry=postfix.ports.reentry, app="stamping:app", workers=1)
    with service:
        good = (tmp_path / file).read_text()
        (tmp_path / file).write_text(mistake)
        service.reload()
        poll("the failure is counted", lambda: service.metric("lamson_reload_failures_total") == 1, 40)
        assert _stamp_by(sink, door) == b"old"
        (tmp_path / file).write_text(good)
        (tmp_path / "stamping.py").write_text(APP.format(word="new"))
        service.reload()
        poll("the new application is at work", lambda: _stamp_by(sink, door) == b"new", 40)


def _moments(number: int) -> list[int]:
    """Random numbers of arrived mails; the seed is printed, so that a failure can be had again."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    return sorted(random.Random(seed).sample(range(MAILS // 20, MAILS * 9 // 10), number))


def _wait_for_arrivals(sink: RawSink, count: int) -> None:
    poll(f"{count} mails have arrived", lambda: len(sink.mails) >= count, LIMIT_S)


def _cut_off(postfix: PrivatePostfix, seen: int) -> set[str]:
    """Whose mail was under way to the filter when its connection broke."""
    broken = {match[1] for line in postfix.log()[seen:] if (match := _CUT_OFF.search(line))}
    return {each["to"] for each in postfix.deliveries() if each["id"] in broken}


def _stamp_by(sink: RawSink, door: int) -> bytes:
    """The word that the application at this door puts into a mail; empty when a worker that leaves sent us away."""
    sink.mails.clear()
    try:
        with Client(door) as client:
            client.send(Mail("alice@example.com", [Rcpt("bob@app.test")], b"Subject: x\r\n\r\nx\r\n"))
    except Refused:
        return b""
    (mail,) = sink.wait_for(1, 30)
    match = re.search(rb"X-Stamp: (\w+)", mail.content)
    assert match
    return match[1]
