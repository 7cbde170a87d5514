"""At a service that hands mail over: what turns the door on.

Law: the line that turns it on is the last one, behind all that must be there with it.

FILTER_README, SMTPD_PROXY_README.
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.doors.smuggling import against_smuggling
from lamsonproxy.postfix.fragments import TRANSPORT, Option


def options(choices: Choices) -> tuple[Option, ...]:
    """For each service whose mail is handed over; empty where whole domains are."""
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
