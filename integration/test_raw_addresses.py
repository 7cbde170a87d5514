"""Behind a Postfix that takes addresses in raw octets and hands them on: smtputf8_enable = no."""

from collections.abc import Iterator

import pytest

from integration.client import Client
from integration.conftest import Rig
from integration.fragments import Options, Ports, Programs
from integration.postfix import PrivatePostfix

CONTENT = b"From: alice@example.com\r\nSubject: Soup\r\n\r\nIs there soup?\r\n"


@pytest.fixture(scope="module")
def postfix(programs: Programs, ports: Ports, options: Options) -> Iterator[PrivatePostfix]:
    with PrivatePostfix(programs, ports, options) as postfix:
        postfix.stop()
        with (postfix.etc / "main.cf").open("a") as main_cf:
            main_cf.write("smtputf8_enable = no\n")
        postfix.start()
        yield postfix


def test_they_arrive_as_they_were_sent_and_nothing_bounces(rig: Rig) -> None:
    with Client(rig.postfix.ports.front) as client:
        for command in (b"MAIL FROM:<jos\xe9@example.com>", b"RCPT TO:<b\xe9b@pass.test>"):
            client.write(command + b"\r\n")
            client.expect("250")
        client.write(b"DATA\r\n")
        client.expect("354")
        client.write(CONTENT + b".\r\n")
        client.expect("250")
    rig.postfix.wait_until_empty()
    [mail] = rig.sink.mails
    assert mail.mail.startswith(b"MAIL FROM:<jos\xe9@example.com>")
    assert [rcpt.partition(b">")[0] for rcpt in mail.rcpts] == [b"RCPT TO:<b\xe9b@pass.test"]
