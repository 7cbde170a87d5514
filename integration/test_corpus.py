"""The corpus through the filter and past it: the filter is seen in the Received lines, and nowhere else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from integration import arrival
from integration.client import Mail, Rcpt, send_all
from integration.conftest import Rig
from integration.samples import samples
from tests.downstream import SunkMail

SAMPLES = samples()
STAMP = b"X-Stamp: seen\r\n"
SESSIONS = 4
LIMIT_S = 300

Arrived = dict[str, SunkMail]


@pytest.fixture(scope="module", params=["filter", "lmtp"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def unfiltered(module_rig: Rig) -> Arrived:
    """What arrives when Postfix's filter port is its own re-entry."""
    return _flow(module_rig, module_rig.postfix.ports.null, "{tag}@pass.test")


@pytest.fixture(scope="module")
def passed(module_rig: Rig) -> Arrived:
    """What arrives when the service has seen it and changed nothing."""
    return _flow(module_rig, module_rig.postfix.ports.front, "{tag}@pass.test")


@pytest.fixture(scope="module")
def stamped(module_rig: Rig) -> Arrived:
    """What arrives when a handler has added one header."""
    return _flow(module_rig, module_rig.postfix.ports.front, "header.{tag}@app.test")


@pytest.mark.fault("C1")
@pytest.mark.parametrize("name", SAMPLES)
def test_mail_that_nobody_changed_differs_in_nothing_but_received(
    name: str, unfiltered: Arrived, passed: Arrived
) -> None:
    expected = arrival.below_trace(unfiltered[name].content, arrival.HOPS_BY_NULL)
    found = arrival.below_trace(passed[name].content, arrival.HOPS_BY_FILTER)
    _assert_same(found, expected)
    assert passed[name].rcpts == unfiltered[name].rcpts


@pytest.mark.parametrize("name", SAMPLES)
def test_an_added_header_is_the_only_difference(name: str, unfiltered: Arrived, stamped: Arrived) -> None:
    expected = arrival.below_trace(unfiltered[name].content, arrival.HOPS_BY_NULL)
    found = arrival.below_trace(stamped[name].content, arrival.HOPS_BY_FILTER)
    assert found.count(STAMP) == 1
    _assert_same(found.replace(STAMP, b""), expected)


def _flow(rig: Rig, port: int, address: str) -> Arrived:
    """Send every sample, each to its own address, and wait for all; what has arrived, by sample."""
    rig.sink.mails.clear()
    recipients = {address.format(tag=f"m{number}"): name for number, name in enumerate(SAMPLES)}
    shares = [dict(list(recipients.items())[start::SESSIONS]) for start in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS) as sessions:
        list(sessions.map(lambda share: send_all(port, _mails(share)), shares))
    rig.postfix.wait_until_empty(LIMIT_S)
    arrived = arrival.by_recipient(rig.sink.mails)
    assert all(len(copies) == 1 for copies in arrived.values()), "some mail arrived twice"
    return {recipients[recipient]: mail for recipient, (mail,) in arrived.items()}


def _mails(share: dict[str, str]) -> Iterator[Mail]:
    for recipient, name in share.items():
        yield Mail("alice@example.com", [Rcpt(recipient)], SAMPLES[name](), "BODY=8BITMIME")


def _assert_same(found: bytes, expected: bytes) -> None:
    """Says where two mails part, and does not print megabytes."""
    if found != expected:
        pairs = enumerate(zip(found, expected, strict=False))
        at = next((at for at, (a, b) in pairs if a != b), min(len(found), len(expected)))
        here = slice(max(0, at - 60), at + 60)
        pytest.fail(f"at octet {at}: {found[here]!r} instead of {expected[here]!r}")
