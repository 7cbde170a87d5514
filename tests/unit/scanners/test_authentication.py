"""SPF, DKIM, DMARC and ARC, held against real keys and a DNS of the test's own."""

import time
from typing import Any

import dkim  # type: ignore[import-untyped] # no types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamsonproxy.mail.authentication import Result, results_of
from lamsonproxy.mail.message import Message
from lamsonproxy.scanners.authentication import Authentication, Authenticator, field_value
from lamsonproxy.scanners.checks import SIGNATURES_LIMIT, organisation
from tests.keys import DNS_RECORD, PRIVATE_KEY
from tests.unit.scanners.dns import Table, text
from tests.unit.scanners.mails import mail, transaction

BORDER = "mx.example.net"
XFORWARD = "NAME=client.example ADDR=192.0.2.7 HELO=mail.my-company.example PROTO=ESMTP"
PLAIN = (
    b"From: Alice <alice@my-company.example>\r\nTo: bob@example.net\r\nSubject: Soup\r\n\r\nIs there any?\r\n"
)
WORLD: dict[Any, Any] = {
    ("my-company.example", "TXT"): [text("v=spf1 ip4:192.0.2.0/24 -all"), text("other=1")],
    ("mail.my-company.example", "TXT"): [text("v=spf1 ip4:192.0.2.7 -all")],
    ("_dmarc.my-company.example", "TXT"): [text("other"), text("v=DMARC1; p=reject; sp=quarantine")],
    ("sel._domainkey.my-company.example", "TXT"): [text(DNS_RECORD[:200], DNS_RECORD[200:])],
    ("sel._domainkey.mail.my-company.example", "TXT"): [text(DNS_RECORD)],
    ("sel._domainkey.my-other.example", "TXT"): [text(DNS_RECORD)],
    ("sel._domainkey.relay.example", "TXT"): [text(DNS_RECORD)],
}


def signed(raw: bytes = PLAIN, domain: str = "my-company.example") -> bytes:
    signature: bytes = dkim.sign(raw, b"sel", domain.encode(), PRIVATE_KEY)
    return signature + raw


def found(
    raw: bytes = PLAIN,
    *,
    sender: str = "alice@my-company.example",
    client: str = XFORWARD,
    world: dict[Any, Any] | None = None,
) -> Authentication:
    checking = Authenticator(BORDER, resolver=Table(WORLD | (world or {})))
    of = transaction(content=raw, sender=sender, xforward=client)
    result: Authentication = checking.check(mail(of))
    return result


def words(result: Authentication) -> dict[str, str]:
    return {method: result[method] for method in ("spf", "dkim", "dmarc", "arc")}


# -- together --------------------------------------------------------------------------------------------------


def test_mail_that_is_what_it_says_passes() -> None:
    result = found(signed())
    assert words(result) == {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none"}
    assert result.policy == "reject"
    assert result.results[1].properties == {"header.d": "my-company.example", "header.s": "sel"}


async def test_an_async_handler_awaits_it() -> None:
    checking = Authenticator(BORDER, resolver=Table(WORLD))
    result = await checking.check(mail(transaction(content=signed(), xforward=XFORWARD)))
    assert result["dkim"] == "pass"


def test_mail_that_somebody_else_sends_fails() -> None:
    result = found(client=XFORWARD.replace("192.0.2.7", "198.51.100.1"))
    assert words(result) == {"spf": "fail", "dkim": "none", "dmarc": "fail", "arc": "none"}


def test_a_domain_without_records_says_nothing() -> None:
    result = found(b"From: a@quiet.example\r\n\r\n", sender="a@quiet.example")
    assert words(result) == {"spf": "none", "dkim": "none", "dmarc": "none", "arc": "none"}
    assert result.policy == ""


# -- SPF -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "value"),
    [
        ("v=spf1 ip4:192.0.2.7 -all", "pass"),
        ("v=spf1 -all", "fail"),
        ("v=spf1 ~all", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1 a:host.example -all", "pass"),
        ("v=spf1 mx:host.example -all", "pass"),
        ("v=spf1 ptr:host.example -all", "pass"),
        ("v=spf1 exists:%{i}.list.example -all", "pass"),
        ("v=spf1 include:mail.my-company.example -all", "pass"),
        ("v=spf1 redirect=mail.my-company.example", "pass"),
        ("v=spf1 include:nobody.example -all", "permerror"),
        ("v=spf1 nonsense -all", "permerror"),
        ("v=spf1 include:my-company.example -all", "permerror"),
        ("v=spf1 a:n1.example a:n2.example a:n3.example -all", "permerror"),
        ("v=spf1 a:away.example -all", "temperror"),
        ("v=spf1 " + "ip4:192.0.2.8 " * 400 + "-all", "fail"),
        ("\xff\xfe v=spf1", "none"),
    ],
)
def test_spf_says_what_the_senders_domain_says(record: str, value: str) -> None:
    world = {
        ("my-company.example", "TXT"): [text(record)],
        ("host.example", "A"): ["192.0.2.7"],
        ("host.example", "MX"): [(10, "host.example")],
        ("7.2.0.192.in-addr.arpa", "PTR"): ["host.example"],
        ("192.0.2.7.list.example", "A"): ["127.0.0.2"],
        ("away.example", "A"): None,
    }
    assert found(world=world)["spf"] == value


def test_spf_of_the_null_sender_is_that_of_its_helo() -> None:
    (result,) = [each for each in found(sender="").results if each.method == "spf"]
    assert result == Result("spf", "pass", {"smtp.helo": "mail.my-company.example"})


def test_spf_over_ipv6() -> None:
    world = {("my-company.example", "TXT"): [text("v=spf1 ip6:2001:db8::/32 -all")]}
    client = XFORWARD.replace("192.0.2.7", "IPV6:2001:db8::7")
    assert found(client=client, world=world)["spf"] == "pass"


# -- DKIM ------------------------------------------------------------------------------------------------------


def test_a_changed_body_makes_a_signature_false() -> None:
    assert found(signed() + b"And salad?\r\n")["dkim"] == "fail"


@pytest.mark.fault("C2")
def test_a_megabyte_of_blanks_keeps_nobody_waiting() -> None:
    raw = PLAIN + b" \t" * 500_000 + b"x\r\n"
    c = (b"relaxed", b"relaxed")
    signature = dkim.sign(raw, b"sel", b"my-company.example", PRIVATE_KEY, canonicalize=c)
    assert found(signature + raw)["dkim"] == "pass"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (None, "temperror"),
        ([], "fail"),
        ([text("v=DKIM1; p=")], "fail"),
        ([text("\xff")], "fail"),
    ],
)
def test_a_key_that_cannot_be_had_is_no_pass(key: Any, value: str) -> None:
    assert found(signed(), world={("sel._domainkey.my-company.example", "TXT"): key})["dkim"] == value


def test_of_several_signatures_each_is_checked_and_the_best_counts() -> None:
    result = found(signed(b"DKIM-Signature: v=1; nonsense\r\n" + PLAIN))
    assert [each.value for each in result.results if each.method == "dkim"] == ["pass", "permerror"]
    assert result["dkim"] == "pass"


def test_a_hundred_signatures_are_not_all_checked() -> None:
    many = b"DKIM-Signature: v=1; nonsense\r\n" * 100 + PLAIN
    assert len([each for each in found(many).results if each.method == "dkim"]) == SIGNATURES_LIMIT


# -- DMARC -----------------------------------------------------------------------------------------------------

FOREIGN = XFORWARD.replace("192.0.2.7", "198.51.100.1")


@pytest.mark.parametrize(
    ("record", "signer", "value"),
    [
        ("v=DMARC1; p=reject", "my-company.example", "pass"),
        ("v=DMARC1; p=reject", "mail.my-company.example", "pass"),
        ("v=DMARC1; p=reject; adkim=r", "mail.my-company.example", "pass"),
        ("v=DMARC1; p=reject; adkim=s", "mail.my-company.example", "fail"),
        ("v=DMARC1; p=reject; adkim=s", "my-company.example", "pass"),
        # Two domains that are one where names are thought to end at a hyphen.
        ("v=DMARC1; p=reject", "my-other.example", "fail"),
        ("v=DMARC1; p=reject", "relay.example", "fail"),
        ("v=DMARC1", "my-company.example", "none"),
        ("v=DMARC1; p=perhaps", "my-company.example", "none"),
        ("v=DMARC1; nonsense", "my-company.example", "permerror"),
    ],
)
def test_dmarc_asks_for_a_signature_of_the_domain_of_from(record: str, signer: str, value: str) -> None:
    world = {("_dmarc.my-company.example", "TXT"): [text(record)]}
    assert found(signed(domain=signer), client=FOREIGN, world=world)["dmarc"] == value


@pytest.mark.parametrize(
    ("record", "sender", "value"),
    [
        ("v=DMARC1; p=none", "alice@my-company.example", "pass"),
        ("v=DMARC1; p=none", "bounces@mail.my-company.example", "pass"),
        ("v=DMARC1; p=none; aspf=s", "bounces@mail.my-company.example", "fail"),
        ("v=DMARC1; p=none; aspf=s", "alice@my-company.example", "pass"),
        ("v=DMARC1; p=none", "", "pass"),
    ],
)
def test_dmarc_is_content_with_spf_of_that_domain(record: str, sender: str, value: str) -> None:
    world = {("_dmarc.my-company.example", "TXT"): [text(record)]}
    assert found(sender=sender, world=world)["dmarc"] == value


def test_a_domain_without_a_record_has_that_of_its_organisation() -> None:
    raw = PLAIN.replace(b"alice@", b"alice@sub.deep.")
    result = found(raw, client=FOREIGN)
    assert (result["dmarc"], result.policy) == ("fail", "quarantine")


def test_two_records_are_as_good_as_none() -> None:
    twice = [text("v=DMARC1; p=reject"), text("v=DMARC1; p=none")]
    assert found(world={("_dmarc.my-company.example", "TXT"): twice})["dmarc"] == "none"


def test_a_record_that_cannot_be_asked_for_is_temporary() -> None:
    assert found(world={("_dmarc.my-company.example", "TXT"): None})["dmarc"] == "temperror"


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: Soup",
        b"From: nobody",
        b"From: alice@my-company.example, eve@example.net",
        b"From: alice@my-company.example\r\nFrom: eve@example.net",
    ],
)
def test_mail_without_one_author_is_nobodys(head: bytes) -> None:
    assert found(head + b"\r\n\r\n")["dmarc"] == "permerror"


@pytest.mark.parametrize(
    ("domain", "above"),
    [
        ("a.b.example.com", "example.com"),
        ("example.co.uk", "example.co.uk"),
        ("a.example.co.uk", "example.co.uk"),
        ("a.my-company.de", "my-company.de"),
        # Under a suffix that nobody has listed.
        ("my-company.example", "my-company.example"),
        ("a.my-company.example", "my-company.example"),
        ("example", "example"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
    ],
)
def test_an_organisation_is_one_label_below_the_public_suffix(domain: str, above: str) -> None:
    assert organisation(domain) == above


# -- ARC -------------------------------------------------------------------------------------------------------


def sealed(raw: bytes) -> bytes:
    stated = b"Authentication-Results: relay.example; dkim=pass header.d=my-company.example\r\n" + raw
    fields = dkim.ARC(stated).sign(b"sel", b"relay.example", PRIVATE_KEY, b"relay.example")
    return b"".join(fields) + stated


def test_a_whole_chain_passes_and_a_broken_one_fails() -> None:
    assert found(sealed(PLAIN))["arc"] == "pass"
    assert found(sealed(PLAIN) + b"And salad?\r\n")["arc"] == "fail"
    assert found(b"ARC-Seal: i=1; nonsense\r\n" + PLAIN)["arc"] == "fail"


def test_a_chain_whose_keys_cannot_be_asked_for_is_temporary() -> None:
    assert found(sealed(PLAIN), world={("sel._domainkey.relay.example", "TXT"): None})["arc"] == "temperror"


# -- limits ----------------------------------------------------------------------------------------------------


def test_without_time_left_nobody_is_asked() -> None:
    table = Table(WORLD)
    of = transaction(content=signed(), sender="alice@my-company.example", xforward=XFORWARD)
    begun = time.monotonic()
    result = Authenticator(BORDER, resolver=table).check(mail(of, left_s=0))
    assert words(result) == {"spf": "temperror", "dkim": "temperror", "dmarc": "temperror", "arc": "none"}
    assert not table.asked
    assert time.monotonic() - begun < 30


def test_nothing_is_asked_twice() -> None:
    table = Table(WORLD)
    raw = signed(signed())
    of = transaction(content=raw, sender="alice@my-company.example", xforward=XFORWARD)
    Authenticator(BORDER, resolver=table).check(mail(of))
    assert len(table.asked) == len(set(table.asked))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.binary(max_size=300), st.text(max_size=30), st.binary(max_size=100))
def test_whatever_stands_in_the_mail_and_in_dns_there_is_an_answer(
    octets: bytes, sender: str, record: bytes
) -> None:
    class Anything:
        def resolve(self, name: str, kind: str, *, timeout_s: float) -> list[Any]:
            return [text(b"v=spf1 " + record), text(b"v=DMARC1; " + record)] if kind == "TXT" else []

    for raw in (octets, b"DKIM-Signature: " + octets + b"\r\nARC-Seal: i=1; " + octets + b"\r\n" + PLAIN):
        of = transaction(content=raw, sender=sender, xforward=XFORWARD)
        result = Authenticator(BORDER, resolver=Anything()).check(mail(of))
        assert set(words(result).values()) <= {
            "pass",
            "fail",
            "none",
            "permerror",
            "temperror",
            "neutral",
            "softfail",
        }
        field_value(BORDER, result.results).encode("ascii")


# -- the field -------------------------------------------------------------------------------------------------


def test_the_field_is_read_back_by_our_own_guards() -> None:
    of = mail(transaction(content=signed(), sender="alice@my-company.example", xforward=XFORWARD))
    checking = Authenticator(BORDER, resolver=Table(WORLD))
    result = checking.check(of)
    checking.mark(of, result)
    left = Message(b"".join(of.edits.content.parts()))
    assert results_of(left, BORDER) == result.results


def test_forgeries_of_our_name_are_taken_out_and_others_stay() -> None:
    forged = (
        b"Authentication-Results: MX.example.net; dmarc=pass\r\n"
        b"authentication-results: (really)\r\n\t mx.example.net 1; dkim=pass\r\n"
        b"Authentication-Results: mx.elsewhere.example; dkim=pass\r\n"
    )
    of = mail(transaction(content=forged + PLAIN))
    checking = Authenticator(BORDER, resolver=Table({}))
    checking.mark(of, checking.check(of))
    left = b"".join(of.edits.content.parts())
    assert left.lower().count(b"mx.example.net") == 1
    assert left.endswith(b"Authentication-Results: mx.elsewhere.example; dkim=pass\r\n" + PLAIN)


def test_a_strangers_words_cannot_make_a_result() -> None:
    evil = Result("dkim", "permerror", {"header.d": "x; dmarc=pass", "header.s": "a\r\nX-Evil: 1"})
    assert field_value(BORDER, (evil,)) == "mx.example.net; dkim=permerror"


@pytest.mark.parametrize("name", ["", "a b", "x;y"])
def test_what_is_no_name_of_a_host_is_no_border(name: str) -> None:
    with pytest.raises(ValueError, match="authserv-id"):
        Authenticator(name)
