"""`lamson send`: hands one mail to a door, as Postfix would.

A door that speaks LMTP is spoken to in LMTP, and says how it ended for each recipient.

Exit status: 0 when it was taken, 75 (EX_TEMPFAIL) for a 4xx or no connection, 69 (EX_UNAVAILABLE) for a 5xx.
"""

import asyncio
import socket
import sys
from dataclasses import dataclass
from email.utils import format_datetime
from pathlib import Path

from lamsonproxy.cli import lmtp
from lamsonproxy.clock import SystemClock
from lamsonproxy.config import HostPort, host_port
from lamsonproxy.errors import ConfigError, RemoteError
from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import NO_XFORWARD, Xforward, encode_xtext, parse_params, parse_xforward
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.wire import canonical
from lamsonproxy.relay import RelaySettings, SmtpCourier

TEMPFAIL, UNAVAILABLE = 75, 69
"""sysexits(3), as sendmail(1) uses them."""

SEND_S = 600
"""Seconds for the whole of it: `smtp_data_done_timeout`."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """The envelope's options, as given on the command line."""

    mail: tuple[str, ...] = ()
    """MAIL parameters, such as RET=HDRS or SMTPUTF8."""
    rcpt: tuple[str, ...] = ()
    """RCPT parameters, such as NOTIFY=SUCCESS,FAILURE: for each recipient."""
    xforward: tuple[str, ...] = ()
    """Attributes, NAME=value, not yet in xtext."""


def run_send(
    door: str, sender: str, to: list[str], wishes: Wishes, file: Path | None, subject: str, body: str
) -> int:
    """Send, print what was answered, and give the exit status. Raises ConfigError for arguments that are none."""
    try:
        if not to:
            raise ValueError("give at least one --to")
        envelope = envelope_of(sender, to, wishes)
        content = _read(file) if file else composed(sender, to, subject, body)
        address = host_port(door)
    except (ValueError, OSError) as error:
        raise ConfigError(f"Nothing was sent: {error}.") from None
    try:
        replies, answers = _sent(address, envelope, content)
    except RemoteError as error:
        print(f"Nothing is known to have arrived at {address}: {error}", file=sys.stderr)
        return TEMPFAIL
    for reply in replies:
        print(reply)
    # Whoever is to try again should, whatever was said to others.
    return max(map(exit_status, answers))


def _sent(door: HostPort, envelope: Envelope, content: bytes) -> tuple[list[Reply], list[Reply]]:
    """All replies that tell how it ended, and those of them that are the answer: the last one, or with LMTP each
    recipient's. Raises RemoteError."""
    helo = socket.getfqdn()
    try:
        replies = asyncio.run(deliver(door, helo, envelope, content))
        return replies, replies[-1:]
    except RemoteError as error:
        # Who refuses EHLO speaks LMTP (RFC 2033 §4.1), or nothing that we do.
        if (error.stage, error.kind) != ("ehlo", "rejected"):
            raise
    replies = lmtp.deliver(door, helo, envelope, canonical(content), SEND_S)
    return replies, replies


def _read(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def envelope_of(sender: str, recipients: list[str], wishes: Wishes) -> Envelope:
    """The envelope. Raises ValueError for options that are none."""
    rcpt = parse_params(" ".join(wishes.rcpt))
    return Envelope(
        sender=Address(sender.strip("<>")),
        recipients=tuple(Recipient(Address(recipient.strip("<>")), rcpt) for recipient in recipients),
        params=parse_params(" ".join(wishes.mail)),
        xforward=_xforward(wishes.xforward),
    )


def _xforward(words: tuple[str, ...]) -> Xforward:
    pairs = [word.partition("=") for word in words]
    text = " ".join(f"{name}={encode_xtext(value)}" for name, _, value in pairs)
    return parse_xforward(text) if text else NO_XFORWARD


def composed(sender: str, recipients: list[str], subject: str, body: str) -> bytes:
    """A small plain mail."""
    if any(ch in "".join((sender, subject, *recipients)) for ch in "\r\n\0"):
        raise ValueError("a header is one line")
    head = (
        f"From: <{sender.strip('<>')}>\nTo: {', '.join(f'<{r}>' for r in recipients)}\nSubject: {subject}\n"
        f"Date: {format_datetime(SystemClock().now())}\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    )
    return canonical(f"{head}\n{body}".encode())


async def deliver(door: HostPort, helo: str, envelope: Envelope, content: bytes) -> list[Reply]:
    """Send, and give the replies that tell how it ended: the last one is the answer. Raises RemoteError."""
    clock = SystemClock()
    courier = SmtpCourier(RelaySettings(host=door.host, port=door.port, helo=helo), clock)
    try:
        async with courier.offer(envelope, deadline=clock.monotonic() + SEND_S) as offer:
            if offer.refusal is not None:
                return [offer.refusal]
            replies = list(offer.recipients)
            if any(reply.is_positive for reply in replies):
                replies.append(await offer.deliver((canonical(content),)))
            return replies
    finally:
        await courier.close()


def exit_status(reply: Reply) -> int:
    if reply.is_positive:
        return 0
    return UNAVAILABLE if reply.is_permanent else TEMPFAIL
