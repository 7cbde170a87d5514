"""What the relay's tests have in common: a mail to send, and a courier to one of the servers in
tests/downstream.py."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from lamsonproxy.mail.address import Address, parse_path
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import NO_XFORWARD, parse_params, parse_xforward
from lamsonproxy.mail.reply import Reply
from lamsonproxy.ports import Courier, Parts
from lamsonproxy.relay import RelaySettings, SmtpCourier
from tests.downstream import Server

XFORWARD = "NAME=client.example ADDR=192.0.2.7 PORT=4321 PROTO=ESMTP HELO=h IDENT=4F0 SOURCE=REMOTE"


class SystemClock:
    """The port `Clock`."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


def envelope(
    *recipients: str, sender: str = "alice@example.org", params: str = "", xforward: str = ""
) -> Envelope:
    """Each recipient may have its parameters behind it, after a blank."""
    paths = [parse_path(recipient) for recipient in recipients or ("bob@example.net",)]
    return Envelope(
        Address(sender),
        tuple(Recipient(address, parse_params(own)) for address, own in paths),
        parse_params(params),
        parse_xforward(xforward) if xforward else NO_XFORWARD,
    )


@asynccontextmanager
async def courier_to(server: Server, **settings: Any) -> AsyncIterator[SmtpCourier]:
    """A courier to this server, closed at the end."""
    courier = SmtpCourier(RelaySettings(server.host, server.port, "relay.test", **settings), SystemClock())
    try:
        yield courier
    finally:
        await courier.close()


def soon(seconds: float = 10.0) -> float:
    """A deadline on SystemClock."""
    return time.monotonic() + seconds


async def hand_over(courier: Courier, mail: Envelope, content: Parts, seconds: float = 10.0) -> Reply:
    """Offer and deliver; the first refusal is the reply."""
    async with courier.offer(mail, deadline=soon(seconds)) as offer:
        if offer.refusal is not None:
            return offer.refusal
        if not any(reply.is_positive for reply in offer.recipients):
            return offer.recipients[0]
        return await offer.deliver(content)
