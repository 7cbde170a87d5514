"""The four doors: every line that Postfix needs for them, and why it is there.

    filter      front smtpd ─▶ queue ─▶ smtp(8) ─▶ door ─▶ re-entry smtpd ─▶ queue
    lmtp        the same with lmtp(8): one reply for each recipient
    proxy       front smtpd ─▶ door ─▶ re-entry smtpd ─▶ queue
    transport   queue ─▶ lmtp(8) ─▶ door, for whole domains; what the application sends ─▶ re-entry smtpd

Law: no line without its reason and its source, one sentence each, that can be read aloud to a postmaster. A number
that must agree with a setting of the service is checked in `checks.py`.

FILTER_README, SMTPD_PROXY_README, XFORWARD_README, SMTPUTF8_README, postconf(5); CVE-2023-51764 (SMTP smuggling).
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import TRANSPORT, Entry, Fragments, Option, Parameter

TRANSPORT_MAXPROC = 10
"""Mails that are with the service at one time (FILTER_README)."""

REENTRY_MAXPROC = 30
"""Above the transport's, so that no mail of ours waits for a process of Postfix's while Postfix waits for us."""


def fragments(choices: Choices) -> Fragments:
    """Everything that the door needs."""
    transport = () if choices.door == "proxy" else (_transport(choices),)
    return Fragments(
        door=choices.door,
        reentry=_reentry(choices),
        transport=transport,
        parameters=_parameters(choices),
        front=_front(choices),
        routing=_routing(choices),
    )


def _transport(choices: Choices) -> Entry:
    client = choices.client
    options = [
        Option(
            f"{client}_send_xforward_command",
            "yes",
            "The real client's name and address come along, and the queue id, by which a retry is known.",
            "XFORWARD_README",
        ),
        Option(
            "disable_mime_output_conversion",
            "yes",
            "8-bit mail is not rewritten as quoted-printable on the way to us, which breaks DKIM signatures.",
            "FILTER_README",
        ),
        Option(
            f"{client}_line_length_limit",
            "0",
            "Lines above 998 octets are not cut, which breaks DKIM signatures too.",
            f"postconf(5) {client}_line_length_limit",
        ),
        Option(
            f"{client}_tls_security_level",
            "none",
            "The door has no STARTTLS; a global encrypt or dane would defer everything.",
            f"postconf(5) {client}_tls_security_level",
            is_grave=True,
            also=("",),
        ),
        Option(
            f"{client}_generic_maps",
            "",
            "Addresses are rewritten once, on the way out, and not on the way to us.",
            "FILTER_README",
        ),
        Option(
            f"{client}_header_checks",
            "",
            "Nor are headers.",
            f"postconf(5) {client}_header_checks",
        ),
        Option(
            f"{client}_body_checks",
            "",
            "Nor bodies.",
            f"postconf(5) {client}_body_checks",
        ),
        Option(
            f"{client}_data_done_timeout",
            "600s",
            "Above the door's deadline_s: who hangs up first is sent the mail twice.",
            "RFC 1047, RFC 5321 §4.5.3.2.6",
        ),
    ]
    if choices.listen.is_a_name:
        options.append(
            Option(
                f"{client}_host_lookup",
                "native,dns",
                "Names of containers and of /etc/hosts are found; Postfix asks DNS alone otherwise.",
                f"postconf(5) {client}_host_lookup",
                is_grave=True,
                also=("native", "dns,native", "native, dns", "dns, native"),
            )
        )
    if choices.trial:
        options.append(
            Option(
                "soft_bounce",
                "yes",
                "For the trial: refusals become deferrals, so that a mistake costs time and no mail.",
                "postconf(5) soft_bounce",
            )
        )
    return Entry(
        TRANSPORT,
        "unix",
        "-",
        str(TRANSPORT_MAXPROC),
        client,
        f"The way to the service: {TRANSPORT_MAXPROC} mails are with it at one time; not above its limits.sessions.",
        "FILTER_README",
        tuple(options),
    )


def _reentry(choices: Choices) -> Entry:
    return Entry(
        str(choices.reentry),
        "inet",
        "n",
        "-" if choices.door == "proxy" else str(REENTRY_MAXPROC),
        "smtpd",
        "The way back: as many processes as the smtpd's in front may have."
        if choices.door == "proxy"
        else "The way back: more processes than mails that are with the service at one time.",
        "FILTER_README",
        (
            *_once(choices),
            *_no_policy(choices),
            *_for_one_client(),
            *_without_globals(),
            *against_smuggling(),
        ),
    )


def _once(choices: Choices) -> tuple[Option, ...]:
    """What has been done on the way in is not done again."""
    return (
        Option(
            "syslog_name",
            "postfix/reentry",
            "The log tells the two passes of a mail apart.",
            "postconf(5) syslog_name",
        ),
        Option(
            "content_filter",
            "",
            "Or mail goes round and round.",
            "FILTER_README",
            is_grave=True,
        ),
        Option(
            "smtpd_proxy_filter",
            "",
            "The same, should the filter before the queue be set for all smtpd's in main.cf.",
            "SMTPD_PROXY_README",
            is_grave=True,
        ),
        Option(
            "receive_override_options",
            ",".join(_overrides(choices)),
            _why_overrides(choices),
            "FILTER_README",
        ),
        Option(
            "local_header_rewrite_clients",
            "",
            "Or Postfix completes headers of mail from outside, because we look like a local client.",
            "postconf(5) local_header_rewrite_clients",
        ),
    )


def _overrides(choices: Choices) -> tuple[str, ...]:
    milters = () if choices.dkim == "after" else ("no_milters",)
    match choices.door:
        case "transport":
            return milters
        case "proxy":
            return ("no_unknown_recipient_checks", *milters)
        case _:
            return ("no_unknown_recipient_checks", "no_header_body_checks", *milters)


def _why_overrides(choices: Choices) -> str:
    signing = _why_milters(choices)
    if choices.door == "transport":
        return f"What comes here is new mail, so addresses are mapped and headers checked; {signing}."
    if choices.door == "proxy":
        return f"Recipients were checked in front; headers and addresses were not, and are handled here; {signing}."
    return f"Recipients and headers were checked on the way in, addresses are mapped here and only here; {signing}."


def _why_milters(choices: Choices) -> str:
    if choices.dkim == "after":
        return "milters run here, so that what handlers changed is signed"
    if choices.door in ("proxy", "transport"):
        return "nothing signs, so milters are left out (--dkim after runs them)"
    return "milters saw the mail on the way in, and DKIM is not signed twice"


def _no_policy(choices: Choices) -> tuple[Option, ...]:
    """Policy was applied on the way in; here only the service is let in."""
    emptied = [
        Option(
            f"smtpd_{phase}_restrictions",
            "",
            "Policy was applied on the way in." if phase == "client" else "The same.",
            "FILTER_README",
        )
        for phase in ("client", "helo", "sender", "data", "end_of_data")
    ]
    return (
        Option(
            "mynetworks",
            choices.networks,
            "Where the service comes from, and nobody else.",
            "FILTER_README",
            is_grave=True,
        ),
        Option(
            "smtpd_recipient_restrictions",
            "permit_mynetworks,reject",
            "The service and nobody else; an smtpd without any restriction that rejects refuses to start.",
            "FILTER_README, postconf(5) smtpd_relay_restrictions",
            is_grave=True,
            also=("permit_mynetworks, reject", "permit_mynetworks reject"),
        ),
        Option(
            "smtpd_relay_restrictions",
            "",
            "The line above says all of it.",
            "postconf(5) smtpd_relay_restrictions",
        ),
        *emptied,
        Option(
            "smtpd_authorized_xforward_hosts",
            choices.networks,
            "Only then XFORWARD is offered to us, and the log names orig_queue_id and orig_client.",
            "XFORWARD_README",
        ),
    )


def _for_one_client() -> tuple[Option, ...]:
    """The service is one client with many connections, and refusals that are not its fault come through it."""
    return (
        Option(
            "smtpd_client_connection_count_limit",
            "0",
            "We are one client with many connections; Postfix allows 50.",
            "postconf(5) smtpd_client_connection_count_limit",
        ),
        Option(
            "smtpd_client_connection_rate_limit",
            "0",
            "And with many in a minute.",
            "postconf(5) smtpd_client_connection_rate_limit",
        ),
        Option(
            "smtpd_error_sleep_time",
            "0",
            "Refusals that come through us are not our errors: no delay,",
            "postconf(5) smtpd_error_sleep_time",
            also=("0s",),
        ),
        Option(
            "smtpd_soft_error_limit",
            "1001",
            "no slowing down,",
            "postconf(5) smtpd_soft_error_limit",
        ),
        Option(
            "smtpd_hard_error_limit",
            "1000",
            "and no hanging up in the middle of a mail with many recipients.",
            "postconf(5) smtpd_hard_error_limit",
        ),
        Option(
            "smtpd_timeout",
            "300s",
            "Above relay.idle_s, and under stress too, where Postfix would make it 10 s.",
            "STRESS_README",
        ),
    )


def _without_globals() -> tuple[Option, ...]:
    """What main.cf may say for clients on the Internet would shut us out."""
    return (
        Option(
            "smtpd_tls_security_level",
            "none",
            "We speak plain text to the loopback; a global encrypt would refuse us.",
            "postconf(5) smtpd_tls_security_level",
            is_grave=True,
            also=("",),
        ),
        Option(
            "smtpd_upstream_proxy_protocol",
            "",
            "No load balancer stands in front of this one.",
            "postconf(5) smtpd_upstream_proxy_protocol",
            is_grave=True,
        ),
        Option(
            "smtpd_discard_ehlo_keywords",
            "",
            "Everything is offered: where 8BITMIME, SMTPUTF8 or DSN is missing, mail that needs it is deferred.",
            "SMTPUTF8_README, DSN_README",
        ),
    )


def against_smuggling() -> tuple[Option, ...]:
    """For every smtpd, in front and at the re-entry."""
    return (
        Option(
            "smtpd_forbid_bare_newline",
            "normalize",
            "A bare LF ends no line that could end a mail (SMTP smuggling); Postfix 3.7.10, 3.8.5 and later.",
            "CVE-2023-51764",
            also=("yes", "reject"),
        ),
        Option(
            "smtpd_forbid_bare_newline_exclusions",
            "",
            "Without exceptions: the default, mynetworks, is where filters come from.",
            "CVE-2023-51764",
        ),
        Option(
            "smtpd_forbid_unauth_pipelining",
            "yes",
            "Who talks before being asked is cut off; the default from Postfix 3.9 on.",
            "postconf(5) smtpd_forbid_unauth_pipelining",
        ),
    )


def _front(choices: Choices) -> tuple[Option, ...]:
    match choices.door:
        case "transport":
            return ()
        case "proxy":
            return (*against_smuggling(), *_before_queue(choices))
        case _:
            return (*against_smuggling(), *_after_queue(choices))


def _after_queue(choices: Choices) -> tuple[Option, ...]:
    nexthop = choices.listen.lmtp_nexthop if choices.client == "lmtp" else choices.listen.smtp_nexthop
    return (
        Option(
            "receive_override_options",
            "no_address_mappings",
            "Aliases, always_bcc and canonical maps run once, behind us: we see the address that was written to.",
            "FILTER_README",
            is_grave=True,
            adds=True,
        ),
        Option(
            "content_filter",
            f"{TRANSPORT}:{nexthop}",
            "This turns it on. The next hop in full: without it Postfix looks up the recipient's domain.",
            "FILTER_README",
            is_grave=True,
        ),
    )


def _before_queue(choices: Choices) -> tuple[Option, ...]:
    return (
        Option(
            "smtpd_proxy_timeout",
            "100s",
            "Above the door's deadline_s, so that we answer before Postfix gives up.",
            "SMTPD_PROXY_README",
        ),
        Option(
            "smtpd_proxy_options",
            "speed_adjust" if choices.speed_adjust else "",
            "The whole mail is received before we are asked; speed_adjust = true at the door."
            if choices.speed_adjust
            else "We hear each RCPT as it comes, so that the remote client hears our refusal of it.",
            "SMTPD_PROXY_README",
            is_grave=True,
        ),
        Option(
            "smtpd_proxy_filter",
            str(choices.listen),
            "This turns it on.",
            "SMTPD_PROXY_README",
            is_grave=True,
        ),
    )


def _parameters(choices: Choices) -> tuple[Parameter, ...]:
    parameters = [
        Parameter(
            "enable_long_queue_ids",
            "yes",
            "A queue id is never used again, so that a retry is told from another mail.",
            "postconf(5) enable_long_queue_ids",
        )
    ]
    if choices.door == "filter":
        parameters.append(
            Parameter(
                f"{TRANSPORT}_destination_recipient_limit",
                "1",
                "Each recipient's mail comes alone, for one reply speaks for all; the lmtp door needs no such limit.",
                "FILTER_README",
            )
        )
    return tuple(parameters) if choices.door != "proxy" else ()


def _routing(choices: Choices) -> tuple[Parameter, ...]:
    if choices.door != "transport":
        return ()
    nexthop = f"{TRANSPORT}:{choices.listen.lmtp_nexthop}"
    table = " ".join(f"{{{domain} = {nexthop}}}" for domain in choices.domains)
    return (
        Parameter(
            "relay_domains",
            ", ".join(choices.domains),
            "Postfix takes mail for these domains from anybody.",
            "postconf(5) relay_domains",
            joins="end",
        ),
        Parameter(
            "transport_maps",
            f"inline:{{ {table} }}",
            "This turns it on: the domains go to the application.",
            "transport(5), DATABASE_README",
            joins="front",
        ),
    )
