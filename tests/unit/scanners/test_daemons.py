"""The three protocols, against stand-ins: what is asked, what is understood, and what is nonsense."""

import socket
import time
from pathlib import Path

import pytest

from lamsonproxy.errors import RemoteError
from lamsonproxy.scanners.asking import Scanner
from lamsonproxy.scanners.clamav import clamav
from lamsonproxy.scanners.place import Place
from lamsonproxy.scanners.report import Report
from lamsonproxy.scanners.rspamd import RECIPIENTS_LIMIT, rspamd
from lamsonproxy.scanners.spamassassin import spamassassin
from tests.relay_rig import XFORWARD
from tests.unit.scanners.daemons import Play, clamd, daemon, http, silent, spamd
from tests.unit.scanners.mails import CONTENT, mail, transaction

SPAM = {
    "is_skipped": False,
    "score": 17.5,
    "required_score": 15.0,
    "action": "reject",
    "thresholds": {"reject": 15.0, "add header": 6.0, "greylist": 4.0, "rewrite subject": None},
    "symbols": {
        "SMALL": {"name": "SMALL", "score": 0.5},
        "GTUBE": {"name": "GTUBE", "score": 17.0},
        "GOOD": {"name": "GOOD", "score": -2.0},
    },
}


def asked(
    kind: str, tmp_path: Path, play: Play, content: bytes = CONTENT, timeout_s: float = 30, **words: str
) -> Report:
    """The report of a scanner whose daemon plays this."""
    makers = {"clamav": clamav, "spamassassin": spamassassin, "rspamd": rspamd}
    with daemon(tmp_path / "socket", play) as place:
        scanner: Scanner = makers[kind](place, timeout_s=timeout_s, when_away="accept")
        report: Report = scanner.scan(mail(transaction(content=content, **words)))
    return report


# -- clamd -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1 << 17, (1 << 17) + 1, 500_000])
def test_clamd_gets_the_mail_octet_for_octet(tmp_path: Path, size: int) -> None:
    heard: list[bytes] = []
    content = b"Subject: a\r\n\r\n" + b"x" * size
    assert asked("clamav", tmp_path, clamd(b"stream: OK\0", heard), content) == Report("clamav", "clean")
    assert heard == [content]


def test_clamd_names_a_virus(tmp_path: Path) -> None:
    report = asked("clamav", tmp_path, clamd(b"stream: Win.Test.EICAR_HDB-1 FOUND\0"))
    assert report == Report("clamav", "virus", virus="Win.Test.EICAR_HDB-1")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\0", b"stream: OK", b"INSTREAM size limit exceeded. ERROR\0", b"stream:  FOUND\0", b"\xff\0"],
)
def test_what_is_no_answer_of_clamd_is_no_report(tmp_path: Path, answer: bytes) -> None:
    assert asked("clamav", tmp_path, clamd(answer)).is_away


def test_clamd_is_heard_when_it_stops_reading(tmp_path: Path) -> None:
    def stops(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"INSTREAM size limit exceeded. ERROR\0")

    report = asked("clamav", tmp_path, stops, b"x: y\r\n\r\n" + b"z" * 20_000_000)
    assert report.is_away
    assert "INSTREAM size limit exceeded" in report.trouble


# -- spamd -----------------------------------------------------------------------------------------------------


def test_spamd_is_asked_for_symbols_with_the_envelopes_sender_above_the_mail(tmp_path: Path) -> None:
    heard: list[bytes] = []
    answer = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 13\r\nSpam: True ; 998.3 / 5.0\r\n\r\nGTUBE,MISSING"
    report = asked("spamassassin", tmp_path, spamd(answer, heard), sender="bounces@example.org")
    assert report == Report("spamassassin", "spam", 998.3, 5.0, ("GTUBE", "MISSING"))
    assert heard[0].startswith(b"SYMBOLS SPAMC/1.")
    assert heard[0].endswith(b"Return-Path: <bounces@example.org>\r\n" + CONTENT)


def test_spamd_finds_nothing(tmp_path: Path) -> None:
    answer = b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; -1.2 / 5.0\r\n\r\n"
    report = asked("spamassassin", tmp_path, spamd(answer))
    assert report == Report("spamassassin", "clean", -1.2, 5.0)


def test_spamd_hears_nothing_that_could_begin_a_line(tmp_path: Path) -> None:
    heard: list[bytes] = []
    asked("spamassassin", tmp_path, spamd(b"", heard), sender="a\r\nX-Evil: 1\r\n@example.org")
    assert b"Evil" not in heard[0]


def test_spamd_hears_where_the_mail_ends(tmp_path: Path) -> None:
    def until_the_end(connection: socket.socket) -> None:
        while connection.recv(1 << 16):
            pass
        connection.sendall(b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; 1 / 5\r\n\r\n")

    report = asked("spamassassin", tmp_path, until_the_end, b"Subject: Soup\r\n\r\nno line end")
    assert report.grade == "clean"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SPAMD/1.1 76 Bad header line\r\n",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 100\r\nSpam: True ; 9 / 5\r\n\r\nGTUBE",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: 5\r\n\r\nGTUBE",
        b"SPAMD/1.1 0 EX_OK\r\nContent-length: x\r\nSpam: perhaps\r\n\r\nGTUBE",
        b"SPAMD/1.1 0 EX_OK\r\nSpam: \xff\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_what_is_no_answer_of_spamd_is_no_report(tmp_path: Path, answer: bytes) -> None:
    assert asked("spamassassin", tmp_path, spamd(answer)).is_away


# -- rspamd ----------------------------------------------------------------------------------------------------


def test_rspamd_hears_of_the_client_before_postfix(tmp_path: Path) -> None:
    heard: list[bytes] = []
    asked("rspamd", tmp_path, http(SPAM, heard), xforward=XFORWARD)
    head, body = heard[0][: -len(CONTENT)].decode(), heard[0][-len(CONTENT) :]
    assert body == CONTENT
    lines = head.split("\r\n")
    assert lines[0] == "POST /checkv2 HTTP/1.1"
    assert {
        "From: <alice@example.org>",
        "Rcpt: <bob@example.net>",
        "IP: 192.0.2.7",
        "Hostname: client.example",
        "Helo: h",
        "Queue-Id: 4F0",
    } <= set(lines)


def test_rspamd_hears_of_every_recipient(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with daemon(tmp_path / "socket", http(SPAM, heard)) as place:
        rspamd(place).scan(mail(transaction("bob@example.net", "eve@example.net")))
    assert b"Rcpt: <bob@example.net>\r\nRcpt: <eve@example.net>" in heard[0]


def test_rspamd_does_not_hear_of_more_recipients_than_it_bears(tmp_path: Path) -> None:
    heard: list[bytes] = []
    many = (f"bob{number}@example.net" for number in range(RECIPIENTS_LIMIT + 1))
    with daemon(tmp_path / "socket", http(SPAM, heard)) as place:
        rspamd(place).scan(mail(transaction(*many)))
    assert heard[0].count(b"\r\nRcpt: ") == RECIPIENTS_LIMIT


def test_rspamd_hears_nothing_that_could_begin_a_header(tmp_path: Path) -> None:
    heard: list[bytes] = []
    asked("rspamd", tmp_path, http(SPAM, heard), sender='"a\r\nPass: all"@example.org')
    assert b"Pass" not in heard[0].removesuffix(CONTENT)


def test_rspamds_report_has_its_rules_with_the_weightiest_first(tmp_path: Path) -> None:
    report = asked("rspamd", tmp_path, http(SPAM))
    assert report == Report("rspamd", "spam", 17.5, 6.0, ("GTUBE", "GOOD", "SMALL"), "reject")


@pytest.mark.parametrize(
    ("action", "grade"),
    [
        ("no action", "clean"),
        ("greylist", "clean"),
        ("soft reject", "clean"),
        ("add header", "spam"),
        ("rewrite subject", "spam"),
        ("reject", "spam"),
    ],
)
def test_rspamds_advice_is_its_grade(tmp_path: Path, action: str, grade: str) -> None:
    report = asked("rspamd", tmp_path, http({**SPAM, "action": action}))
    assert (report.grade, report.action) == (grade, action)


def test_an_rspamd_without_thresholds_names_the_points_for_a_refusal(tmp_path: Path) -> None:
    old = {key: value for key, value in SPAM.items() if key != "thresholds"}
    assert asked("rspamd", tmp_path, http(old)).threshold == 15.0


def test_mail_that_rspamd_skips_is_unscanned(tmp_path: Path) -> None:
    skipped = {"is_skipped": True, "score": 0.0, "required_score": 15.0, "action": "no action", "symbols": {}}
    assert asked("rspamd", tmp_path, http(skipped)).grade == "unscanned"


def test_mail_that_rspamd_has_decided_without_its_rules_is_no_mail_that_it_skips(tmp_path: Path) -> None:
    # What rspamd 3.4 says of GTUBE.
    skipped = {
        "is_skipped": True,
        "score": 15.0,
        "required_score": 15.0,
        "action": "reject",
        "symbols": {"GTUBE": {"name": "GTUBE", "score": 0.0, "metric_score": 0.0}},
        "messages": {"smtp_message": "Gtube pattern"},
    }
    report = asked("rspamd", tmp_path, http(skipped))
    assert report == Report("rspamd", "spam", 15.0, 15.0, ("GTUBE",), "reject")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        [],
        {},
        {"action": "reject"},
        {**SPAM, "score": "much"},
        {**SPAM, "symbols": [1]},
        b"\xff",
    ],
)
def test_what_is_no_answer_of_rspamd_is_no_report(tmp_path: Path, answer: object) -> None:
    assert asked("rspamd", tmp_path, http(answer)).is_away


def test_an_error_of_rspamd_is_no_report(tmp_path: Path) -> None:
    report = asked("rspamd", tmp_path, http({"error": "too busy"}, status="503 Busy"))
    assert report.is_away
    assert "503" in report.trouble


@pytest.mark.parametrize("url", ["", "127.0.0.1:11333", "ftp://127.0.0.1", "http://"])
def test_what_is_no_place_of_rspamd_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no place of rspamd"):
        rspamd(url)


# -- all of them -----------------------------------------------------------------------------------------------

KINDS = ("clamav", "spamassassin", "rspamd")


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_that_never_answers_is_given_up(tmp_path: Path, kind: str) -> None:
    begun = time.monotonic()
    assert asked(kind, tmp_path, silent, timeout_s=0.2).is_away
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_that_closes_at_once_is_away(tmp_path: Path, kind: str) -> None:
    assert asked(kind, tmp_path, lambda connection: None).is_away


@pytest.mark.parametrize("kind", KINDS)
def test_a_daemon_that_is_not_there_is_away(tmp_path: Path, kind: str) -> None:
    makers = {"clamav": clamav, "spamassassin": spamassassin, "rspamd": rspamd}
    with pytest.raises(RemoteError):
        makers[kind](f"unix:{tmp_path}/nobody").scan(mail())


@pytest.mark.parametrize("kind", KINDS)
async def test_they_are_asked_on_the_loop_too(tmp_path: Path, kind: str) -> None:
    plays = {
        "clamav": (clamav, clamd(b"stream: OK\0")),
        "spamassassin": (
            spamassassin,
            spamd(b"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: False ; 1 / 5\r\n\r\n"),
        ),
        "rspamd": (rspamd, http({**SPAM, "action": "no action"})),
    }
    make, play = plays[kind]
    with daemon(tmp_path / "socket", play) as place:
        report = await make(place).scan(mail())
    assert report.grade == "clean"


# -- places ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:3310", Place("127.0.0.1", 3310)),
        ("[::1]:3310", Place("::1", 3310)),
        ("clamd.example:3310", Place("clamd.example", 3310)),
        ("unix:/run/clamd.ctl", Place(path="/run/clamd.ctl")),
        ("/run/clamd.ctl", Place(path="/run/clamd.ctl")),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert Place.read(text) == place


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", ":3310", "host:", "host:0", "host:65536", "host:x", "unix:", "h:²"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no place"):
        Place.read(text)
