"""What a `phase="rcpt"` handler gets: a mail that has been announced, and has not come yet.

Law: it is only read. There is no message, so there is nothing to edit, and a verdict is about this one recipient.
What XFORWARD said is believed because a door hears it from its own mail server only (design law 8).

RFC 5321 §3.3 (MAIL, then RCPT), Postfix XFORWARD_README (the attributes of the client before Postfix).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lamsonproxy.app.scene import LONG_AGO, Transacted
from lamsonproxy.errors import AppError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.esmtp import Params, Xforward
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Announced:
    """One recipient of a mail, at RCPT."""

    sender: Address
    """The envelope sender; `NULL_SENDER` for bounces and other reports."""
    params: Params
    """The parameters of MAIL, as they were written: `params.get("SIZE")`."""
    recipient: Address
    """The recipient that is asked about."""
    recipient_params: Params
    """The parameters of its RCPT."""
    session: Session
    """The connection: Postfix's."""
    xforward: Xforward
    """What Postfix told about its own client: `xforward.get("PROTO")`, "" for what it does not know."""
    deadline: float
    """The time, by `time.monotonic()`, after which nobody waits for the verdict."""
    now: datetime = LONG_AGO
    """The time of day, with its zone; in tests what `world.later` made of it."""
    unit: Transacted | None = field(default=None, repr=False, compare=False)
    """The engine's."""

    @property
    def db(self) -> Any:
        """A short transaction of its own, committed when the handler returns: a SQLAlchemy `Session`, or an
        `AsyncSession` where the state functions are `async def`. Raises AppError where there is no database."""
        if self.unit is None:
            raise AppError("There is no database.")
        return self.unit.db

    @property
    def client_address(self) -> str:
        """The IP address of the client before Postfix; the peer's own where there was no XFORWARD."""
        address = self._told("ADDR", self.session.peer)
        return address[5:] if address[:5].upper() == "IPV6:" else address

    @property
    def client_name(self) -> str:
        """Its host name as Postfix verified it; "" when it has none."""
        return self._told("NAME", "")

    @property
    def client_helo(self) -> str:
        """What it said in EHLO or HELO."""
        return self._told("HELO", self.session.helo)

    def _told(self, attribute: str, without: str) -> str:
        return self.xforward.get(attribute) if self.xforward else without


def announced(
    transaction: Transaction,
    recipient: Recipient,
    deadline: float,
    now: datetime = LONG_AGO,
    unit: Transacted | None = None,
) -> Announced:
    """A transaction that has no message yet, seen from one of its recipients."""
    envelope = transaction.envelope
    return Announced(
        sender=envelope.sender,
        params=envelope.params,
        recipient=recipient.address,
        recipient_params=recipient.params,
        session=transaction.session,
        xforward=envelope.xforward,
        deadline=deadline,
        now=now,
        unit=unit,
    )
