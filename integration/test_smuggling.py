"""SMTP smuggling: an end of data that one hop sees and the next does not carries a second mail past one.

A vulnerable front smtpd is fooled before we are asked; both of its mails are real then, and there is no third.

CVE-2023-51764; smtpd_forbid_bare_newline in postconf(5).
"""

import re
from itertools import product

import pytest

from integration import arrival
from integration.client import Client, Mail, Rcpt
from integration.conftest import Rig
from integration.fragments import Newlines, Options

# CRCRLF.CRLF is none of them: it holds a true end of data.
VARIANTS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\n.\r",
    b"\r.\r",
    b"\r.\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\n\n.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\r.\r\r",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\n.\x00\n",
]

_TAKEN = re.compile(r"postfix/front/smtpd\[\d+\]: \w+: client=")

OUTER = Mail("alice@example.com", [Rcpt("outer@pass.test")], b"")
INNER = (
    b"MAIL FROM:<admin@example.com>\r\nRCPT TO:<inner@pass.test>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nNobody has sent this.\r\n.\r\n"
)


@pytest.fixture(
    scope="module",
    params=list(product(Newlines, Newlines)),
    ids=lambda pair: f"front-{pair[0].name}-reentry-{pair[1].name}".lower(),
)
def options(request: pytest.FixtureRequest) -> Options:
    front, reentry = request.param
    return Options(front=front, reentry=reentry)


@pytest.mark.fault("S1")
@pytest.mark.parametrize("variant", VARIANTS, ids=repr)
def test_no_more_mails_arrive_than_postfix_took(rig: Rig, options: Options, variant: bytes) -> None:
    seen = len(rig.postfix.log())
    smuggle(rig.postfix.ports.front, variant)
    rig.postfix.wait_until_empty()
    taken = [line for line in rig.postfix.log()[seen:] if _TAKEN.search(line)]
    assert len(rig.sink.mails) == len(taken)
    if options.front is Newlines.HARDENED:
        assert [list(arrival.recipients(mail)) for mail in rig.sink.mails] == [["outer@pass.test"]]


@pytest.mark.fault("S1")
@pytest.mark.parametrize("variant", VARIANTS, ids=repr)
def test_said_to_the_door_itself_it_is_content(rig: Rig, variant: bytes) -> None:
    smuggle(rig.postfix.ports.door, variant)
    rig.postfix.wait_until_empty()
    (mail,) = rig.sink.mails
    assert list(arrival.recipients(mail)) == ["outer@pass.test"]
    assert b"Nobody has sent this." in mail.content


def smuggle(port: int, variant: bytes) -> None:
    with Client(port) as client:
        client.envelope(OUTER)
        client.write(b"Subject: outer\r\n\r\nfirst" + variant + INNER)
        client.write(b"QUIT\r\n")
        while client.reply():
            pass
