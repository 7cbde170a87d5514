"""Mail at the sink, taken apart: who it is for, the trace that the hops put on top, and what stands below it.

Law: only the hops' own Received fields come off, and exactly as many as there were hops; all else counts.
"""

import re
from collections.abc import Iterable

from tests.downstream import SunkMail

HOPS_BY_NULL = 2
HOPS_BY_FILTER = 3
"""Front and re-entry smtpd; between them the service (`trace_header`)."""

_FIELD = rb"Received:[^\n]*\n(?:[ \t][^\n]*\n)*"
_PATH = re.compile(r"(?:MAIL FROM|RCPT TO):<(.*)>(?: (.*))?$")


def address_and_parameters(command: bytes) -> tuple[str, list[str]]:
    match = _PATH.match(command.decode())
    assert match, command
    return match[1], (match[2] or "").split()


def recipients(mail: SunkMail) -> dict[str, list[str]]:
    """Each recipient of the transaction, with its parameters."""
    return dict(map(address_and_parameters, mail.rcpts))


def sender(mail: SunkMail) -> str:
    return address_and_parameters(mail.mail)[0]


def below_trace(content: bytes, hops: int) -> bytes:
    """The content without the Received fields of so many hops, which must be there."""
    trace = re.match(b"(?:%s){%d}" % (_FIELD, hops), content)
    assert trace, f"fewer than {hops} Received fields on top of {content[:500]!r}"
    return content[trace.end() :]


def by_recipient(mails: Iterable[SunkMail]) -> dict[str, list[SunkMail]]:
    """The mails for each recipient; more than one is a duplicate."""
    found: dict[str, list[SunkMail]] = {}
    for mail in mails:
        for recipient in recipients(mail):
            found.setdefault(recipient, []).append(mail)
    return found
