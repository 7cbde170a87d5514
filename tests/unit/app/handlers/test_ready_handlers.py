"""Ready handlers at work, named in lamson.toml and without any Python."""

import logging
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from lamsonproxy import App
from lamsonproxy.app.handlers import remembering
from lamsonproxy.config import Settings
from lamsonproxy.testing.world import World

ALICE, BOB, CAROL = "alice@example.com", "bob@example.org", "carol@example.org"
DATABASE = 'database = "sqlite:///here.db"\n'
RAW = b"From: Alice <alice@example.com>\r\nTo: bob@example.org\r\nSubject: Soup\r\n\r\nIs there any?\r\n"
ATTACHED = (
    b"From: alice@example.com\r\nSubject: Files\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=game.exe\r\n"
    b"Content-Disposition: attachment; filename=game.exe\r\n\r\nMZ\r\n--b--\r\n"
)
SIGNED = ATTACHED.replace(
    b"Content-Type: multipart/mixed; boundary=b",
    b'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b',
)


def with_route(
    handler: str, options: str = "", *, head: str = "", match: str = r".+@example\\.org"
) -> pytest.MarkDecorator:
    """Settings with one route."""
    toml = f'{head}[[route]]\nmatch = "{match}"\nhandler = "{handler}"\n{options}\n'
    return pytest.mark.parametrize("toml", [toml])


@with_route("add_header", 'name = "X-Site"\nvalue = "Göttingen"')
def test_a_header_is_added_where_the_address_matches_and_nothing_else_is_touched(world: World) -> None:
    for recipient in (BOB, "bob@example.net"):
        world.send(ALICE, recipient, raw=RAW)
    stamped, plain = world.relayed
    assert stamped.headers.get("X-Site") == "Göttingen"
    assert stamped.raw.endswith(b"\r\n\r\nIs there any?\r\n")
    assert plain.raw.endswith(RAW)


@with_route("add_header", 'name = "Subject"\nvalue = "Stew"\nreplace = true')
def test_a_header_takes_the_place_of_those_of_its_name(world: World) -> None:
    world.send(ALICE, BOB, raw=RAW)
    assert world.relayed[0].headers.get_all("Subject") == ["Stew"]


@with_route("tag_subject", 'tag = "[extern]"')
def test_a_subject_is_tagged_once(world: World) -> None:
    world.send(ALICE, BOB, raw=RAW)
    world.send(ALICE, BOB, raw=RAW.replace(b"Soup", b"Re: [extern] Soup"))
    assert [letter.subject for letter in world.relayed] == ["[extern] Soup", "Re: [extern] Soup"]


@with_route("footer", 'text = "-- The cooks"')
def test_a_footer_stands_under_the_text_and_signed_mail_has_none(world: World) -> None:
    world.send(ALICE, BOB, raw=RAW)
    world.send(ALICE, BOB, raw=SIGNED)
    footed, signed = world.relayed
    assert footed.raw.endswith(b"\r\n\r\nIs there any?\r\n-- The cooks\r\n")
    assert signed.raw.endswith(SIGNED)


@with_route("strip_attachments", 'names = ["*.exe", "*.com"]\nnote = "{name} was removed."')
def test_attachments_are_taken_out_and_what_is_signed_is_kept_for_people(world: World) -> None:
    world.send(ALICE, BOB, raw=ATTACHED)
    (letter,) = world.relayed
    assert not letter.message.has_attachment("*.exe")
    assert b"game.exe was removed." in letter.raw
    world.send(ALICE, BOB, raw=SIGNED)
    (kept,) = world.quarantined
    assert kept.raw.endswith(SIGNED)


@pytest.mark.parametrize(("sealed", "is_there"), [("leave", True), ("force", False)])
def test_what_is_signed_may_be_left_or_stripped_by_force(
    sealed: str, is_there: bool, lamson_app: App, lamson_database: str, tmp_path: Path
) -> None:
    route = {"match": ".+", "handler": "strip_attachments", "names": "*.exe", "sealed": sealed}
    settings = Settings.model_validate({"hostname": "mail.example.org", "route": [route]})
    with World(lamson_app, settings, lamson_database, tmp_path) as world:
        world.send(ALICE, BOB, raw=SIGNED)
        (letter,) = world.relayed
        assert letter.message.has_attachment("*.exe") == is_there


@with_route("redirect", 'to = "desk@example.net"')
def test_mail_is_led_to_another_address(world: World) -> None:
    world.send(ALICE, BOB, raw=RAW)
    assert world.relayed[0].recipients == ("desk@example.net",)
    assert world.relayed[0].raw.endswith(RAW)


FORWARDED = """
[[route]]
match = "bob@.+"
handler = "forward"

[[route]]
match = ".+"
handler = "tag_subject"
tag = "[x]"
"""


@pytest.mark.parametrize("toml", [FORWARDED])
def test_forward_ends_the_walk_and_the_others_go_on(world: World) -> None:
    world.send(ALICE, BOB, raw=RAW)
    world.send(ALICE, CAROL, raw=RAW)
    assert [letter.subject for letter in world.relayed] == ["Soup", "[x] Soup"]


@with_route("log")
def test_a_line_is_written(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lamsonproxy.handlers"):
        world.send(ALICE, BOB, raw=RAW)
    lines = [record.getMessage() for record in caplog.records if record.name == "lamsonproxy.handlers.log"]
    assert lines == [f"from=<{ALICE}> to=<{BOB}> size={len(RAW)} message-id=-"]
    assert world.relayed[0].raw.endswith(RAW)


@with_route("queue", 'folder = "kept"')
def test_a_copy_is_kept_once_as_it_came_and_with_its_envelope(world: World, tmp_path: Path) -> None:
    world.send(ALICE, [BOB, CAROL], raw=RAW)
    (file,) = (tmp_path / "kept" / "new").iterdir()
    envelope = f"Return-Path: <{ALICE}>\r\nX-Original-To: <{BOB}>\r\nX-Original-To: <{CAROL}>\r\n"
    assert file.read_bytes() == envelope.encode() + RAW
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any((tmp_path / "kept" / "tmp").iterdir())
    assert {letter.recipients for letter in world.relayed} == {(BOB, CAROL)}


@with_route("queue", 'folder = "kept"')
def test_a_copy_begins_with_its_mbox_line_and_a_first_line_continues_nothing(
    world: World, tmp_path: Path
) -> None:
    world.send(ALICE, BOB, raw=b"From alice Mon Mar  2\r\n" + RAW)
    world.send(ALICE, BOB, raw=b" odd\r\n" + RAW)
    mbox, odd = sorted(
        (file.read_bytes() for file in (tmp_path / "kept" / "new").iterdir()), key=lambda octets: octets[:4]
    )
    assert mbox.startswith(b"From alice Mon Mar  2\r\nReturn-Path:")
    assert b">\r\n\r\n odd\r\n" in odd


@with_route("archive", 'folder = "archive"')
def test_an_archive_has_a_maildir_for_each_month(world: World, tmp_path: Path) -> None:
    world.send(ALICE, BOB, raw=RAW)
    world.later(days=40)
    world.send(ALICE, BOB, raw=RAW)
    months = sorted(folder.name for folder in (tmp_path / "archive").iterdir())
    assert len(months) == 2
    assert all(len(list((tmp_path / "archive" / month / "new").iterdir())) == 1 for month in months)


@with_route("archive", 'folder = "archive"')
def test_mail_whose_copy_cannot_be_kept_is_deferred(world: World, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file, not a folder")
    (reply,) = world.send(ALICE, BOB, raw=RAW)
    assert reply.code == 451
    assert not world.relayed


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"attachments": "*.exe"}, [ATTACHED]),
        ({"attachments": ["*.exe", "*.zip"], "header": "Subject"}, [ATTACHED]),
        ({"header": "Subject", "matches": "s.up"}, [RAW]),
        ({"header": "X-Spam-Flag"}, []),
        ({"larger_than": 200}, [ATTACHED]),
    ],
    ids=["attachment", "all that is given", "header matches", "header is not there", "size"],
)
def test_mail_is_quarantined_if_what_is_given_is_true(
    options: Mapping[str, object], kept: list[bytes], lamson_app: App, lamson_database: str, tmp_path: Path
) -> None:
    route = {"match": ".+", "handler": "quarantine_if", "reason": "looks odd", **options}
    settings = Settings.model_validate({"hostname": "mail.example.org", "route": [route]})
    with World(lamson_app, settings, lamson_database, tmp_path) as world:
        for raw in (RAW, ATTACHED):
            world.send(ALICE, BOB, raw=raw)
        found = world.quarantined
        assert [letter.raw.endswith(raw) for letter, raw in zip(found, kept, strict=True)] == [True] * len(
            kept
        )
        assert all(letter.reason == "looks odd" for letter in found)
        assert len(world.relayed) == 2 - len(kept)


@with_route(
    "vacation", 'text = "I am away."\nsubject = "Away"\naddresses = "robert@example.org"', head=DATABASE
)
def test_a_vacation_answers_once_a_week_and_the_mail_goes_on(world: World) -> None:
    alice = world.correspondent(ALICE)
    letter = alice.says("Soup?", to=BOB).hears("I am away")
    assert (letter.subject, letter.envelope_sender, letter.sender) == ("Away", "", BOB)
    assert letter.headers.get("Auto-Submitted").startswith("auto-replied")
    alice.says("Soup??", to=BOB).hears_nothing()
    world.later(days=8)
    alice.says("Soup???", to=BOB).hears("I am away")
    assert len(world.relayed) == 3


@with_route("vacation", 'text = "I am away."\naddresses = "robert@example.org"', head=DATABASE)
def test_a_vacation_answers_nobody_who_did_not_write_to_that_address(world: World) -> None:
    alice = world.correspondent(ALICE)
    world.send(ALICE, BOB, raw=RAW.replace(b"To: bob@", b"To: everybody@"))
    alice.hears_nothing()
    world.send(ALICE, BOB, raw=RAW.replace(b"Subject", b"Precedence: bulk\r\nSubject"))
    alice.hears_nothing()
    world.send(
        ALICE,
        BOB,
        raw=RAW.replace(b"To: bob@", b"Cc: x@y, Robert <ROBERT@").replace(b"org\r\n", b"org>\r\n", 1),
    )
    alice.hears("I am away")


@with_route("vacation", 'text = "I am away."', head=DATABASE)
def test_a_vacation_without_a_subject_of_its_own_says_that_a_machine_answers(world: World) -> None:
    alice = world.correspondent(ALICE)
    world.send(ALICE, BOB, raw=RAW.replace(b"Soup", b"=?utf-8?q?Soup=07=E2=80=A8!?="))
    assert alice.hears("I am away").subject == "Auto: Soup !"


@with_route("vacation", 'text = "I am away."', head=DATABASE)
def test_a_vacation_answers_neither_itself_nor_a_list_nor_nobody(world: World) -> None:
    for sender, to in ((BOB, BOB), ("cooks-bounces@example.com", BOB), ("", BOB), ("alice@", BOB)):
        world.send(sender, to, raw=RAW)
    world.send(ALICE, BOB, raw=RAW.replace(b"Subject", b"List-Id: <cooks.example.com>\r\nSubject"))
    assert len(world.relayed) == 5
    heard = (*world.correspondent(ALICE).letters, *world.correspondent(BOB).letters)
    assert not [letter for letter in heard if "I am away" in letter.text]


GREYLISTED = with_route("greylist", "delay_s = 300", head=DATABASE)


@GREYLISTED
def test_who_is_new_is_asked_to_come_again_and_let_in_then(world: World) -> None:
    alice = world.correspondent(ALICE)
    alice.says("Soup?", to=BOB).is_deferred("try again")
    world.later(seconds=299)
    alice.says("Soup?", to=BOB).is_deferred("try again")
    world.later(seconds=2)
    for _ in range(2):
        alice.says("Soup?", to=BOB)
        assert [reply.code for reply in alice.replies] == [250]
    alice.says("Soup?", to=CAROL).is_deferred()
    world.correspondent("mallory@example.com").says("Pills!", to=BOB).is_deferred()


@GREYLISTED
def test_who_does_not_come_again_in_time_is_new_again(world: World) -> None:
    alice = world.correspondent(ALICE)
    alice.says("Soup?", to=BOB).is_deferred()
    world.later(days=3)
    alice.says("Soup?", to=BOB).is_deferred()
    world.later(hours=1)
    alice.says("Soup?", to=BOB)
    world.later(days=30)
    alice.says("Soup?", to=BOB)
    assert [reply.code for reply in alice.replies] == [250]
    world.later(days=40)
    alice.says("Soup?", to=BOB).is_deferred()


@pytest.mark.parametrize(("on_error", "code"), [("", 451), ('on_error = "accept"', 250)])
def test_with_the_database_away_a_greylist_defers_or_lets_in_as_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lamson_database: str, on_error: str, code: int
) -> None:
    def is_away(*_: object) -> bool:
        raise OperationalError("SELECT", {}, ConnectionError("gone"))

    toml = f'{DATABASE}[[route]]\nmatch = ".+"\nhandler = "greylist"\n{on_error}\n'
    settings = Settings.model_validate({"hostname": "mail.example.org", **tomllib.loads(toml)})
    monkeypatch.setattr(remembering, "has_come_again", is_away)
    with World(App(), settings, lamson_database, tmp_path) as world:
        (reply,) = world.send(ALICE, BOB, raw=RAW)
        assert reply.code == code
        assert "gone" not in reply.text
