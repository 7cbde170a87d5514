"""What only one kind of door can get wrong: the proxy before the queue, and whole domains by transport_maps.

Law: see `finding.py`.

SMTPD_PROXY_README, transport(5), ADDRESS_CLASS_README.
"""

from collections.abc import Sequence

from lamsonproxy.postfix.checks.finding import (
    Check,
    Findings,
    judge,
    parameter_command,
    warn,
)
from lamsonproxy.postfix.checks.way import MARGIN_S
from lamsonproxy.postfix.facts import Facts


def proxy_service(facts: Facts) -> Findings:
    for key in facts.proxying():
        yield judge(
            facts.command(key) == "smtpd",
            "proxy-service",
            f"{key} is an smtpd.",
            f"smtpd_proxy_filter stands on {key}, which is {facts.command(key)} and proxies nothing; it"
            " belongs on smtpd/pass.",
            f"postconf -PX '{key}/smtpd_proxy_filter' && lamson postfix apply --door proxy",
        )
        ineffective = (
            facts.words("receive_override_options", key)
            if f"{key}/receive_override_options" in facts.options
            else []
        )
        yield warn(
            not ineffective,
            "proxy-overrides",
            f"{key} has no receive_override_options of its own.",
            f"receive_override_options ({' '.join(ineffective)}) on {key} has no effect before the queue; it"
            " belongs on the re-entry.",
            f"postconf -PX '{key}/receive_override_options' && postfix reload",
        )


def proxy_timeout(facts: Facts) -> Findings:
    for way in facts.ways():
        door = facts.door_of(way)
        if way.kind != "smtpd_proxy_filter" or door is None:
            continue
        key = "" if way.by == "main.cf" else way.by
        limit = facts.seconds("smtpd_proxy_timeout", key)
        yield judge(
            limit >= door.deadline_s + MARGIN_S,
            "proxy-timeout",
            f"smtpd_proxy_timeout is {limit:g} s, the deadline of the door {door.name} {door.deadline_s:g} s.",
            f"smtpd_proxy_timeout is {limit:g} s, not {MARGIN_S} s above deadline_s of the door {door.name}"
            f" ({door.deadline_s:g} s): Postfix gives up first, with a notice to the postmaster for each mail.",
            "deadline_s = 80 for the proxy door in lamson.toml",
        )
        adjusts = "speed_adjust" in facts.words("smtpd_proxy_options", key)
        yield judge(
            adjusts == door.speed_adjust,
            "speed-adjust",
            f"smtpd_proxy_options and speed_adjust of the door {door.name} agree.",
            f"smtpd_proxy_options {'has' if adjusts else 'lacks'} speed_adjust, but lamson.toml says the"
            " opposite: a refused RCPT would fail the whole mail."
            if adjusts
            else "lamson.toml says speed_adjust = true, but Postfix asks at each RCPT: refusals reach nobody in time.",
            "speed_adjust of the door in lamson.toml, or smtpd_proxy_options, so that both say the same",
        )


def domains(facts: Facts) -> Findings:
    for way in facts.ways():
        if way.kind != "transport_maps":
            continue
        domain = way.domain
        yield judge(
            domain
            in facts.words("relay_domains")
            + facts.words("mydestination")
            + facts.words("virtual_mailbox_domains"),
            "domains",
            f"Postfix takes mail for {domain}.",
            f"transport_maps leads {domain} to the service, but relay_domains does not name it: mail for it"
            " is refused.",
            parameter_command("relay_domains", ", ".join([*facts.words("relay_domains"), domain])),
        )
        others = [
            name
            for name in ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains")
            if domain in facts.words(name)
        ]
        yield warn(
            not others,
            "domain-class",
            f"{domain} stands in relay_domains alone.",
            f"{domain} stands in {' and '.join(others)} too: its recipients are checked against tables that"
            " do not know the application's addresses.",
            f"take {domain} out of {' and '.join(others)}",
        )
        door = facts.door_of(way)
        if door is not None:
            yield warn(
                domain in door.domains,
                "door-domains",
                f"The door {door.name} knows that {domain} comes by transport_maps.",
                f"domains of the door {door.name} does not name {domain}: mail that a handler accepts comes"
                " back to it until"
                " the hops are counted.",
                f'domains = ["{domain}"] for this door in lamson.toml',
            )
            yield judge(
                door.unmatched == "reject",
                "unmatched",
                f"The door {door.name} refuses recipients that no route matches.",
                f'The door {door.name} has unmatched = "accept": mail for unknown recipients of {domain}'
                " would come back for ever.",
                'unmatched = "reject" for this door in lamson.toml',
            )


def sockets(facts: Facts) -> Findings:
    for way in facts.ways():
        place = way.place
        if place is None or not place.path:
            continue
        key = f"{way.transport}/unix" if way.transport else way.by
        jailed = key in facts.entries and facts.is_chrooted(key)
        queue = facts.value("queue_directory")
        yield judge(
            not jailed or place.path.startswith(f"{queue}/"),
            "socket",
            f"{key} reaches {place.path}.",
            f"{key} is chrooted to {queue} and cannot reach {place.path}.",
            f"postconf -F '{key}/chroot=n' && postfix reload",
        )


CHECKS: Sequence[Check] = (
    proxy_service,
    proxy_timeout,
    domains,
    sockets,
)
