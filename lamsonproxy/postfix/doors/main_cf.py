"""In main.cf: what the whole of Postfix must know.

Law: as little as can be, for it is said to every service. A list that somebody may have already is added to.

FILTER_README, DATABASE_README, transport(5), postconf(5).
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import TRANSPORT, Parameter


def parameters(choices: Choices) -> tuple[Parameter, ...]:
    """What the door needs beside its services; empty before the queue."""
    lines = [
        Parameter(
            "enable_long_queue_ids",
            "yes",
            "A queue id is never used again, so that a retry is told from another mail.",
            "postconf(5) enable_long_queue_ids",
        )
    ]
    if choices.door == "filter":
        lines.append(
            Parameter(
                f"{TRANSPORT}_destination_recipient_limit",
                "1",
                "Each recipient's mail comes alone, for one reply speaks for all; the lmtp door needs no such limit.",
                "FILTER_README",
            )
        )
    return tuple(lines) if choices.door != "proxy" else ()


def routing(choices: Choices) -> tuple[Parameter, ...]:
    """What hands whole domains over; empty for the other doors."""
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
