"""Every fault downstream at every stage, as the client of the filter door hears it (topology C of the fault table).

A mail for three recipients goes in; downstream plays the fault. The cell is the code of the one reply to the final dot;
`+` says that the refused copy is in quarantine and a DSN waits. Whatever is not 250 leaves nothing behind.
"""

import asyncio
from pathlib import Path

import pytest

from tests.downstream import FAULTS, STAGES, ScriptedDownstream
from tests.house_rig import open_house, settled

TABLE = """
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

ENVELOPE = (
    b"XFORWARD NAME=client.example ADDR=192.0.2.7 IDENT=4F0\r\nMAIL FROM:<alice@example.org>\r\n"
    b"RCPT TO:<bob@example.net>\r\nRCPT TO:<carol@example.net>\r\nRCPT TO:<dave@example.net>"
)
SMALL = ENVELOPE + b"\r\n\r\nSubject: hello\r\n\r\ntext"
BIG = SMALL + (b"\r\n" + b"x" * 78) * 200_000
"""More than the buffers of two sockets hold, so that a body has a middle."""


def cells() -> list[tuple[str, str, str]]:
    (_, *faults), *rows = (line.split() for line in TABLE.strip().splitlines())
    return [(row[0], fault, cell) for row in rows for fault, cell in zip(faults, row[1:], strict=True)]


def test_the_table_has_a_cell_for_each_fault_at_each_stage() -> None:
    assert [(stage, fault) for stage, fault, _ in cells()] == [(s, f) for s in STAGES for f in FAULTS]


async def outcome_of(stage: str, fault: str, folder: Path) -> str:
    is_slow = fault in ("timeout", "drip")
    limit_s = 0.5 if is_slow else 10.0
    door = {"listen": "127.0.0.1:0", "deadline_s": 2.0 if is_slow else 60.0}
    relay = {"connect_s": limit_s, "command_s": limit_s}
    async with ScriptedDownstream(stage, fault) as script:
        async with open_house(folder, script.port, door=[door], relay=relay) as house:
            codes = await settled(house, BIG if stage == "mid_body" else SMALL)
            kept, notices = len(house.kept), len(house.notices)
    assert kept == notices
    assert codes[:-1] == ["250", "250", "250", "250", "250", "354"]
    if codes[-1] != "250" and stage != "after_dot":
        assert script.taken == []
    return codes[-1] + "+" * kept


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_downstream_is_a_reply_of_the_right_class(fault: str, tmp_path: Path) -> None:
    # All stages at the same time: most of them have nothing to do but wait.
    expected = {stage: cell for stage, its_fault, cell in cells() if its_fault == fault}
    outcomes = [outcome_of(stage, fault, tmp_path / stage) for stage in expected]
    assert dict(zip(expected, await asyncio.gather(*outcomes), strict=True)) == expected
