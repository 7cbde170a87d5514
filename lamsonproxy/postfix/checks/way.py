"""The way to the door: who hands mail over, to where, through which transport, and how much at a time.

Law: see `finding.py`. What apply writes is checked against the same fragments.

FILTER_README, TUNING_README, postconf(5).
"""

from collections.abc import Sequence

from lamsonproxy.postfix.checks.finding import (
    Check,
    Finding,
    Findings,
    Level,
    as_wanted,
    judge,
    option_command,
    parameter_command,
    warn,
)
from lamsonproxy.postfix.choices import Choices, DoorKind
from lamsonproxy.postfix.doors import fragments
from lamsonproxy.postfix.facts import Facts, Way

MARGIN_S = 15
"""Seconds that the door needs beyond its deadline to say so: one act on the disk (`engine.policy.DISK_S`)."""


def switch(facts: Facts) -> Findings:
    for way in facts.ways():
        yield Finding(Level.OK, "switch", f"{way.by} hands mail to {way.nexthop} ({way.kind}).")
    if not facts.ways():
        listens = " and ".join(str(door.listen) for door in facts.service.doors)
        yield Finding(
            Level.ERROR,
            "switch",
            f"Nothing hands mail to the service at {listens}: neither content_filter nor smtpd_proxy_filter"
            " nor an inline table in transport_maps names it.",
            "lamson postfix apply",
        )


def once(facts: Facts) -> Findings:
    for key in facts.filtered():
        kinds = sorted({way.kind for way in facts.ways() if way.by in (key, "main.cf")})
        yield judge(
            len(kinds) < 2,
            "once",
            f"{key} hands its mail over once.",
            f"{key} hands its mail over twice: before the queue and behind it.",
            f"postconf -PX '{key}/content_filter' && postfix reload",
        )


def nexthop(facts: Facts) -> Findings:
    for way in facts.ways():
        yield judge(
            facts.door_of(way) is not None,
            "nexthop",
            f"{way.nexthop} is a door of lamson.toml.",
            f"{way.by} hands mail to {way.nexthop}, where lamson.toml has no door."
            if way.nexthop
            else f"{way.by} names {way.transport} without a next hop: Postfix takes the recipient's domain for it.",
            _mend_way(facts, way),
        )


def _mend_way(facts: Facts, way: Way) -> str:
    door = facts.service.doors[0]
    value = f"{way.transport}:{door.listen.lmtp_nexthop if door.kind == 'lmtp' else door.listen.smtp_nexthop}"
    if way.kind == "smtpd_proxy_filter":
        value = str(door.listen)
    if way.kind == "transport_maps":
        return "lamson postfix rollback, then lamson postfix apply"
    return (
        parameter_command(way.kind, value) if way.by == "main.cf" else option_command(way.by, way.kind, value)
    )


def kind(facts: Facts) -> Findings:
    for way in facts.ways():
        door = facts.door_of(way)
        if door is None:
            continue
        speaks = "proxy" if way.kind == "smtpd_proxy_filter" else _speaks(facts, way)
        yield judge(
            speaks == door.kind,
            "kind",
            f"The door {door.name} is spoken to as a {door.kind} door.",
            f"{way.by} speaks to the door {door.name} as to a {speaks or 'missing'} door, but it is a"
            f" {door.kind} door.",
            "lamson postfix apply with the right --door, or another kind in lamson.toml",
        )


def _speaks(facts: Facts, way: Way) -> str:
    return {"smtp": "filter", "lmtp": "lmtp"}.get(facts.command(f"{way.transport}/unix"), "")


def transport_is_there(facts: Facts) -> Findings:
    for key in facts.named_transports():
        yield judge(
            key in facts.entries,
            "transport",
            f"The transport {key} is there.",
            f"master.cf has no service {key}: mail for it is deferred.",
            "lamson postfix apply",
        )


def transport_options(facts: Facts) -> Findings:
    """Each option of the fragment, against what is in force."""
    for key in facts.transports():
        door: DoorKind = "lmtp" if facts.command(key) == "lmtp" else "filter"
        place = next((d.listen for d in facts.doors_behind(key)), facts.service.doors[0].listen)
        wanted = fragments(Choices(door=door, listen=place, trial=False)).transport[0]
        yield from as_wanted(facts, key, wanted.without(f"{facts.command(key)}_data_done_timeout").options)


def data_done(facts: Facts) -> Findings:
    for key in facts.transports():
        name = f"{facts.command(key)}_data_done_timeout"
        limit = facts.seconds(name, key)
        for door in facts.doors_behind(key):
            yield judge(
                limit >= door.deadline_s + MARGIN_S,
                "data-done",
                f"{name} is {limit:g} s, the deadline of the door {door.name} {door.deadline_s:g} s.",
                f"{name} is {limit:g} s on {key}, not {MARGIN_S} s above deadline_s of the door {door.name}"
                f" ({door.deadline_s:g} s): Postfix hangs up first, and the mail is delivered twice.",
                option_command(key, name, f"{max(600, int(door.deadline_s) + 60)}s"),
            )


def rcpt(facts: Facts) -> Findings:
    for key in facts.transports():
        name = f"{facts.command(key)}_rcpt_timeout"
        limit = facts.seconds(name, key)
        for door in facts.doors_behind(key):
            yield judge(
                limit >= door.rcpt_timeout_s + MARGIN_S,
                "rcpt",
                f"{name} is {limit:g} s, rcpt_timeout_s of the door {door.name} {door.rcpt_timeout_s:g} s.",
                f"{name} is {limit:g} s on {key}, not {MARGIN_S} s above rcpt_timeout_s of the door {door.name}"
                f" ({door.rcpt_timeout_s:g} s): Postfix hangs up while handlers decide.",
                option_command(key, name, "300s"),
            )


def maxproc(facts: Facts) -> Findings:
    sessions = facts.service.sessions * facts.service.workers
    for key in facts.transports():
        number = facts.maxproc(key)
        yield judge(
            0 < number <= sessions,
            "maxproc",
            f"{key} has {number} processes, the service takes {sessions} sessions.",
            f"{key} has {number or 'any number of'} processes, but the service takes {sessions} sessions"
            " (limits.sessions times workers): the others get 421.",
            f"postconf -F '{key}/process_limit=10' && postfix reload",
        )


def concurrency(facts: Facts) -> Findings:
    for key in facts.transports():
        name = key.removesuffix("/unix")
        limit = facts.number(f"{name}_destination_concurrency_limit") or facts.number(
            "default_destination_concurrency_limit"
        )
        yield warn(
            limit == 0 or limit >= facts.maxproc(key) > 0,
            "concurrency",
            f"Up to {limit} mails at a time may go to the service.",
            f"All mail has one destination here, and {limit} mails at a time may go to it; {key} has"
            f" {facts.maxproc(key)} processes, of which the others stand idle.",
            parameter_command(f"{name}_destination_concurrency_limit", str(facts.maxproc(key))),
        )


def recipient_limit(facts: Facts) -> Findings:
    for key in facts.transports():
        name = f"{key.removesuffix('/unix')}_destination_recipient_limit"
        limit = facts.number(name) or facts.number("default_destination_recipient_limit")
        if facts.command(key) == "smtp":
            yield warn(
                limit == 1,
                "recipient-limit",
                "Each recipient's mail comes alone.",
                f"{name} is {limit}: mail whose handlers give recipients different copies is deferred (451).",
                parameter_command(name, "1"),
            )
        yield judge(
            limit <= facts.service.recipients,
            "recipients",
            f"A mail comes with {limit} recipients at most, and the service takes {facts.service.recipients}.",
            f"A mail may come with {limit} recipients, and the service takes {facts.service.recipients}"
            " (limits.recipients): the others wait.",
            parameter_command(name, str(facts.service.recipients)),
        )


def mappings(facts: Facts) -> Findings:
    for key in facts.filtered():
        kinds = {way.kind for way in facts.ways() if way.by in (key, "main.cf")}
        if "content_filter" not in kinds:
            continue
        before = "no_address_mappings" not in facts.words("receive_override_options", key)
        behind = bool(facts.reentry) and "no_address_mappings" not in facts.words(
            "receive_override_options", facts.reentry
        )
        times = before + behind
        yield judge(
            times == 1,
            "mappings",
            f"Addresses of mail from {key} are mapped once.",
            f"Addresses of mail from {key} are mapped"
            f" {'twice: aliases and always_bcc give copies twice' if times else 'never'}.",
            option_command(key, "receive_override_options", facts.overrides_with(key, "no_address_mappings"))
            if times
            else option_command(
                facts.reentry,
                "receive_override_options",
                facts.overrides_without(facts.reentry, "no_address_mappings"),
            ),
        )


CHECKS: Sequence[Check] = (
    switch,
    once,
    nexthop,
    kind,
    transport_is_there,
    transport_options,
    data_done,
    rcpt,
    maxproc,
    concurrency,
    recipient_limit,
    mappings,
)
