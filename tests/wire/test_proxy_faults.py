"""Every fault downstream at every stage, as the remote client hears it through the proxy door (topology B, without the
Postfix in front: it passes our replies on as they are).

Three RCPTs, then the mail. A cell holds the codes of what the client heard: to each RCPT, then to DATA, then to the
final dot; `-` is a recipient that was taken, `!` the 554 to DATA when nobody was. Nothing but a 250 leaves anything
with downstream, and no connection that failed is kept.
"""

import asyncio
from pathlib import Path

import pytest

from tests.downstream import FAULTS, STAGES, ScriptedDownstream
from tests.house_rig import open_house

TABLE = """
stage      refused       timeout       4xx             5xx             421+close      rst           fin           garbage       flood         drip
connect    451,451,451!  451,451,451!  451,451,451!    451,451,451!    451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
banner     451,451,451!  451,451,451!  451,451,451!    451,451,451!    451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
ehlo       451,451,451!  451,451,451!  451,451,451!    451,451,451!    451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
xforward   451,451,451!  451,451,451!  451,451,451!    451,451,451!    451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
mail       451,451,451!  451,451,451!  450,450,450!    550,550,550!    451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
rcpt1      451,451,451!  451,451,451!  450,-,-,250     550,-,-,250     451,451,451!   451,451,451!  451,451,451!  451,451,451!  451,451,451!  451,451,451!
rcpt_k     -,-,451,451   -,-,451,451   -,-,450,250     -,-,550,250     -,-,451,451    -,-,451,451   -,-,451,451   -,-,451,451   -,-,451,451   -,-,451,451
data       -,-,-,451     -,-,-,451     -,-,-,450       -,-,-,550       -,-,-,451      -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451
mid_body   -,-,-,451     -,-,-,451     -,-,-,450       -,-,-,550       -,-,-,451      -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451
after_dot  -,-,-,451     -,-,-,451     -,-,-,450       -,-,-,550       -,-,-,451      -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451     -,-,-,451
quit       -,-,-,250     -,-,-,250     -,-,-,250       -,-,-,250       -,-,-,250      -,-,-,250     -,-,-,250     -,-,-,250     -,-,-,250     -,-,-,250
"""  # noqa: E501  A table is read across.

ADJUSTED = """
stage      refused  timeout  4xx  5xx   421+close  rst  fin  garbage  flood  drip
connect    451      451      451  451   451        451  451  451      451    451
banner     451      451      451  451   451        451  451  451      451    451
ehlo       451      451      451  451   451        451  451  451      451    451
xforward   451      451      451  451   451        451  451  451      451    451
mail       451      451      450  550   451        451  451  451      451    451
rcpt1      451      451      450  250+  451        451  451  451      451    451
rcpt_k     451      451      450  250+  451        451  451  451      451    451
data       451      451      450  550   451        451  451  451      451    451
mid_body   451      451      450  550   451        451  451  451      451    451
after_dot  451      451      450  550   451        451  451  451      451    451
quit       250      250      250  250   250        250  250  250      250    250
"""
"""With speed_adjust every RCPT is 250: the one reply, and `+` for a refused copy in quarantine with its DSN."""

RCPTS = [b"RCPT TO:<bob@example.net>", b"RCPT TO:<carol@example.net>", b"RCPT TO:<dave@example.net>"]
SMALL = b"Subject: hello\r\n\r\ntext\r\n"
BIG = SMALL + (b"x" * 78 + b"\r\n") * 200_000
"""More than the buffers of two sockets hold, so that a body has a middle."""


def column(table: str, fault: str) -> dict[str, str]:
    """What is expected of a fault, by stage."""
    (_, *faults), *rows = (line.split() for line in table.strip().splitlines())
    return {row[0]: row[1 + faults.index(fault)] for row in rows}


@pytest.mark.parametrize("table", [TABLE, ADJUSTED], ids=["as it is", "speed_adjust"])
def test_the_table_has_a_cell_for_each_fault_at_each_stage(table: str) -> None:
    assert {fault: tuple(column(table, fault)) for fault in FAULTS} == dict.fromkeys(FAULTS, STAGES)


async def outcome_of(stage: str, fault: str, folder: Path, speed_adjust: bool) -> str:
    is_slow = fault in ("timeout", "drip")
    limit_s = 0.5 if is_slow else 10.0
    door = {
        "kind": "proxy",
        "name": "filter",
        "listen": "127.0.0.1:0",
        "deadline_s": 2.0 if is_slow else 60.0,
        "rcpt_timeout_s": 1.0 if is_slow else 60.0,
        "speed_adjust": speed_adjust,
    }
    relay = {"connect_s": limit_s, "command_s": limit_s}
    async with ScriptedDownstream(stage, fault) as script:
        async with open_house(folder, script.port, door=[door], relay=relay) as house:
            client = await house.greeted()
            assert (await client.ask(b"XFORWARD ADDR=192.0.2.7 IDENT=[UNAVAILABLE]\r\n"))[:3] == "250"
            assert (await client.ask(b"MAIL FROM:<alice@example.org>\r\n"))[:3] == "250"
            heard = [await client.ask(rcpt + b"\r\n") for rcpt in RCPTS]
            heard.append(await client.ask(b"DATA\r\n"))
            if heard[-1].startswith("354"):
                content = BIG if stage == "mid_body" else SMALL
                heard[-1] = await client.ask(content + b".\r\n")
            # The session has lived through it all.
            assert (await client.ask(b"RSET\r\n"))[:3] == "250"
            client.close()
            kept = len(house.kept)
            assert len(house.notices) == kept
            assert " 0 busy" in repr(house.service.courier)
            if stage != "quit" and not heard[-1].startswith("250"):
                assert "0 idle" in repr(house.service.courier) or fault in ("4xx", "5xx")
    if not heard[-1].startswith("250") and stage != "after_dot":
        assert script.taken == []
    assert all("(" in each for each in heard if each.startswith("451 4.3.0")), "our own 451 has a trace id"
    if speed_adjust:
        assert [each[:3] for each in heard[:3]] == ["250"] * 3
        return heard[3][:3] + "+" * kept
    return ",".join("-" if each.startswith("250") else each[:3] for each in heard[:3]) + (
        "!" if heard[3].startswith("554 5.5.1 No valid recipients") else "," + heard[3][:3]
    )


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("speed_adjust", [False, True], ids=["as it is", "speed_adjust"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_downstream_is_heard_where_it_happens_and_nothing_is_lost(
    fault: str, speed_adjust: bool, tmp_path: Path
) -> None:
    # All stages at the same time: most of them have nothing to do but wait.
    expected = column(ADJUSTED if speed_adjust else TABLE, fault)
    outcomes = [outcome_of(stage, fault, tmp_path / stage, speed_adjust) for stage in expected]
    assert dict(zip(expected, await asyncio.gather(*outcomes), strict=True)) == expected
