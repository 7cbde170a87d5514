"""Docker for these tests, or the reason why they are left out."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.compose.stack import Stack, Unavailable, compose_command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.compose)


@pytest.fixture(scope="session")
def compose() -> tuple[str, ...]:
    """The compose command; without Docker the test is skipped, or fails where REQUIRE_DOCKER=1."""
    is_required = os.environ.get("REQUIRE_DOCKER") == "1"
    # Images are built and containers started, which nobody expects of `make test`.
    if not is_required and os.environ.get("COMPOSE_TEST") != "1":
        pytest.skip("`make compose-test` runs it")
    try:
        return compose_command()
    except Unavailable as reason:
        if is_required:
            pytest.fail(f"REQUIRE_DOCKER=1, but {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def stack(compose: tuple[str, ...]) -> Iterator[Stack]:
    with Stack(compose) as stack:
        yield stack
