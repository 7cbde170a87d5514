"""Delivery status notifications: what we tell a sender whose mail reached some recipients and was refused for others.

Law: a DSN goes to the envelope sender, from `<>`, and never to `<>` (RFC 3464 §2, RFC 5321 §6.1). It quotes headers,
the whole mail only where RET=FULL asked for it and it is small; never more (backscatter is somebody's spam).

RFC 3464 (delivery status), RFC 6522 (multipart/report), RFC 6533 (internationalised), RFC 3461 §6 (what goes in),
RFC 3834 §3.1 (Auto-Submitted).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from lamsonproxy.mail.address import NULL_SENDER
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import NO_PARAMS, Params
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply

FULL_LIMIT = 50_000
"""Octets of a mail that may be returned whole; `bounce_size_limit` in Postfix."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One recipient and the 5xx that its mail met."""

    recipient: Recipient
    reply: Reply


def failure_notice(
    envelope: Envelope,
    message: Message,
    refusals: Sequence[Refusal],
    *,
    hostname: str,
    trace: str,
    at: datetime,
) -> tuple[Envelope, bytes] | None:
    """The DSN and the envelope it travels in; None where nobody may be told."""
    told = [refusal for refusal in refusals if refusal.recipient.wants_failure_notice]
    if not told or envelope.sender == NULL_SENDER:
        return None
    boundary = f"=_{secrets.token_hex(16)}"
    sections = (
        _explanation(told, hostname, trace),
        _status(envelope, told, hostname, trace, at),
        _returned(envelope, message),
    )
    body = "".join(f"--{boundary}\r\n{section}\r\n" for section in sections) + f"--{boundary}--\r\n"
    head = _head(envelope, hostname, trace, boundary, at)
    content = (head + "\r\n" + body).encode("utf-8", "surrogateescape")
    return _notice_envelope(envelope, content), content


def _notice_envelope(envelope: Envelope, content: bytes) -> Envelope:
    params = []
    if not envelope.sender.is_ascii or envelope.params.get("SMTPUTF8") is not None:
        params.append("SMTPUTF8")
    if not content.isascii():
        params.append("BODY=8BITMIME")
    return Envelope(NULL_SENDER, (Recipient(envelope.sender, NO_PARAMS),), Params(tuple(params)))


def _head(envelope: Envelope, hostname: str, trace: str, boundary: str, at: datetime) -> str:
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>\r\n"
        f"To: <{envelope.sender.spec}>\r\n"
        "Subject: Undelivered mail: refused for some recipients\r\n"
        f"Date: {format_datetime(at)}\r\n"
        f"Message-ID: <{trace}.dsn@{hostname}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        f"Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\"\r\n"
    )


def _explanation(refusals: Sequence[Refusal], hostname: str, trace: str) -> str:
    lines = "".join(f"<{r.recipient.address}>: {r.reply}\r\n\r\n" for r in refusals)
    return (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"This is the mail system at {hostname}.\r\n\r\n"
        "Your mail was delivered to some of its recipients and refused for these:\r\n\r\n"
        f"{lines}The postmaster finds it by the word {trace}.\r\n"
    )


def _status(
    envelope: Envelope, refusals: Sequence[Refusal], hostname: str, trace: str, at: datetime
) -> str:
    is_global = any(not r.recipient.address.is_ascii for r in refusals)
    kind = "global-delivery-status" if is_global else "delivery-status"
    # RFC 6533 §3: utf-8 addresses need the global form, and 8bit.
    blocks = [f"Reporting-MTA: dns; {hostname}\r\nX-Trace: {trace}\r\nArrival-Date: {format_datetime(at)}\r\n"]
    envid = envelope.params.get("ENVID")
    if envid:
        blocks[0] = f"Original-Envelope-Id: {envid}\r\n" + blocks[0]
    blocks += [_recipient_status(refusal) for refusal in refusals]
    encoding = "8bit" if is_global else "7bit"
    return f"Content-Type: message/{kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n" + "\r\n".join(blocks)


def _recipient_status(refusal: Refusal) -> str:
    address, reply = refusal.recipient.address, refusal.reply
    original = refusal.recipient.params.get("ORCPT")
    return (
        (f"Original-Recipient: {original.replace(';', '; ', 1)}\r\n" if original else "")
        + f"Final-Recipient: {'rfc822' if address.is_ascii else 'utf-8'}; {address.spec}\r\n"
        "Action: failed\r\n"
        f"Status: {reply.status or '5.0.0'}\r\n"
        f"Diagnostic-Code: smtp; {reply.encoded.decode('ascii').splitlines()[0]}\r\n"
    )


def _returned(envelope: Envelope, message: Message) -> str:
    ret = envelope.params.get("RET") or "HDRS"
    if ret.upper() == "FULL" and len(message.raw) <= FULL_LIMIT:
        kind, octets = "message/rfc822", message.raw
    else:
        kind, octets = "text/rfc822-headers", message.raw[: message.body_start][:FULL_LIMIT]
    return (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + octets.decode("utf-8", "surrogateescape").rstrip("\r\n")
        + "\r\n"
    )
