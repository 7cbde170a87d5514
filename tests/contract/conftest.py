"""A world for each kind of courier, and for each way in which downstream may be talked to."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.worlds import Fake, Smtp, World
from tests.downstream import RawSink


@pytest.fixture(params=["smtp", "smtp without pipelining", "fake"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield Fake()
        return
    async with RawSink(without=() if request.param == "smtp" else {"PIPELINING"}) as sink:
        smtp = Smtp(sink)
        yield smtp
        await smtp.courier.close()
