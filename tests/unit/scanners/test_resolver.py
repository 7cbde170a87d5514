"""DNS, asked of a name server of the test's own on a high port."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from lamsonproxy.scanners.resolver import DnsTrouble, Kind, Questions, SystemResolver
from tests.unit.scanners.dns import Table, text

ZONE = {
    ("host.example.", "A"): "192.0.2.7",
    ("host.example.", "AAAA"): "2001:db8::7",
    ("host.example.", "MX"): "10 mail.example.",
    ("7.2.0.192.in-addr.arpa.", "PTR"): "host.example.",
    ("host.example.", "TXT"): '"v=spf1 " "\\255-all"',
}


def _answer(octets: bytes) -> bytes | None:
    query = dns.message.from_wire(octets)
    name, kind = query.question[0].name.to_text().lower(), query.question[0].rdtype.name
    if name == "silent.example.":
        return None
    response = dns.message.make_response(query)
    if name == "broken.example.":
        response.set_rcode(dns.rcode.SERVFAIL)
    elif (name, kind) in ZONE:
        response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, ZONE[name, kind]))
    elif name != "host.example.":
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


@pytest.fixture(autouse=True)
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while octets_and_peer := listening.recvfrom(4096):
                if not octets_and_peer[0]:
                    return
                answer = _answer(octets_and_peer[0])
                if answer is not None:
                    listening.sendto(answer, octets_and_peer[1])

    serving = threading.Thread(target=serve)
    serving.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = listening.getsockname()[1]
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
    yield
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopping:
        stopping.sendto(b"", listening.getsockname())
    serving.join(60)
    listening.close()


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("host.example", "A", ["192.0.2.7"]),
        ("HOST.example.", "A", ["192.0.2.7"]),
        ("host.example", "AAAA", ["2001:db8::7"]),
        ("host.example", "MX", [(10, "mail.example")]),
        ("7.2.0.192.in-addr.arpa", "PTR", ["host.example"]),
        ("host.example", "TXT", [(b"v=spf1 ", b"\xff-all")]),
        ("host.example", "PTR", []),
        ("nobody.example", "A", []),
        ("x" * 64 + ".example", "A", []),
        (".".join(["x" * 60] * 5), "A", []),
    ],
)
def test_records_are_read_and_what_is_not_there_is_empty(
    name: str, kind: Kind, records: list[object]
) -> None:
    assert list(SystemResolver().resolve(name, kind, timeout_s=30)) == records


@pytest.mark.parametrize(
    ("name", "timeout_s"), [("broken.example", 30), ("silent.example", 0.2), ("a..b", 30)]
)
def test_what_nobody_could_answer_is_trouble(name: str, timeout_s: float) -> None:
    begun = time.monotonic()
    with pytest.raises(DnsTrouble):
        SystemResolver().resolve(name, "A", timeout_s=timeout_s)
    assert time.monotonic() - begun < 30


def test_all_questions_have_one_time() -> None:
    table = Table({("a", "TXT"): [text("x", "y")]})
    assert Questions(table, time.monotonic() + 30).texts("A.") == [b"xy"]
    with pytest.raises(DnsTrouble, match="the time is over"):
        Questions(table, time.monotonic() - 1).texts("b")
    assert table.asked == [("a", "TXT")]
