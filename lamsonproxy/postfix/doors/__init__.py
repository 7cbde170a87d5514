"""The four doors: every line that Postfix needs for them, and why it is there.

    filter      front smtpd ─▶ queue ─▶ smtp(8) ─▶ door ─▶ re-entry smtpd ─▶ queue
    lmtp        the same with lmtp(8): one reply for each recipient
    proxy       front smtpd ─▶ door ─▶ re-entry smtpd ─▶ queue
    transport   queue ─▶ lmtp(8) ─▶ door, for whole domains; what the application sends ─▶ re-entry smtpd

The lines are told along the way of a mail:

    front       at the service that hands mail over: what turns the door on
    main_cf     in main.cf: what goes with that, and what turns `transport` on
    transport   the client that brings mail to the door
    reentry     the smtpd that takes it back
    admission   whom that smtpd lets in, and on which terms
    smuggling   what every smtpd says about the end of a mail

Law: no line without its reason and its source, one sentence each, that can be read aloud to a postmaster. A number
that must agree with a setting of the service is checked in `checks/`.

FILTER_README, SMTPD_PROXY_README, XFORWARD_README, SMTPUTF8_README, postconf(5); CVE-2023-51764 (SMTP smuggling).
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.doors import front, main_cf, reentry, transport
from lamsonproxy.postfix.doors.smuggling import against_smuggling
from lamsonproxy.postfix.fragments import Fragments

__all__ = ["against_smuggling", "fragments"]


def fragments(choices: Choices) -> Fragments:
    """Everything that the door needs."""
    return Fragments(
        door=choices.door,
        reentry=reentry.entry(choices),
        transport=() if choices.door == "proxy" else (transport.entry(choices),),
        parameters=main_cf.parameters(choices),
        front=front.options(choices),
        routing=main_cf.routing(choices),
    )
