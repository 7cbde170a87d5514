"""Whom the re-entry lets in, and on which terms.

Law: the service and nobody else; and what main.cf says against strangers neither shuts it out nor slows it down.

FILTER_README, XFORWARD_README, STRESS_README, SMTPUTF8_README, DSN_README, postconf(5).
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import Option


def no_policy(choices: Choices) -> tuple[Option, ...]:
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


def for_one_client() -> tuple[Option, ...]:
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


def without_globals() -> tuple[Option, ...]:
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
