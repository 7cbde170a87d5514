"""`lamson send` to a door that speaks LMTP."""

import asyncio
import sys

import pytest

from lamsonproxy.mail.reply import Reply
from tests.door_rig import open_rig, rules
from tests.doubles import TAKEN, RecordingDesk

LIMIT_S = 120
MAIL = b"Subject: \xff\r\n\r\n.a dot\r\n"
REFUSED = Reply(550, "5.7.1", "No")
LATER = Reply(451, "4.3.0", "Later")


async def lamson_send(port: int, *words: str) -> tuple[list[str], int | None]:
    """What is printed, and the exit status."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lamsonproxy", "send", "--file", "-", *words, f"127.0.0.1:{port}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        told, _ = await process.communicate(MAIL)
    return told.decode().splitlines(), process.returncode


@pytest.mark.parametrize(
    ("answers", "status"),
    [((TAKEN, TAKEN), 0), ((TAKEN, REFUSED), 69), ((LATER, REFUSED), 75)],
    ids=["taken", "one refused", "one to be tried again"],
)
async def test_one_reply_for_each_recipient_is_printed(answers: tuple[Reply, ...], status: int) -> None:
    desk = RecordingDesk(answers=answers, answers_each=True)
    async with open_rig(lmtp=True, desk=desk) as rig:
        words = ("--to", "b@example.net", "--to", "c@example.net", "--xforward", "IDENT=4F0")
        assert await lamson_send(rig.port, *words) == ([str(reply) for reply in answers], status)
        (mail,) = desk.mails
    assert mail.message.raw == MAIL
    assert [recipient.address.raw for recipient in mail.envelope.recipients] == [
        "b@example.net",
        "c@example.net",
    ]
    assert mail.envelope.xforward.ident == "4F0"
    assert mail.session.door == "lmtp"


async def test_a_refused_sender_is_the_one_answer() -> None:
    async with open_rig(lmtp=True, limits=rules(size_limit=2000)) as rig:
        replies, status = await lamson_send(rig.port, "--to", "b@example.net", "--mail-param", "SIZE=3000")
        assert (len(replies), status) == (1, 69)
