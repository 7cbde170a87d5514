"""A door is served by uvloop where it installs and by asyncio's own loop elsewhere, so its tests run on both."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, LoopFactory]:
    own: dict[str, LoopFactory] = {"asyncio": asyncio.new_event_loop}
    if not item.path.name.startswith("test_door"):
        return own
    return own | {"uvloop": uvloop.new_event_loop}
