"""What every smtpd says about the end of a mail, so that nobody smuggles a second one in.

Law: wherever they stand, they are the same lines.

CVE-2023-51764 (SMTP smuggling), postconf(5).
"""

from lamsonproxy.postfix.fragments import Option


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
