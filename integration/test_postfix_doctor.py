# ruff: noqa: E501 -- a table is read in its columns
"""`lamson postfix doctor` on private configurations: every planted mistake is found, and a fresh apply has none.

Law: postconf is the real one and changes the files as a postmaster would; no Postfix is started.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from integration.fragments import Ports, Programs
from integration.plain import configuration, grow_old
from lamsonproxy.postfix import plan
from lamsonproxy.postfix.checks import CHECKS, Finding, Level
from lamsonproxy.postfix.choices import Choices, DoorKind
from lamsonproxy.postfix.doctor import examine
from lamsonproxy.postfix.facts import Facts, ServiceDoor, ServiceSide
from lamsonproxy.postfix.ledger import Ledger
from lamsonproxy.postfix.place import Place
from lamsonproxy.postfix.postconf import Postfix, Target

PORTS = Ports(front=2525, null=2526, reentry=10026, door=10025, sink=2527)
FRONT = "127.0.0.1:2525/inet"
REENTRY = "127.0.0.1:10026/inet"
LISTEN = Place("127.0.0.1", 10025)
DOOR = ServiceDoor("filter", "filter", LISTEN, 540, 1 << 27, 300, "accept", trusts_loopback=True)
SERVICE = ServiceSide((DOOR,), Place("127.0.0.1", 10026), "filter.test", 2, 500, 20, 30, 1 << 30, 1000)
OF_KIND = {
    "filter": DOOR,
    "lmtp": replace(DOOR, name="lmtp", kind="lmtp"),
    "proxy": replace(DOOR, name="proxy", kind="proxy", deadline_s=80),
    "transport": replace(DOOR, name="lmtp", kind="lmtp", unmatched="reject", domains=("lists.test",)),
}


@dataclass(frozen=True)
class Mistake:
    """What is done to a fresh apply, and the line that doctor must say."""

    what: str
    door: DoorKind
    check: str
    level: Level
    says: str
    postconf: tuple[tuple[str, ...], ...] = ()
    service: dict[str, Any] | None = None
    own_door: dict[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.door}: {self.what}"


def _option(key: str, setting: str) -> tuple[tuple[str, ...], ...]:
    return (("-P", f"{key}/{setting}"),)


def _main(setting: str) -> tuple[tuple[str, ...], ...]:
    return (("-e", setting),)


def _column(key: str, column: str) -> tuple[tuple[str, ...], ...]:
    return (("-F", f"{key}/{column}"),)


ERROR, WARNING = Level.ERROR, Level.WARNING
LAMSON = "lamson/unix"
MISTAKES = (
    Mistake("the filter is off", "filter", "switch", ERROR, "Nothing hands mail", (("-PX", f"{FRONT}/content_filter"),)),
    Mistake("no next hop", "filter", "nexthop", ERROR, "without a next hop", _option(FRONT, "content_filter=lamson:")),
    Mistake("a wrong port", "filter", "nexthop", ERROR, "lamson.toml has no door", _option(FRONT, "content_filter=lamson:[127.0.0.1]:10099")),
    Mistake("smtp to an lmtp door", "lmtp", "kind", ERROR, "as to a filter door", _column(LAMSON, "command=smtp")),
    Mistake("no transport", "filter", "transport", ERROR, "no service lamson/unix", (("-MX", LAMSON),)),
    Mistake("two filters of ours", "filter", "once", ERROR, "over twice", _option(FRONT, "smtpd_proxy_filter=127.0.0.1:10025")),
    Mistake("another filter in main.cf", "filter", "other-filter", WARNING, "which is not ours", _main("content_filter=scan:[127.0.0.1]:10024")),
    Mistake("a FILTER action", "filter", "filter-action", WARNING, "has a FILTER action", _main("smtpd_recipient_restrictions=check_sender_access inline:{ {a = FILTER x:y} }, permit")),
    Mistake("no XFORWARD", "filter", "smtp_send_xforward_command", WARNING, "by which a retry is known", _option(LAMSON, "smtp_send_xforward_command=no")),
    Mistake("8-bit mail is converted", "filter", "disable_mime_output_conversion", WARNING, "quoted-printable", _option(LAMSON, "disable_mime_output_conversion=no")),
    Mistake("long lines are cut", "lmtp", "lmtp_line_length_limit", WARNING, "not cut", _option(LAMSON, "lmtp_line_length_limit=998")),
    Mistake("TLS to the door", "filter", "smtp_tls_security_level", ERROR, "no STARTTLS", _option(LAMSON, "smtp_tls_security_level=encrypt")),
    Mistake("generic maps", "filter", "smtp_generic_maps", WARNING, "rewritten once", _option(LAMSON, "smtp_generic_maps=inline:{a=b}")),
    Mistake("Postfix hangs up first", "filter", "data-done", ERROR, "delivered twice", _option(LAMSON, "smtp_data_done_timeout=300s")),
    Mistake("a deadline too long", "lmtp", "data-done", ERROR, "delivered twice", own_door={"deadline_s": 599}),
    Mistake("Postfix hangs up at RCPT", "lmtp", "rcpt", ERROR, "while handlers decide", _option(LAMSON, "lmtp_rcpt_timeout=30s")),
    Mistake("more processes than sessions", "filter", "maxproc", ERROR, "the others get 421", _column(LAMSON, "process_limit=2000")),
    Mistake("any number of processes", "filter", "maxproc", ERROR, "any number of", _column(LAMSON, "process_limit=0")),
    Mistake("idle processes", "lmtp", "concurrency", WARNING, "stand idle", _main("default_destination_concurrency_limit=2")),
    Mistake("many recipients at once", "filter", "recipient-limit", WARNING, "is deferred (451)", _main("lamson_destination_recipient_limit=50")),
    Mistake("too many recipients", "lmtp", "recipients", ERROR, "the others wait", _main("default_destination_recipient_limit=5000")),
    Mistake("aliases twice", "filter", "mappings", ERROR, "mapped twice", _option(FRONT, "receive_override_options=")),
    Mistake("aliases never", "filter", "mappings", ERROR, "mapped never", _option(REENTRY, "receive_override_options=no_address_mappings")),
    Mistake("no re-entry", "filter", "reentry", ERROR, "all mail waits", (("-MX", REENTRY),)),
    Mistake("a public re-entry", "filter", "reentry-address", WARNING, "every address", _column(REENTRY, "service=0.0.0.0:10026")),
    Mistake("an open relay", "filter", "reentry-networks", ERROR, "open relay", _option(REENTRY, "mynetworks=0.0.0.0/0")),
    Mistake("nobody is let in", "filter", "reentry-peers", ERROR, "nobody is let in", _option(REENTRY, "mynetworks=")),
    Mistake("XFORWARD to nobody", "filter", "reentry-xforward", WARNING, "no client's name", _option(REENTRY, "smtpd_authorized_xforward_hosts=")),
    Mistake("no restriction rejects", "filter", "reentry-restrictions", ERROR, "refuses to start", _option(REENTRY, "smtpd_recipient_restrictions=")),
    Mistake("policy twice", "filter", "smtpd_sender_restrictions", WARNING, "The same", _option(REENTRY, "smtpd_sender_restrictions=reject_unknown_sender_domain")),
    Mistake("a loop", "filter", "content_filter", ERROR, "round and round", _option(REENTRY, "content_filter=lamson:[127.0.0.1]:10025")),
    Mistake("a loop before the queue", "proxy", "smtpd_proxy_filter", ERROR, "The same", _option(REENTRY, "smtpd_proxy_filter=127.0.0.1:10025")),
    Mistake("TLS at the re-entry", "filter", "smtpd_tls_security_level", ERROR, "refuse us", _option(REENTRY, "smtpd_tls_security_level=encrypt")),
    Mistake("a load balancer's protocol", "filter", "smtpd_upstream_proxy_protocol", ERROR, "No load balancer", _option(REENTRY, "smtpd_upstream_proxy_protocol=haproxy")),
    Mistake("hidden extensions", "filter", "smtpd_discard_ehlo_keywords", WARNING, "8BITMIME", _option(REENTRY, "smtpd_discard_ehlo_keywords=8bitmime")),
    Mistake("headers completed", "filter", "local_header_rewrite_clients", WARNING, "completes headers", _option(REENTRY, "local_header_rewrite_clients=permit_mynetworks")),
    Mistake("recipients checked again", "filter", "no-unknown-recipient-checks", WARNING, "may bounce here", _option(REENTRY, "receive_override_options=no_header_body_checks,no_milters")),
    Mistake("header checks again", "filter", "no-header-body-checks", WARNING, "made twice", _option(REENTRY, "receive_override_options=no_unknown_recipient_checks,no_milters")),
    Mistake("signed twice", "filter", "milters", WARNING, "signed twice", (*_main("smtpd_milters=inet:127.0.0.1:8891"), *_option(REENTRY, "receive_override_options=no_unknown_recipient_checks,no_header_body_checks"))),
    Mistake("too few processes on the way back", "filter", "reentry-maxproc", WARNING, "wait for each other", _column(REENTRY, "process_limit=5")),
    Mistake("too few connections back", "filter", "relay-connections", WARNING, "relay.connections", service={"connections": 2}),
    Mistake("connections are counted", "filter", "smtpd_client_connection_count_limit", WARNING, "many connections", _option(REENTRY, "smtpd_client_connection_count_limit=5")),
    Mistake("errors end the session", "filter", "reentry-errors", WARNING, "end the session", _option(REENTRY, "smtpd_hard_error_limit=20")),
    Mistake("the re-entry loses patience", "filter", "reentry-timeout", WARNING, "about to use", _option(REENTRY, "smtpd_timeout=10s")),
    Mistake("the service loses patience", "filter", "idle", WARNING, "about to use", own_door={"idle_timeout_s": 60}),
    Mistake("a small door", "filter", "size", ERROR, "bounces (5.3.4)", own_door={"size_limit": 1 << 20}),
    Mistake("mail of any size", "filter", "size", ERROR, "unlimited", _main("message_size_limit=0")),
    Mistake("little memory", "filter", "in-flight", WARNING, "is deferred", service={"in_flight_bytes": 1 << 26}),
    Mistake("nobody is trusted", "filter", "trust", ERROR, "turned away", own_door={"trusts_loopback": False}),
    Mistake("short queue ids", "filter", "queue-ids", WARNING, "used again", _main("enable_long_queue_ids=no")),
    Mistake("few hops", "filter", "hops", WARNING, "takes up to three", _main("hopcount_limit=10")),
    Mistake("smuggling in front", "filter", "smtpd_forbid_bare_newline", WARNING, FRONT, _option(FRONT, "smtpd_forbid_bare_newline=no")),
    Mistake("smuggling at the re-entry", "filter", "smtpd_forbid_bare_newline_exclusions", WARNING, REENTRY, _option(REENTRY, "smtpd_forbid_bare_newline_exclusions=127.0.0.0/8")),
    Mistake("talking before being asked", "proxy", "smtpd_forbid_unauth_pipelining", WARNING, FRONT, _option(FRONT, "smtpd_forbid_unauth_pipelining=no")),
    Mistake("soft_bounce for all", "filter", "soft-bounce", WARNING, "tried for days", _main("soft_bounce=yes")),
    Mistake("a trial that nobody began", "filter", "trial", WARNING, "no trial", _option(LAMSON, "soft_bounce=yes")),
    Mistake("a proxy on postscreen", "proxy", "proxy-service", ERROR, "smtpd/pass", _column(FRONT, "command=postscreen -o smtpd_proxy_filter=127.0.0.1:10025")),
    Mistake("overrides before the queue", "proxy", "proxy-overrides", WARNING, "has no effect", _option(FRONT, "receive_override_options=no_address_mappings")),
    Mistake("Postfix gives up first", "proxy", "proxy-timeout", ERROR, "gives up first", _option(FRONT, "smtpd_proxy_timeout=60s")),
    Mistake("speed_adjust here alone", "proxy", "speed-adjust", ERROR, "the opposite", _option(FRONT, "smtpd_proxy_options=speed_adjust")),
    Mistake("a domain that is refused", "transport", "domains", ERROR, "is refused", _main("relay_domains=")),
    Mistake("a domain of two classes", "transport", "domain-class", WARNING, "mydestination", _main("mydestination=lists.test")),
    Mistake("a door that does not know", "transport", "door-domains", WARNING, "comes back", own_door={"domains": ()}),
    Mistake("unknown recipients accepted", "transport", "unmatched", ERROR, "for ever", own_door={"unmatched": "accept"}),
)  # fmt: skip


@pytest.fixture(scope="module", params=["filter", "lmtp", "proxy", "transport"])
def door(request: pytest.FixtureRequest) -> DoorKind:
    kind: DoorKind = request.param
    return kind


@pytest.fixture
def postfix(programs: Programs, tmp_path: Path) -> Postfix:
    """A configuration that knows nothing of us."""
    return configuration(tmp_path / "etc", programs, PORTS)


def applied(postfix: Postfix, door: DoorKind) -> Ledger:
    """What apply writes, without its probes."""
    domains = ("lists.test",) if door == "transport" else ()
    choices = Choices(door=door, listen=LISTEN, domains=domains, services=(FRONT,), trial=False)
    changes = [change for stage in plan.make(postfix, choices).stages for change in stage]
    for change in changes:
        write(postfix, change.target, change.key, change.after)
    return Ledger(choices, "now", "nowhere", tuple(changes), is_complete=True)


def write(postfix: Postfix, target: Target, key: str, value: str | None) -> None:
    postfix.write(target, key, value)
    grow_old(postfix.folder)


def findings(postfix: Postfix, service: ServiceSide, ledger: Ledger) -> list[Finding]:
    return examine(Facts.read(postfix, service, ledger), offline=True)


@pytest.mark.fault("2.9")
def test_a_fresh_apply_has_only_ok_lines(postfix: Postfix, door: DoorKind) -> None:
    ledger = applied(postfix, door)
    found = findings(postfix, replace(SERVICE, doors=(OF_KIND[door],)), ledger)
    assert [f for f in found if f.level is not Level.OK] == []
    assert len(found) > len(CHECKS) // 2


@pytest.mark.fault("2.9")
@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_planted_mistake_is_found_with_what_mends_it(postfix: Postfix, mistake: Mistake) -> None:
    ledger = applied(postfix, mistake.door)
    for words in mistake.postconf:
        postfix._postconf(*words)
        grow_old(postfix.folder)
    own = replace(OF_KIND[mistake.door], **(mistake.own_door or {}))
    service = replace(SERVICE, doors=(own,), **(mistake.service or {}))
    found = [f for f in findings(postfix, service, ledger) if f.level is not Level.OK]
    lines = [f for f in found if f.check == mistake.check]
    assert lines, found
    assert (lines[0].level, mistake.says in lines[0].sentence, bool(lines[0].mend)) == (
        mistake.level,
        True,
        True,
    ), lines


def test_every_mistake_is_another_one() -> None:
    assert len({(m.door, m.what) for m in MISTAKES}) == len(MISTAKES) >= 25
