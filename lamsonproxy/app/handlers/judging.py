"""`quarantine_if`: kept for people to look at, by what can be seen of it.

Law: a pattern that could be slow on what strangers write is refused at start, like a route's.
"""

import re
from collections.abc import Sequence

from lamsonproxy.app.backtrack import complaint
from lamsonproxy.app.handlers.options import needed, refusals, several
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.errors import AppError
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.verdict import Quarantine

VALUE_LIMIT = 1024
"""Characters of a header's value that are looked at: the square of it is milliseconds, as for a route."""


def quarantine_if(
    *,
    attachments: str | Sequence[str] = (),
    header: str = "",
    matches: str = "",
    larger_than: int = 0,
    reason: str = "",
) -> Handler:
    """Keep the mail for people to look at, if all that is given is true: an attachment's name fits, a header's whole
    value matches (without `matches`: it is there), the mail is larger than so many octets."""
    patterns = several(attachments)
    needed("quarantine_if", attachments=patterns, header=header, larger_than=larger_than)
    if matches and not header:
        raise AppError("matches is about a header, and no header is given.")
    if larger_than < 0:
        raise AppError("larger_than is a number of octets, and not below 0.")
    if header:
        with refusals("header"):
            write_field(header, "")
    value = _pattern(matches or ".*")
    why = Quarantine(reason or "quarantine_if")

    def is_so(message: Message) -> bool:
        return (
            (not patterns or any(map(message.has_attachment, patterns)))
            and (not header or any(value.fullmatch(v[:VALUE_LIMIT]) for v in message.headers.get_all(header)))
            and (not larger_than or len(message.raw) > larger_than)
        )

    @stateless
    def judge(mail: Mail, **captures: str | None) -> Quarantine | None:
        return why if is_so(mail.message) else None

    return judge


def _pattern(written: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(written, re.IGNORECASE | re.DOTALL)
        too_slow = complaint(written)
    except (re.error, RecursionError, OverflowError) as error:
        raise AppError(f"matches is {written!r}, which is no regular expression: {error}.") from error
    if too_slow:
        raise AppError(f"matches is {written!r}, and {too_slow}.")
    return pattern
