"""What Postfix and lamson.toml must agree on, whichever the door: sizes, patience, names, trust, and safe defaults.

Law: see `finding.py`.

postconf(5); CVE-2023-51764 (SMTP smuggling).
"""

from collections.abc import Sequence

from lamsonproxy.postfix.checks.finding import (
    Check,
    Findings,
    as_wanted,
    judge,
    parameter_command,
    warn,
)
from lamsonproxy.postfix.doors import against_smuggling
from lamsonproxy.postfix.facts import Facts

GROWTH = 65536
"""Octets by which a mail may grow on its way through: a Received line, and what handlers put in the header."""


def sizes(facts: Facts) -> Findings:
    limit = facts.number("message_size_limit")
    for door in facts.service.doors:
        yield judge(
            0 < limit <= door.size_limit - GROWTH,
            "size",
            f"message_size_limit is {limit}, size_limit of the door {door.name} {door.size_limit}.",
            f"message_size_limit is {limit or 'unlimited'}, but size_limit of the door {door.name} is"
            f" {door.size_limit}: larger mail bounces (5.3.4) without being tried.",
            f"size_limit = {limit + GROWTH} in lamson.toml"
            if limit
            else parameter_command("message_size_limit", "10240000"),
        )
    for key in facts.transports():
        need = limit * facts.maxproc(key)
        yield warn(
            need <= facts.service.in_flight_bytes,
            "in-flight",
            "As many of the largest mails as Postfix sends at a time have room in the service.",
            f"message_size_limit times the processes of {key} is {need}, above limits.in_flight_bytes"
            f" ({facts.service.in_flight_bytes}): large mail is deferred when there is much of it.",
            f"limits.in_flight_bytes = {need} in lamson.toml",
        )


def idle(facts: Facts) -> Findings:
    longest = facts.seconds("max_idle")
    for door in facts.service.doors:
        yield warn(
            door.idle_timeout_s > longest,
            "idle",
            f"idle_timeout_s of the door {door.name} is {door.idle_timeout_s:g} s, max_idle {longest:g} s.",
            f"idle_timeout_s of the door {door.name} is {door.idle_timeout_s:g} s, not above Postfix's"
            f" max_idle ({longest:g} s): the service closes connections that Postfix is about to use.",
            "idle_timeout_s = 300 in lamson.toml",
        )


def trust(facts: Facts) -> Findings:
    for door in facts.service.doors:
        if door.listen.path or door.listen.is_loopback:
            yield judge(
                bool(door.listen.path) or door.trusts_loopback,
                "trust",
                f"The door {door.name} trusts this machine.",
                f"The door {door.name} listens on the loopback, but its trust names no address there:"
                " Postfix is turned away.",
                'trust = ["127.0.0.0/8", "::1"] for this door in lamson.toml',
            )


def names(facts: Facts) -> Findings:
    at_25 = facts.service.relay.port == 25 or any(door.listen.port == 25 for door in facts.service.doors)
    yield judge(
        not at_25 or facts.service.hostname != facts.value("myhostname"),
        "names",
        "Postfix and the service do not take each other for themselves.",
        f"Both are called {facts.service.hostname}, and one listens on port 25: Postfix takes it for a loop (5.4.6).",
        "another hostname in lamson.toml",
    )


def hops(facts: Facts) -> Findings:
    limit = facts.number("hopcount_limit")
    yield warn(
        limit >= 20,
        "hops",
        f"hopcount_limit is {limit}.",
        f"hopcount_limit is {limit}, and each pass through the service takes up to three: mail with a"
        " history bounces.",
        parameter_command("hopcount_limit", "50"),
    )


def queue_ids(facts: Facts) -> Findings:
    if any(way.kind != "smtpd_proxy_filter" for way in facts.ways()):
        yield warn(
            facts.value("enable_long_queue_ids") == "yes",
            "queue-ids",
            "Queue ids are never used again.",
            "enable_long_queue_ids is no: a queue id is used again, and a mail may be taken for the retry"
            " of another.",
            parameter_command("enable_long_queue_ids", "yes"),
        )


def smuggling(facts: Facts) -> Findings:
    """On both smtpd's: in front, and at the re-entry."""
    fronts = [key for key in facts.filtered() if facts.command(key) == "smtpd"]
    if any(way.kind == "transport_maps" for way in facts.ways()):
        fronts = []  # The front is the postmaster's own there; whole domains are handed over, not its mail.
    for key in (*fronts, *filter(None, (facts.reentry,))):
        yield from as_wanted(facts, key, against_smuggling())


def soft_bounce(facts: Facts) -> Findings:
    yield warn(
        facts.main.get("soft_bounce", "no") != "yes",
        "soft-bounce",
        "soft_bounce is off in main.cf.",
        "soft_bounce = yes in main.cf: no refusal of anybody's counts, and all of them are tried for days.",
        parameter_command("soft_bounce", "no"),
    )
    on_trial = facts.ledger is not None and facts.ledger.choices.trial
    for key in facts.transports():
        is_soft = facts.value("soft_bounce", key) == "yes"
        yield warn(
            on_trial or not is_soft,
            "trial",
            f"{key} is on trial: refusals are deferrals until `lamson postfix apply --final`."
            if is_soft
            else f"Refusals count on {key}.",
            f"soft_bounce=yes on {key}, and no trial of `lamson postfix apply` is under way: refusals are"
            " tried for days.",
            f"postconf -PX '{key}/soft_bounce' && postfix reload",
        )


def other_filters(facts: Facts) -> Findings:
    ours = facts.ways()
    present = facts.value("content_filter")
    yield warn(
        not present or any(way.by == "main.cf" for way in ours),
        "other-filter",
        "main.cf names no other content_filter.",
        f"main.cf has content_filter = {present}, which is not ours: services of ours go past it, and all"
        " others through it alone.",
        "decide which mail goes where, and say it for each service",
    )
    actions = [
        name
        for name, value in facts.main.items()
        if name.endswith(("_restrictions", "_checks")) and "FILTER " in value
    ]
    yield warn(
        not actions,
        "filter-action",
        "No FILTER action stands in main.cf.",
        f"{' and '.join(actions)} has a FILTER action, which beats content_filter for the whole mail.",
        "take the FILTER action out, or let it name our transport",
    )


CHECKS: Sequence[Check] = (
    sizes,
    idle,
    trust,
    names,
    hops,
    queue_ids,
    smuggling,
    soft_bounce,
    other_filters,
)
