"""flufl.bounce's opinion, where our own reading finds nobody.

Law: it never sees the mail. It reads with Python's `email`, which is quadratic and recursive on mail made for
that, so it is given a message of our making: three short fields and a bounded text. Whatever it raises means
that it has no opinion.
"""

import logging
from email.message import Message as PlainMessage

from flufl.bounce import all_failures

from lamsonproxy.mail.bounces.finding import Finding
from lamsonproxy.mail.bounces.report import Report

# What it says of its own faults is a traceback, and any mail could write it into our log.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

LINES_LIMIT = 400
LINE_LIMIT = 400
RECIPIENTS_LIMIT = 100
_FIELD_LIMIT = 200
TEXT_LIMIT = 4 * 1024


def read(report: Report) -> list[Finding]:
    """The recipients that flufl.bounce sees in a report; empty when it sees none."""
    try:
        delayed, failed = all_failures(_as_plain_message(report))
    except Exception:  # It is a guest: its faults must not become ours. Our own reading stands.
        return []
    found = [(address, "failed") for address in sorted(failed)]
    found += [(address, "delayed") for address in sorted(delayed - failed)]
    return [
        Finding(address.decode("ascii", "replace"), action, said=report.text[:TEXT_LIMIT])
        for address, action in found[:RECIPIENTS_LIMIT]
    ]


def _as_plain_message(report: Report) -> PlainMessage:
    message = PlainMessage()
    for name in ("From", "To", "Subject"):
        message[name] = report.message.headers.get(name)[:_FIELD_LIMIT].encode("ascii", "replace").decode()
    lines = (line[:LINE_LIMIT] for line in report.text.split("\n")[:LINES_LIMIT])
    message.set_payload("\n".join(lines).encode("ascii", "replace").decode())
    return message
