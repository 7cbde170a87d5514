"""Delivery status notifications: what we tell a sender whose mail reached some recipients and was refused for others.

Law: a DSN goes to the envelope sender, from `<>`, and never to `<>` (RFC 3464 §2, RFC 5321 §6.1). It quotes headers,
the whole mail only where RET=FULL asked for it and it is small; never more (backscatter is somebody's spam). What the
peer, the sender or downstream said is one line here, printable and cut, before it is put into a field.

RFC 3464 (delivery status), RFC 6522 (multipart/report), RFC 6533 (internationalised), RFC 3461 §6 (what goes in),
RFC 3834 §3.1 (Auto-Submitted).
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime

from lamsonproxy.mail.address import NULL_SENDER
from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.esmtp import NO_PARAMS, Params, decode_xtext
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.reply import Reply

FULL_LIMIT = 50_000
"""Octets of a mail that may be returned whole; `bounce_size_limit` in Postfix."""

WORD_LIMIT = 900
"""Octets of an address or a reply in one line: RFC 5322 §2.1.1 allows 998 with the field's name."""

# Line breaks of every kind, what turns a terminal's text around (U+202A to U+202E, U+2066 to U+2069), and octets
# that were not UTF-8.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")


DELIVERED = Reply(250, "2.0.0", "Ok")


@dataclass(frozen=True, slots=True)
class Refusal:
    """One recipient and the 5xx that its mail met; or the 250 of one that is reported as delivered."""

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
    head = _head(envelope, hostname, trace, boundary, at, "Undelivered mail: refused for some recipients")
    content = (head + "\r\n" + body).encode("utf-8", "surrogateescape")
    return _notice_envelope(envelope, content), content


def delivery_notice(
    envelope: Envelope,
    message: Message,
    recipient: Recipient,
    *,
    hostname: str,
    trace: str,
    at: datetime,
) -> tuple[Envelope, bytes] | None:
    """The DSN for mail that an application has taken, where the sender asked for one (RFC 3461 §4.1, NOTIFY=SUCCESS);
    None where nobody did, or nobody may be told."""
    if not recipient.wants_delivery_notice or envelope.sender == NULL_SENDER:
        return None
    boundary = f"=_{secrets.token_hex(16)}"
    delivered = (Refusal(recipient, DELIVERED),)
    headers_only = replace(envelope, params=envelope.params.without("RET"))
    sections = (
        _taken(recipient, hostname, trace),
        _status(envelope, delivered, hostname, trace, at),
        # RFC 3461 §6.2 (h): a DSN that reports no failure returns no content.
        _returned(headers_only, message),
    )
    body = "".join(f"--{boundary}\r\n{section}\r\n" for section in sections) + f"--{boundary}--\r\n"
    head = _head(envelope, hostname, trace, boundary, at, "Successful mail delivery")
    content = (head + "\r\n" + body).encode("utf-8", "surrogateescape")
    return _notice_envelope(envelope, content), content


def _taken(recipient: Recipient, hostname: str, trace: str) -> str:
    return (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"This is the mail system at {hostname}.\r\n\r\n"
        f"Your mail was taken by the application at <{_line(recipient.address.raw)}>.\r\n\r\n"
        f"The postmaster finds it by the word {trace}.\r\n"
    )


def _notice_envelope(envelope: Envelope, content: bytes) -> Envelope:
    params = []
    # Not for an address alone: what came without it, in raw octets, goes back without it (smtputf8_enable = no).
    if _is_international(envelope):
        params.append("SMTPUTF8")
    if not content.isascii():
        params.append("BODY=8BITMIME")
    return Envelope(NULL_SENDER, (Recipient(envelope.sender, NO_PARAMS),), Params(tuple(params)))


def _is_international(envelope: Envelope) -> bool:
    return envelope.params.get("SMTPUTF8") is not None


def _head(envelope: Envelope, hostname: str, trace: str, boundary: str, at: datetime, subject: str) -> str:
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@{hostname}>\r\n"
        f"To: <{_line(envelope.sender.spec)}>\r\n"
        f"Subject: {subject}\r\n"
        f"Date: {format_datetime(at)}\r\n"
        f"Message-ID: <{trace}.dsn@{hostname}>\r\n"
        "Auto-Submitted: auto-replied\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"\r\n'
    )


def _explanation(refusals: Sequence[Refusal], hostname: str, trace: str) -> str:
    lines = "".join(f"<{_line(r.recipient.address.raw)}>:\r\n    {_said(r.reply)}\r\n\r\n" for r in refusals)
    return (
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"This is the mail system at {hostname}.\r\n\r\n"
        "Your mail was delivered to some of its recipients and refused for these:\r\n\r\n"
        f"{lines}The postmaster finds it by the word {trace}.\r\n"
    )


def _status(envelope: Envelope, refusals: Sequence[Refusal], hostname: str, trace: str, at: datetime) -> str:
    # RFC 6533 §3: utf-8 addresses need the global form, and 8bit.
    is_global = any(not r.recipient.address.is_ascii for r in refusals)
    kind, encoding = ("global-delivery-status", "8bit") if is_global else ("delivery-status", "7bit")
    envid = decode_xtext(envelope.params.get("ENVID") or "")
    of_message = (
        f"Original-Envelope-Id: {_ascii(envid)}\r\n" if envid else ""
    ) + f"Reporting-MTA: dns; {hostname}\r\nArrival-Date: {format_datetime(at)}\r\nX-Trace: {trace}\r\n"
    blocks = "\r\n".join((of_message, *map(_recipient_status, refusals)))
    return f"Content-Type: message/{kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{blocks}"


def _recipient_status(refusal: Refusal) -> str:
    address, reply = refusal.recipient.address, refusal.reply
    return (
        _original_recipient(refusal.recipient)
        + f"Final-Recipient: {'rfc822' if address.is_ascii else 'utf-8'}; {_line(address.spec)}\r\n"
        f"Action: {'delivered' if reply.is_positive else 'failed'}\r\n"
        f"Status: {reply.status or '5.0.0'}\r\n"
        # RFC 3464 §2.3.6: what a host said that failed.
         + ("" if reply.is_positive else f"Diagnostic-Code: smtp; {_said(reply)}\r\n")
    )


def _original_recipient(recipient: Recipient) -> str:
    # RFC 3461 §6.3 (b): with the xtext undone. What comes out of that may hold a line break (+0D+0A).
    kind, has_kind, address = (recipient.params.get("ORCPT") or "").partition(";")
    if not (kind and has_kind and address):
        return ""
    return f"Original-Recipient: {_ascii(kind)}; {_ascii(decode_xtext(address))}\r\n"


def _returned(envelope: Envelope, message: Message) -> str:
    ret = envelope.params.get("RET") or "HDRS"
    # RFC 6533 §4: mail that came with SMTPUTF8 is returned as message/global, or its headers.
    is_global = _is_international(envelope)
    if ret.upper() == "FULL" and len(message.raw) <= FULL_LIMIT:
        kind, octets = "message/global" if is_global else "message/rfc822", message.raw
    else:
        kind = "message/global-headers" if is_global else "text/rfc822-headers"
        octets = message.raw[: min(message.body_start, FULL_LIMIT)]
    return (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + octets.decode("utf-8", "surrogateescape").rstrip("\r\n")
        + "\r\n"
    )


def _line(text: str) -> str:
    return _CONTROL.sub("?", text).encode()[:WORD_LIMIT].decode("utf-8", "ignore")


def _ascii(text: str) -> str:
    return _NOT_ASCII.sub("?", text)[:WORD_LIMIT]


def _said(reply: Reply) -> str:
    return _ascii(str(reply))
