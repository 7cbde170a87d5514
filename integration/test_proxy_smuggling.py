"""SMTP smuggling before the queue (topology B): through a proxy that hands on what its front has taken.

A proxy that is transparent to octets lets two of these through a hardened front (`CRLF.CRCRLF`, `CRCRLF.CRCRLF`);
ours writes the end of data anew, so that the re-entry sees one mail where the front saw one.
"""

from collections.abc import Iterator
from itertools import product

import pytest

from integration import arrival
from integration.children import free_ports
from integration.conftest import Rig
from integration.fragments import Before, Newlines, Options, Ports
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.test_smuggling import VARIANTS, smuggle


@pytest.fixture(
    scope="module",
    params=list(product(Newlines, Newlines)),
    ids=lambda pair: f"front-{pair[0].name}-reentry-{pair[1].name}".lower(),
)
def options(request: pytest.FixtureRequest) -> Options:
    front, reentry = request.param
    port, door = free_ports(2)
    return Options(front=front, reentry=reentry, before=(Before(port, f"127.0.0.1:{door}"),))


@pytest.fixture(scope="module")
def service(
    ports: Ports, options: Options, postfix: PrivatePostfix, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    more = f'[[door]]\nkind = "proxy"\nlisten = "{options.before[0].door}"\n'
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, door=ports.door, reentry=ports.reentry, more=more) as service:
        yield service


@pytest.mark.fault("S1")
@pytest.mark.parametrize("variant", VARIANTS, ids=repr)
def test_no_more_mails_arrive_than_the_front_took(rig: Rig, options: Options, variant: bytes) -> None:
    seen = len(rig.postfix.log())
    smuggle(options.before[0].port, variant)
    rig.postfix.wait_until_empty()
    taken = [line for line in rig.postfix.log()[seen:] if "proxy-accept: END-OF-MESSAGE" in line]
    assert len(rig.sink.mails) == len(taken)
    if options.front is Newlines.HARDENED:
        assert [list(arrival.recipients(mail)) for mail in rig.sink.mails] == [["outer@pass.test"]]
