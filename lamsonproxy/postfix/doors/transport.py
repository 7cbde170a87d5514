"""The transport: the client of Postfix's that brings mail to the door.

Law: mail comes as it lies in the queue, not one octet rewritten on the way; who rewrites does so behind us.

FILTER_README, XFORWARD_README, postconf(5); RFC 1047, RFC 5321 §4.5.3.2.6.
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.fragments import TRANSPORT, Entry, Option

TRANSPORT_MAXPROC = 10
"""Mails that are with the service at one time (FILTER_README)."""


def entry(choices: Choices) -> Entry:
    """The service `lamson` of master.cf; every door but `proxy` has it."""
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
