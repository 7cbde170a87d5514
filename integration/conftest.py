"""The rig: a private Postfix, the service behind it and a sink after it, one set for each test module."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.children import free_ports
from integration.fragments import Options, Ports, Programs
from integration.postfix import PrivatePostfix, Unavailable, find_programs
from integration.service import Service
from integration.swaks import find_swaks
from tests.downstream import RawSink
from tests.postgres import postgresql as postgresql  # a fixture of the whole run


@dataclass(frozen=True, slots=True)
class Rig:
    """Mail goes in at `postfix`, through `service`, and out at `sink`."""

    postfix: PrivatePostfix
    service: Service
    sink: RawSink


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def programs() -> Programs:
    """Postfix's programs; without them the test is skipped, or fails where REQUIRE_POSTFIX=1."""
    try:
        return find_programs()
    except Unavailable as reason:
        if os.environ.get("REQUIRE_POSTFIX") == "1":
            pytest.fail(f"REQUIRE_POSTFIX=1, but: {reason}")
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def swaks() -> Path:
    return find_swaks()


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(*free_ports(5))


@pytest.fixture(scope="module")
def kind() -> str:
    """The kind of the door; a module that wants another overrides this."""
    return "filter"


@pytest.fixture(scope="module")
def options(kind: str) -> Options:
    """What Postfix is told beyond the usual; a module that wants something else overrides this."""
    return Options(lmtp=kind == "lmtp")


@pytest.fixture(scope="module")
def sink(ports: Ports) -> Iterator[RawSink]:
    with RawSink.threaded(ports.sink) as sink:
        yield sink


@pytest.fixture(scope="module")
def postfix(programs: Programs, ports: Ports, options: Options) -> Iterator[PrivatePostfix]:
    """A Postfix with nothing behind its filter port yet, and no sink."""
    with PrivatePostfix(programs, ports, options) as postfix:
        yield postfix


@pytest.fixture(scope="module")
def service(
    ports: Ports, kind: str, postfix: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, door=ports.door, reentry=ports.reentry, kind=kind) as service:
        yield service


@pytest.fixture(scope="module")
def module_rig(postfix: PrivatePostfix, service: Service, sink: RawSink) -> Rig:
    return Rig(postfix, service, sink)


@pytest.fixture
def rig(module_rig: Rig) -> Iterator[Rig]:
    """The module's rig, with the sink's memory empty, and nothing left in the queue afterwards."""
    module_rig.sink.mails.clear()
    yield module_rig
    module_rig.postfix.delete_all()
    for line in (*module_rig.postfix.log()[-40:], *module_rig.service.log()[-40:]):
        print(line)  # pytest shows it beside a failure, and nowhere else.
