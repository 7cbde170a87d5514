"""A real rspamd, a real spamd and a real clamd behind a real Postfix: what they find, and when they are not there."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration import arrival
from integration.children import poll
from integration.client import Mail, Rcpt
from integration.conftest import Rig
from integration.fragments import Ports
from integration.postfix import PrivatePostfix
from integration.scanners import EICAR, GTUBE, Daemon, find_scanners
from integration.service import Service

LIMIT_S = 120
DEADLINE_S = 12
SCANNERS = ("rspamd", "spamd", "clamd")

APPLICATION = """\
from lamsonproxy import App, Quarantine, Reject, route, stateless
from lamsonproxy.scanners.clamav import clamav
from lamsonproxy.scanners.rspamd import rspamd
from lamsonproxy.scanners.scanned import scanned
from lamsonproxy.scanners.spamassassin import spamassassin

SPAM = Quarantine("spam")


@route("rspamd@(host)")
@stateless
@scanned(rspamd("http://127.0.0.1:{rspamd}"), spam=SPAM)
def by_rspamd(mail, host): ...


@route("spamd@(host)")
@stateless
@scanned(spamassassin("127.0.0.1:{spamd}"), spam=SPAM)
async def by_spamd(mail, host): ...


@route("clamd@(host)")
@stateless
@scanned(clamav("127.0.0.1:{clamd}"))
def by_clamd(mail, host): ...


@route("all@(host)")
@stateless
@scanned(
    rspamd("http://127.0.0.1:{rspamd}"), spamassassin("127.0.0.1:{spamd}"), clamav("127.0.0.1:{clamd}"), spam=SPAM
)
async def by_all(mail, host): ...


@route("direct@(host)")
@stateless
def directly(mail, host):
    report = clamav("127.0.0.1:{clamd}").scan(mail)
    mail.headers.add("X-Found", report.virus or report.grade)


@route("lenient@(host)")
@stateless
@scanned(clamav("127.0.0.1:{clamd}", timeout_s=1, when_away="accept"))
def leniently(mail, host): ...


app = App(__name__, captures={{"host": r"app\\.test"}})
"""


@pytest.fixture(scope="module")
def daemons() -> Iterator[dict[str, Daemon]]:
    programs = find_scanners()
    with ExitStack() as running:
        started = {name: running.enter_context(Daemon(name, programs[name])) for name in SCANNERS}
        yield started


@pytest.fixture(scope="module")
def service(
    daemons: dict[str, Daemon],
    ports: Ports,
    postfix: PrivatePostfix,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    numbers = {name: daemon.port for name, daemon in daemons.items()}
    (folder / "scanning.py").write_text(APPLICATION.format(**numbers))
    with Service(
        folder,
        door=ports.door,
        reentry=ports.reentry,
        app="scanning:app",
        about_door=f"deadline_s = {DEADLINE_S}",
    ) as service:
        yield service


def soup(body: bytes) -> bytes:
    return (
        b"From: Alice <alice@example.com>\r\nTo: bob@app.test\r\nSubject: Soup\r\n"
        b"Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.com>\r\nX-Virus-Status: Clean, honestly\r\n"
        b"\r\n" + body + b"\r\n"
    )


CLEAN = soup(b"Is there any soup today?\r\n.\r\n..dots \xe4")
SPAM = soup(GTUBE)
VIRUS = (
    b"From: alice@example.com\r\nTo: bob@app.test\r\nSubject: Soup\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nOpen it\r\n--b\r\n"
    b'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="soup.com"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(EICAR) + b"\r\n--b--\r\n"
)


def send(rig: Rig, to: str, content: bytes) -> str:
    """Its queue id."""
    return rig.postfix.send(Mail("alice@example.com", (Rcpt(f"{to}@app.test"),), content)).split()[-1]


def arrived(rig: Rig) -> bytes:
    """The one mail at the sink, without the hops' lines."""
    rig.postfix.wait_until_empty(LIMIT_S)
    (mail,) = rig.sink.mails
    return arrival.below_trace(mail.content, 1)


def kept(rig: Rig) -> int:
    return len(json.loads(rig.service.command("quarantine", "list", "--json")))


def answers(rig: Rig, queue_id: str) -> list[str]:
    """What Postfix was told about this mail, in order."""
    return [each["status"] for each in rig.postfix.deliveries() if each["id"] == queue_id]


@pytest.mark.parametrize("to", ["rspamd", "spamd", "clamd", "all"])
def test_clean_mail_passes_marked_and_otherwise_untouched(rig: Rig, to: str) -> None:
    send(rig, to, CLEAN)
    left = arrived(rig)
    rest = CLEAN.replace(b"X-Virus-Status: Clean, honestly\r\n", b"")
    assert left.endswith(rest[rest.index(b"From: ") :])
    marks = left[: -len(rest)]
    assert (b"X-Virus-Status: Clean\r\n" in marks) == (to in ("clamd", "all"))
    assert marks.count(b"X-Spam-Status: No, score=") == {"clamd": 0, "all": 2}.get(to, 1)
    assert b"X-Spam-Flag" not in marks


@pytest.mark.parametrize(
    ("to", "content"),
    [("rspamd", SPAM), ("spamd", SPAM), ("clamd", VIRUS), ("all", SPAM), ("all", VIRUS)],
    ids=["rspamd", "spamd", "clamd", "all-spam", "all-virus"],
)
def test_what_they_catch_is_kept_and_goes_nowhere(rig: Rig, to: str, content: bytes) -> None:
    before = kept(rig)
    send(rig, to, content)
    rig.postfix.wait_until_empty(LIMIT_S)
    assert kept(rig) == before + 1
    assert not rig.sink.mails


def test_a_handler_asks_for_itself(rig: Rig) -> None:
    send(rig, "direct", VIRUS)
    assert b"X-Found: Test.EICAR.UNOFFICIAL\r\n" in arrived(rig)


@pytest.mark.parametrize("to", SCANNERS)
def test_a_scanner_that_is_stopped_defers_the_mail_until_it_is_back(
    rig: Rig, daemons: dict[str, Daemon], to: str
) -> None:
    daemons[to].stop()
    try:
        queue_id = send(rig, to, CLEAN)
        poll("Postfix was answered", lambda: bool(answers(rig, queue_id)), LIMIT_S)
        assert set(answers(rig, queue_id)) == {"deferred"}
    finally:
        daemons[to].start()
    rig.postfix.flush_until_empty()
    assert b"any soup today" in arrived(rig)


@pytest.mark.parametrize("to", [*SCANNERS, "direct", "all"])
def test_a_scanner_that_hangs_defers_the_mail_within_the_deadline(
    rig: Rig, daemons: dict[str, Daemon], to: str
) -> None:
    held = daemons.get(to, daemons["clamd"])
    begun = time.monotonic()
    held.hold()
    try:
        queue_id = send(rig, to, CLEAN)
        poll("Postfix was answered", lambda: bool(answers(rig, queue_id)), LIMIT_S)
        # The answer was ours: Postfix itself waits for minutes. Twice the limit, for a machine that is busy.
        assert time.monotonic() - begun < 2 * DEADLINE_S
        assert set(answers(rig, queue_id)) == {"deferred"}
    finally:
        held.release()
    assert not [line for line in rig.service.log() if "handler_overran" in line]
    rig.postfix.flush_until_empty()
    assert b"any soup today" in arrived(rig)


def test_a_scanner_without_which_mail_may_go_keeps_none_back(rig: Rig, daemons: dict[str, Daemon]) -> None:
    daemons["clamd"].hold()
    try:
        send(rig, "lenient", CLEAN)
        left = arrived(rig)
    finally:
        daemons["clamd"].release()
    assert b"X-Virus-Status" not in left


def test_what_they_said_is_counted_and_logged(rig: Rig) -> None:
    def counted(grade: str) -> float:
        return rig.service.metric(f'lamson_scans_total{{grade="{grade}",scanner="clamav"}}')

    before = counted("clean"), counted("virus")
    send(rig, "clamd", CLEAN)
    send(rig, "clamd", VIRUS)
    rig.postfix.wait_until_empty(LIMIT_S)
    assert (counted("clean"), counted("virus")) == (before[0] + 1, before[1] + 1)
    assert any("scanned" in line and "Test.EICAR.UNOFFICIAL" in line for line in rig.service.log())
