"""The re-entry: the smtpd that takes mail back.

Law: what was done to a mail on its way in is not done again, whatever main.cf says. Who may come is told in
`admission.py`.

FILTER_README, SMTPD_PROXY_README, postconf(5).
"""

from lamsonproxy.postfix.choices import Choices
from lamsonproxy.postfix.doors.admission import for_one_client, no_policy, without_globals
from lamsonproxy.postfix.doors.smuggling import against_smuggling
from lamsonproxy.postfix.fragments import Entry, Option

REENTRY_MAXPROC = 30
"""Above the transport's, so that no mail of ours waits for a process of Postfix's while Postfix waits for us."""


def entry(choices: Choices) -> Entry:
    """The smtpd of master.cf at `choices.reentry`; every door has it."""
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
            *no_policy(choices),
            *for_one_client(),
            *without_globals(),
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
