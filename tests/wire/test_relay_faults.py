"""Every fault at every stage of the dialogue with downstream, and what the courier makes of it.

A cell holds what the courier raised, as stage/kind with a `!` where it is ambiguous; or the code that it
gave; or the codes that it gave for the recipients, and then the one for the mail.
"""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from lamsonproxy.errors import RemoteError
from tests.downstream import FAULTS, STAGES, ScriptedDownstream
from tests.relay_rig import XFORWARD, courier_to, envelope, soon

TABLE = """
stage     refused          timeout           4xx                5xx                421+close          rst             fin              garbage           flood             drip
connect   connect/refused  connect/timeout   banner/rejected    banner/rejected    banner/rejected    banner/reset    banner/closed    banner/garbage    banner/garbage    banner/timeout
banner    banner/reset     banner/timeout    banner/rejected    banner/rejected    banner/rejected    banner/reset    banner/closed    banner/garbage    banner/garbage    banner/timeout
ehlo      ehlo/reset       ehlo/timeout      ehlo/rejected      ehlo/rejected      ehlo/rejected      ehlo/reset      ehlo/closed      ehlo/garbage      ehlo/garbage      ehlo/timeout
xforward  xforward/reset   xforward/timeout  xforward/rejected  xforward/rejected  xforward/closed    xforward/reset  xforward/closed  xforward/garbage  xforward/garbage  xforward/timeout
mail      mail/reset       mail/timeout      450                550                mail/closed        mail/reset      mail/closed      mail/garbage      mail/garbage      mail/timeout
rcpt1     rcpt/reset       rcpt/timeout      450,250,250>250    550,250,250>250    rcpt/closed        rcpt/reset      rcpt/closed      rcpt/garbage      rcpt/garbage      rcpt/timeout
rcpt_k    rcpt/reset       rcpt/timeout      250,250,450>250    250,250,550>250    rcpt/closed        rcpt/reset      rcpt/closed      rcpt/garbage      rcpt/garbage      rcpt/timeout
data      data/reset       data/timeout      250,250,250>450    250,250,250>550    250,250,250>421    data/reset      data/closed      data/garbage      data/garbage      data/timeout
mid_body  body/reset       body/timeout      250,250,250>450    250,250,250>550    250,250,250>421    body/reset      body/closed      body/garbage      body/garbage      body/timeout
after_dot end/reset!       end/timeout!      250,250,250>450    250,250,250>550    250,250,250>421    end/reset!      end/closed!      end/garbage!      end/garbage!      end/timeout!
quit      250,250,250>250  250,250,250>250   250,250,250>250    250,250,250>250    250,250,250>250    250,250,250>250 250,250,250>250  250,250,250>250   250,250,250>250   250,250,250>250
"""  # noqa: E501  A table is read across.

SMALL = b"Subject: hello\r\n\r\n.dot\r\n"
BIG = b"Subject: more than the buffers of two sockets hold\r\n\r\n" + (b"x" * 78 + b"\r\n") * 200_000


def columns() -> dict[str, dict[str, str]]:
    """What is expected of each fault, by stage."""
    (_, *faults), *rows = (line.split() for line in TABLE.strip().splitlines())
    return {fault: {row[0]: row[n] for row in rows} for n, fault in enumerate(faults, 1)}


def test_the_table_has_a_cell_for_each_fault_at_each_stage() -> None:
    assert {fault: tuple(column) for fault, column in columns().items()} == dict.fromkeys(FAULTS, STAGES)


async def outcome_of(script: ScriptedDownstream) -> str:
    is_slow = script.fault in ("timeout", "drip")
    limit_s = 0.5 if is_slow else 10.0
    recipients = ("bob@example.net", "carol@example.net", "dave@example.net")
    async with (
        script,
        courier_to(script, connect_s=limit_s, command_s=limit_s, quit_s=0.5) as courier,
    ):
        try:
            async with courier.offer(
                envelope(*recipients, xforward=XFORWARD), deadline=soon(1.5 if is_slow else 20.0)
            ) as offer:
                if offer.refusal is not None:
                    return str(offer.refusal.code)
                reply = await offer.deliver((BIG if script.stage == "mid_body" else SMALL,))
                return ",".join(str(r.code) for r in offer.recipients) + f">{reply.code}"
        except RemoteError as error:
            assert "0 busy and 0 idle" in repr(courier)
            if not error.ambiguous:
                assert script.taken == []
            return f"{error.stage}/{error.kind}" + "!" * error.ambiguous


async def outcomes_of(fault: str, without: tuple[str, ...]) -> dict[str, str]:
    # All stages at the same time: most of them have nothing to do but wait.
    outcomes = [outcome_of(ScriptedDownstream(stage, fault, without=without)) for stage in STAGES]
    return dict(zip(STAGES, await asyncio.gather(*outcomes), strict=True))


@pytest.mark.fault("2.2")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("without", "loop"),
    [((), asyncio.new_event_loop), (("PIPELINING",), asyncio.new_event_loop), ((), uvloop.new_event_loop)],
    ids=["pipelined", "step by step", "pipelined, uvloop"],
)
def test_a_fault_downstream_is_told_as_what_it_is_at_every_stage(
    fault: str, without: tuple[str, ...], loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(outcomes_of(fault, without)) == columns()[fault]
