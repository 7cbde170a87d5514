"""`lamson sink`, `send` and `quarantine`, as somebody types them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import parse_params, parse_xforward
from lamsonproxy.queues.quarantine import MaildirQuarantine
from tests.downstream import RawSink

LAMSON = (sys.executable, "-m", "lamsonproxy")
LIMIT_S = 60

ENVELOPE = Envelope(
    Address("alice@example.org"),
    (Recipient(Address('"bob b"@example.net'), parse_params("NOTIFY=NEVER ORCPT=rfc822;bob+40x")),),
    parse_params("RET=HDRS ENVID=Ab+2Bc"),
    parse_xforward("NAME=[UNAVAILABLE] IDENT=4F0"),
)
MAIL = b"Subject: \xff\r\n\r\n.kept\x00as it came\r\n"


def lamson(*words: str | Path, octets: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*LAMSON, *map(str, words)], input=octets, capture_output=True, timeout=LIMIT_S)


@pytest.fixture
def downstream() -> Iterator[RawSink]:
    with RawSink.threaded() as sink:
        yield sink


@pytest.fixture
def quarantine(tmp_path: Path) -> MaildirQuarantine:
    kept = MaildirQuarantine(tmp_path / "var/quarantine")
    kept.open()
    kept.hold("a1b2c3" + "0" * 58, ENVELOPE, (MAIL,), "an \x1b[31mexecutable").release()
    os.utime(kept.path / "new" / ("a1b2c3" + "0" * 58), (0, 0))
    kept.hold("a1b2d4" + "0" * 58, replace(ENVELOPE, sender=NULL_SENDER), (MAIL,), "").release()
    return kept


@pytest.fixture
def settings(tmp_path: Path, downstream: RawSink) -> Path:
    path = tmp_path / "lamson.toml"
    path.write_text(f"[relay]\nport = {downstream.port}\n")
    return path


def test_what_is_sent_to_a_sink_is_in_its_maildir_with_its_envelope(tmp_path: Path) -> None:
    sink = subprocess.Popen(
        [*LAMSON, "sink", "--listen", "127.0.0.1:0", str(tmp_path / "sink")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sink.stdout is not None
    try:
        port = sink.stdout.readline().split("127.0.0.1:")[1].split(",")[0]
        words = ("--from", "a@example.org", "--to", "b@example.net", "--rcpt-param", "NOTIFY=NEVER")
        sent = lamson("send", *words, "--file", "-", f"127.0.0.1:{port}", octets=MAIL)
        assert sent.returncode == 0, sent.stderr
        assert "from=<a@example.org> to=<b@example.net>" in sink.stdout.readline()
    finally:
        sink.terminate()
        assert sink.wait(LIMIT_S) == 0
        sink.stdout.close()
    kept = MaildirQuarantine(tmp_path / "sink")
    (name,) = kept.names()
    letter = kept.read(name)
    assert letter.content == MAIL
    assert letter.envelope.recipients == (Recipient(Address("b@example.net"), parse_params("NOTIFY=NEVER")),)


def test_send_hands_over_parameters_and_xforward_and_says_what_was_answered(downstream: RawSink) -> None:
    options = ("--mail-param", "RET=HDRS", "--xforward", "NAME=mail host", "--xforward", "IDENT=4F0")
    sent = lamson("send", "--to", "b@example.net", *options, f"127.0.0.1:{downstream.port}")
    (mail,) = downstream.mails
    assert sent.returncode == 0
    assert mail.mail == b"MAIL FROM:<> RET=HDRS"
    assert mail.xforward == (b"XFORWARD NAME=mail+20host IDENT=4F0",)
    assert f"queued as {mail.queue_id}".encode() in sent.stdout


@pytest.mark.parametrize(
    ("answer", "status"), [("550 5.7.1 no", 69), ("450 4.2.0 later", 75), ("250 2.0.0 Ok", 0)]
)
def test_the_exit_status_of_send_is_that_of_sysexits(answer: str, status: int) -> None:
    with RawSink.threaded(answers={".": answer}) as sink:
        assert lamson("send", "--to", "b@example.net", f"127.0.0.1:{sink.port}").returncode == status


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("127.0.0.1:1",), "at least one --to"),
        (("--to", "b@c", "--rcpt-param", "NOTIFY=a b@c", "127.0.0.1:1"), "not a parameter"),
        (("--to", "b@c", "--xforward", "COLOUR=red", "127.0.0.1:1"), "bad attribute"),
        (("--to", "b@c", "--subject", "one\r\nBcc: two", "127.0.0.1:1"), "a header is one line"),
        (("--to", "b@c", "nonsense"), "must be host:port"),
        (("--to", "b@c", "--file", "/nowhere", "127.0.0.1:1"), "No such file"),
    ],
)
def test_send_says_in_a_sentence_what_it_cannot_use(words: tuple[str, ...], sentence: str) -> None:
    sent = lamson("send", *words)
    assert sent.returncode == 1
    assert sentence in sent.stderr.decode()
    assert b"Traceback" not in sent.stderr


def test_the_quarantine_is_listed_oldest_first_and_moves_no_cursor(
    settings: Path, quarantine: MaildirQuarantine
) -> None:
    rows = json.loads(lamson("quarantine", "list", "--json", "-c", settings).stdout)
    assert [(row["name"][:6], row["sender"], row["size"]) for row in rows] == [
        ("a1b2c3", "alice@example.org", len(MAIL)),
        ("a1b2d4", "", len(MAIL)),
    ]
    table = lamson("quarantine", "list", "-c", settings).stdout
    assert b'<"bob b"@example.net>' in table
    assert b"\x1b[31m" not in table


def test_a_shown_mail_has_its_own_octets(settings: Path, quarantine: MaildirQuarantine) -> None:
    shown = lamson("quarantine", "show", "a1b2c3", "-c", settings).stdout
    assert shown.partition(b"\r\n")[2] == MAIL


def test_a_released_mail_goes_on_with_its_envelope_and_is_forgotten(
    settings: Path, quarantine: MaildirQuarantine, downstream: RawSink
) -> None:
    released = lamson("quarantine", "release", "a1b2c3", "-c", settings)
    assert released.returncode == 0, released.stderr
    (mail,) = downstream.mails
    assert mail.mail == b"MAIL FROM:<alice@example.org> RET=HDRS ENVID=Ab+2Bc"
    assert mail.rcpts == (b'RCPT TO:<"bob b"@example.net> NOTIFY=NEVER ORCPT=rfc822;bob+40x',)
    assert mail.xforward == (b"XFORWARD NAME=[UNAVAILABLE] IDENT=4F0",)
    assert mail.content == MAIL
    assert [name[:6] for name in quarantine.names()] == ["a1b2d4"]


def test_a_mail_that_downstream_does_not_take_stays(tmp_path: Path, quarantine: MaildirQuarantine) -> None:
    with RawSink.threaded(answers={"RCPT": "450 4.2.0 later"}) as sink:
        settings = tmp_path / "other.toml"
        settings.write_text(f"[relay]\nport = {sink.port}\n")
        released = lamson("quarantine", "release", "a1b2c3", "-c", settings)
    assert released.returncode == 1
    assert b"stays in quarantine: downstream said 450 4.2.0 later" in released.stderr
    assert len(list(quarantine.names())) == 2


def test_deleted_mail_is_gone_and_a_name_that_fits_two_deletes_none(
    settings: Path, quarantine: MaildirQuarantine
) -> None:
    assert lamson("quarantine", "delete", "a1b2", "-c", settings).returncode == 1
    assert len(list(quarantine.names())) == 2
    assert lamson("quarantine", "delete", "a1b2d4", "-c", settings).returncode == 0
    assert [name[:6] for name in quarantine.names()] == ["a1b2c3"]
