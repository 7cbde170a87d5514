"""`log`, `forward`, `redirect`: mail on its way, looked at and led.

Law: the mail itself stays as it is.
"""

import logging

from lamsonproxy.app.given import given_recipient
from lamsonproxy.app.handlers.options import refusals
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless
from lamsonproxy.mail.verdict import ACCEPT, Accept

_LOG = logging.getLogger("lamsonproxy.handlers.log")


def log() -> Handler:
    """Write a line for each mail that comes by: from whom, to whom, how long, which Message-ID."""

    @stateless
    def note(mail: Mail, **captures: str | None) -> None:
        _LOG.info(
            "from=<%s> to=<%s> size=%d message-id=%s",
            mail.sender,
            mail.recipient,
            len(mail.original),
            mail.message.headers.get("Message-ID") or "-",
        )

    return note


def forward() -> Handler:
    """Hand the mail on at once, with the edits so far; no later route is asked."""

    @stateless
    def hand_on(mail: Mail, **captures: str | None) -> Accept:
        return ACCEPT

    return hand_on


def redirect(*, to: str) -> Handler:
    """Send the mail to another address instead."""
    with refusals("to"):
        address = given_recipient(to)

    @stateless
    def lead(mail: Mail, **captures: str | None) -> None:
        mail.redirect(address)

    return lead
