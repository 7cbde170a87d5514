"""The re-entry: that it is there, lets the service in and nobody else, and does nothing twice.

Law: see `finding.py`.

FILTER_README, XFORWARD_README, STRESS_README, postconf(5).
"""

from collections.abc import Sequence

from lamsonproxy.postfix.checks.finding import (
    Check,
    Findings,
    Level,
    as_wanted,
    judge,
    option_command,
    warn,
)
from lamsonproxy.postfix.choices import Choices, DoorKind
from lamsonproxy.postfix.doors import against_smuggling, fragments
from lamsonproxy.postfix.facts import Facts

IN_FRONT_AT_ONCE = 20
"""Remote clients that hold a connection of the relay at one time; most sessions are between two mails
(SMTPD_PROXY_README counts 20 for a small site)."""

_NETWORKS_OF_EVERYBODY = ("0.0.0.0/0", "::/0", "[::]/0")


def reentry_is_there(facts: Facts) -> Findings:
    place = facts.service.relay
    yield judge(
        bool(facts.reentry),
        "reentry",
        f"The re-entry is {facts.reentry}.",
        f"master.cf has no smtpd at {place}, where the service hands mail back (relay.host, relay.port): all"
        " mail waits.",
        "lamson postfix apply",
    )


def reentry_is_private(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    host = facts.reentry.removesuffix("/inet").rpartition(":")[0].strip("[]")
    everywhere = facts.value("inet_interfaces") == "all"
    yield warn(
        host not in ("0.0.0.0", "::") and (bool(host) or not everywhere),
        "reentry-address",
        f"The re-entry listens at {host or 'inet_interfaces'} alone.",
        f"The re-entry {facts.reentry} listens on every address of this machine; only its mynetworks keeps"
        " strangers out.",
        "lamson postfix rollback, then lamson postfix apply --reentry 127.0.0.1:10026",
    )


def reentry_networks(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    networks = facts.words("mynetworks", facts.reentry)
    yield judge(
        not any(network in _NETWORKS_OF_EVERYBODY for network in networks),
        "reentry-networks",
        f"The re-entry takes mail from {' '.join(networks)} alone.",
        f"The re-entry takes mail from everybody ({' '.join(networks)}): it is an open relay.",
        option_command(facts.reentry, "mynetworks", "127.0.0.0/8"),
    )
    for name in ("mynetworks", "smtpd_authorized_xforward_hosts"):
        words = facts.words(name, facts.reentry)
        yield judge(
            bool(words),
            f"reentry-{'peers' if name == 'mynetworks' else 'xforward'}",
            f"{name} is {' '.join(words)}.",
            f"{name} is empty at the re-entry: "
            + (
                "nobody is let in."
                if name == "mynetworks"
                else "no client's name reaches the log (XFORWARD)."
            ),
            option_command(facts.reentry, name, "127.0.0.0/8"),
            Level.ERROR if name == "mynetworks" else Level.WARNING,
        )


def reentry_restrictions(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    words = facts.words("smtpd_recipient_restrictions", facts.reentry)
    words += facts.words("smtpd_relay_restrictions", facts.reentry)
    rejects = {"reject", "defer", "reject_unauth_destination", "defer_unauth_destination"}
    yield judge(
        bool(rejects & set(words)),
        "reentry-restrictions",
        "The re-entry has a restriction that rejects, and starts.",
        "The re-entry has no restriction that rejects: smtpd refuses to start, and all mail waits.",
        option_command(facts.reentry, "smtpd_recipient_restrictions", "permit_mynetworks,reject"),
    )


def reentry_options(facts: Facts) -> Findings:
    """Each option of the fragment that has no check of its own, against what is in force."""
    if not facts.reentry:
        return
    kinds = {way.kind for way in facts.ways()}
    door: DoorKind = (
        "proxy"
        if kinds == {"smtpd_proxy_filter"}
        else "transport"
        if kinds == {"transport_maps"}
        else "filter"
    )
    domains = ("example.org",) if door == "transport" else ()
    wanted = fragments(Choices(door=door, reentry=facts.service.relay, domains=domains)).reentry
    own = (
        "syslog_name",
        "receive_override_options",
        "mynetworks",
        "smtpd_authorized_xforward_hosts",
        "smtpd_recipient_restrictions",
        "smtpd_relay_restrictions",
        "smtpd_timeout",
        "smtpd_soft_error_limit",
        "smtpd_hard_error_limit",
        *(option.name for option in against_smuggling()),
    )
    yield from as_wanted(facts, facts.reentry, wanted.without(*own).options)


def reentry_overrides(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    kinds = {way.kind for way in facts.ways()}
    present = facts.words("receive_override_options", facts.reentry)
    wanted = []
    if kinds & {"content_filter", "smtpd_proxy_filter"}:
        wanted.append(("no_unknown_recipient_checks", "recipients that were taken in front may bounce here"))
    if "content_filter" in kinds:
        wanted.append(("no_header_body_checks", "header_checks and body_checks are made twice"))
    for word, what in wanted:
        yield warn(
            word in present,
            word.replace("_", "-"),
            f"The re-entry has {word}.",
            f"The re-entry lacks {word}: {what}.",
            option_command(
                facts.reentry, "receive_override_options", facts.overrides_with(facts.reentry, word)
            ),
        )


def milters(facts: Facts) -> Findings:
    if not facts.reentry or "content_filter" not in {way.kind for way in facts.ways()}:
        return
    meant = facts.ledger.choices.dkim if facts.ledger else "before"
    has_milters = bool(facts.value("smtpd_milters", facts.reentry))
    runs = has_milters and "no_milters" not in facts.words("receive_override_options", facts.reentry)
    yield warn(
        meant == "after" or not runs,
        "milters",
        "Milters see each mail once."
        if meant != "after"
        else "Milters run at the re-entry, as was chosen (--dkim after).",
        "smtpd_milters run at the re-entry too: mail is DKIM-signed twice.",
        option_command(
            facts.reentry, "receive_override_options", facts.overrides_with(facts.reentry, "no_milters")
        ),
    )


def reentry_maxproc(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    behind = sum(facts.maxproc(key) for key in facts.transports())
    in_front = sum(facts.maxproc(key) for key in facts.proxying())
    busy = behind + in_front
    number = facts.maxproc(facts.reentry)
    yield warn(
        number == 0 or number >= busy,
        "reentry-maxproc",
        f"The re-entry has {number} processes, and {busy} mails may be with the service.",
        f"The re-entry has {number} processes, but {busy} mails may be with the service at one time: they"
        " wait for each other.",
        f"postconf -F '{facts.reentry}/process_limit={busy}' && postfix reload",
    )
    connections = facts.service.connections * facts.service.workers
    yield warn(
        connections >= behind + min(in_front, IN_FRONT_AT_ONCE),
        "relay-connections",
        f"The service opens up to {connections} connections to the re-entry.",
        f"The service opens {connections} connections to the re-entry (relay.connections times workers), but"
        f" {busy} mails may be with it at one time.",
        f"relay.connections = {-(-busy // facts.service.workers)} in lamson.toml",
    )


def reentry_limits(facts: Facts) -> Findings:
    if not facts.reentry:
        return
    needed = facts.service.recipients
    for name in ("smtpd_soft_error_limit", "smtpd_hard_error_limit"):
        limit = facts.number(name, facts.reentry)
        yield warn(
            limit >= needed,
            "reentry-errors",
            f"{name} is {limit}.",
            f"{name} is {limit} at the re-entry, below limits.recipients ({needed}): refusals of one mail's"
            " recipients end the session.",
            option_command(facts.reentry, name, str(needed + 1)),
        )
    patience = facts.seconds("smtpd_timeout", facts.reentry)
    yield warn(
        patience > facts.service.relay_idle_s,
        "reentry-timeout",
        f"smtpd_timeout is {patience:g} s, relay.idle_s {facts.service.relay_idle_s:g} s.",
        f"smtpd_timeout is {patience:g} s at the re-entry, not above relay.idle_s"
        f" ({facts.service.relay_idle_s:g} s): Postfix closes connections that the service is about to use.",
        option_command(facts.reentry, "smtpd_timeout", "300s"),
    )


CHECKS: Sequence[Check] = (
    reentry_is_there,
    reentry_is_private,
    reentry_networks,
    reentry_restrictions,
    reentry_options,
    reentry_overrides,
    milters,
    reentry_maxproc,
    reentry_limits,
)
