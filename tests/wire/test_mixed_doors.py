"""Doors of several kinds in one service: each has its own rules, and all lead to the same application."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lamsonproxy.app.announced import Announced
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.routing import Routes
from lamsonproxy.mail.verdict import Consume, Reject
from tests.downstream import RawSink
from tests.engine_rig import answering, on
from tests.house_rig import House, open_house

DOORS = [
    {"kind": "filter", "listen": "127.0.0.1:0", "size_limit": 5000},
    {
        "kind": "lmtp",
        "listen": "127.0.0.1:0",
        "size_limit": 2000,
        "unmatched": "reject",
        "domains": ["x.org"],
    },
    {"kind": "lmtp", "name": "second", "listen": "127.0.0.1:0", "on_error": "quarantine"},
    {"kind": "proxy", "listen": "127.0.0.1:0"},
]
SMALL = b"Subject: x\r\n\r\ntext\r\n"
LARGE = b"Subject: x\r\n\r\n" + b"text\r\n" * 500


def fail(mail: Mail) -> None:
    raise RuntimeError("secret")


def refuse(mail: Announced) -> Reject:
    return Reject("5.7.1", "Not at this address")


ROUTES = Routes(
    (
        on("consumed@x.org", answering(Consume())),
        on("failing@x.org", fail),
        replace(on("closed@x.org", refuse), phase="rcpt"),
    )
)


async def statuses(house: House, door: str, content: bytes, recipients: Sequence[str]) -> list[str]:
    """The enhanced status of the reply to each RCPT, and then of those to the final dot."""
    client = await house.connect(door)
    hello = "LHLO" if door in ("lmtp", "second") else "EHLO"
    for command in (f"{hello} mx", "MAIL FROM:<alice@example.org>"):
        assert (await client.ask(command.encode() + b"\r\n")).startswith("250")
    said = [await client.ask(f"RCPT TO:<{each}@x.org>\r\n".encode()) for each in recipients]
    taken = [reply for reply in said if reply.startswith("250")]
    assert (await client.ask(b"DATA\r\n")).startswith("354 ")
    said.append(await client.ask(content + b".\r\n"))
    said += [await client.reply() for _ in (taken[1:] if hello == "LHLO" else ())]
    return [reply.split()[1] for reply in said]


@pytest.mark.parametrize(
    ("door", "content", "recipients", "expected"),
    [
        ("filter", SMALL, "consumed other", "2.1.5 2.1.5 2.0.0"),
        ("lmtp", SMALL, "consumed other", "2.1.5 2.1.5 2.0.0 5.1.1"),
        ("filter", LARGE, "other", "2.1.5 2.0.0"),
        ("lmtp", LARGE, "consumed consumed", "2.1.5 2.1.5 5.3.4 5.3.4"),
        ("filter", SMALL, "failing", "2.1.5 4.3.0"),
        ("second", SMALL, "failing other", "2.1.5 2.1.5 2.7.0 2.0.0"),
        ("filter", SMALL, "closed other", "5.7.1 2.1.5 2.0.0"),
        ("second", SMALL, "other closed another", "2.1.5 5.7.1 2.1.5 2.0.0 2.0.0"),
        ("proxy", SMALL, "other closed", "2.0.0 5.7.1 2.0.0"),
    ],
)
async def test_each_door_answers_by_its_own_rules(
    tmp_path: Path, door: str, content: bytes, recipients: str, expected: str
) -> None:
    async with RawSink() as sink, open_house(tmp_path, sink.port, ROUTES, door=DOORS) as house:
        assert await statuses(house, door, content, recipients.split()) == expected.split()
