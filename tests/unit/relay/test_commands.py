"""Envelopes, as commands."""

import pytest

from lamsonproxy.errors import AppError, RemoteError
from lamsonproxy.relay.commands import commands_for
from tests.relay_rig import envelope

EVERYTHING = {"SIZE": "1000", "DSN": "", "8BITMIME": "", "SMTPUTF8": "", "XFORWARD": "NAME IDENT"}
NOTHING: dict[str, str] = {}


@pytest.mark.parametrize(
    ("params", "offered", "mail"),
    [
        ("", EVERYTHING, b"MAIL FROM:<alice@example.org>"),
        ("SIZE=9 BODY=8BITMIME", EVERYTHING, b"MAIL FROM:<alice@example.org> SIZE=9 BODY=8BITMIME"),
        ("body=7bit size=9", EVERYTHING, b"MAIL FROM:<alice@example.org> body=7bit size=9"),
        ("body=7bit size=9", NOTHING, b"MAIL FROM:<alice@example.org>"),
        ("RET=HDRS ENVID=Ab+2Bc XOORG=x", NOTHING, b"MAIL FROM:<alice@example.org> XOORG=x"),
        ("SMTPUTF8", EVERYTHING, b"MAIL FROM:<alice@example.org> SMTPUTF8"),
    ],
)
def test_parameters_go_on_as_they_came_where_they_are_offered(
    params: str, offered: dict[str, str], mail: bytes
) -> None:
    assert commands_for(envelope(params=params), offered).mail == mail


@pytest.mark.parametrize(
    "params", ["SMTPUTF8", "smtputf8", "BODY=8BITMIME", "BODY=BINARYMIME", "body=8bitmime"]
)
def test_mail_that_downstream_cannot_take_as_it_is_is_not_given_to_it(params: str) -> None:
    with pytest.raises(RemoteError) as caught:
        commands_for(envelope(params=params), NOTHING)
    assert (caught.value.stage, caught.value.kind) == ("mail", "lacking")


def test_each_recipient_has_its_own_parameters() -> None:
    mail = envelope("bob@example.net NOTIFY=NEVER", "carol@example.net ORCPT=rfc822;C@example.net X=y")
    assert commands_for(mail, EVERYTHING).rcpts == (
        b"RCPT TO:<bob@example.net> NOTIFY=NEVER",
        b"RCPT TO:<carol@example.net> ORCPT=rfc822;C@example.net X=y",
    )
    assert commands_for(mail, NOTHING).rcpts == (
        b"RCPT TO:<bob@example.net>",
        b"RCPT TO:<carol@example.net> X=y",
    )


def test_only_the_attributes_that_are_offered_are_handed_on() -> None:
    mail = envelope(xforward="NAME=[UNAVAILABLE] ADDR=192.0.2.7 IDENT=4+2B0")
    assert commands_for(mail, EVERYTHING).xforward == (b"XFORWARD NAME=[UNAVAILABLE] IDENT=4+2B0",)
    assert commands_for(mail, {"XFORWARD": "name ident"}).xforward == (
        b"XFORWARD NAME=[UNAVAILABLE] IDENT=4+2B0",
    )
    assert commands_for(mail, NOTHING).xforward == ()


def test_the_order_is_that_of_the_dialogue() -> None:
    commands = commands_for(envelope("b@example.net", "c@example.net", xforward="IDENT=1"), EVERYTHING)
    assert [command.split()[0] for command in commands.in_order] == [b"XFORWARD", b"MAIL", b"RCPT", b"RCPT"]


@pytest.mark.parametrize("sender", ["a\r\nb", "a\nb", "a\0b", "a\x7fb"])
def test_an_address_with_a_control_character_is_the_applications_mistake(sender: str) -> None:
    with pytest.raises(AppError, match="holds a control character"):
        commands_for(envelope(sender=sender), EVERYTHING)
