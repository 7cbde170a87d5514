"""A report taken apart: what the reporting host wrote, what it wrote for machines, and the mail it is about.

Law: linear, never raises, and no more is read than the limits below, however large the mail is. What belongs to
the original message is never taken for the report's own words, or its addresses would be taken for failed ones.

RFC 6522 (multipart/report), RFC 3464 (message/delivery-status), RFC 6533 (the global forms), RFC 5965.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lamsonproxy.mail.charset import to_text
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.shown import unescaped

TEXT_LIMIT = 64 * 1024
"""Octets of one part read for the report's words; hosts write some thousand."""

STATUS_LIMIT = 200 * 1024
"""Octets of delivery status read: 200 for each of a thousand recipients."""

PARTS_LIMIT = 50
"""Parts looked at: a report has three."""

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status", "text/delivery-status")
FEEDBACK_TYPES = ("message/feedback-report",)
_MESSAGE_TYPES = ("message/rfc822", "message/global", "message/partial")
_HEADERS_TYPES = (
    "text/rfc822-headers",
    "text/rfc822-header",
    "message/global-headers",
    "message/rfc822-headers",
)

# The line with which hosts announce the mail that they return, to its end.
_ANNOUNCED = re.compile(
    rb"^[ \t>*=+_#-]{0,60}(?:(?:the )?first \d{1,5} (?:lines|bytes|characters) of (?:the|your) [^\r\n]{1,60}follows?:"
    rb"|(?:"
    rb"(?:below (?:this line )?is|enclosed is|enclosed please find|included is|here is|this is|attached is)"
    rb" (?:a copy|the headers?|the text|the original)\b[^\r\n]{0,80}"
    rb"|(?:the |your )?(?:(?:headers?|text|copy|start|body) of (?:the |your )?)?"
    # "Undeliverable mail" alone is a title: Courier's.
    rb"(?:(?!undeliver(?:ed|able) e?-?mail[ \t.:;=*_#-]{0,80}\r?$)"
    rb"(?:original|returned|unsent|undelivered|undeliverable|rejected|bounced) (?:e-?mail|mail|message)"
    rb"(?: text| headers?| info(?:rmation)?)?|message (?:headers?|text|body))"
    rb"(?: (?:is )?(?:as |being )?(?:follow(?:s|ing)?|below|attached|included)(?: below)?)?"
    rb")[ \t.:;=*_#-]{0,80}\r?$)",
    re.MULTILINE | re.IGNORECASE,
)
# Or the mail just begins. Not with From or Subject: reports quote those to say which mail it was.
_BEGINS = re.compile(
    rb"^(?:Return-Path:[ \t]*<?[^\r\n]{0,300}\r?$|Received:[ \t]*(?:from|by|\()|(?:X-)?DKIM-Signature:|ARC-Seal:)",
    re.MULTILINE | re.IGNORECASE,
)
# A part that another reader would have found: its boundary was never announced.
_ENCLOSED = re.compile(
    rb"^--[^\r\n]{5,200}\r?\n(?:Content-[^\r\n]{0,200}\r?\n){0,4}"
    rb"Content-Type: (?:message/rfc822|text/rfc822-headers)",
    re.MULTILINE | re.IGNORECASE,
)
_STATUS_FIELDS = re.compile(
    r"^(?:Reporting-MTA|(?:Final|Original|X-Actual)-Recipient|Action)[ \t]*:", re.MULTILINE | re.IGNORECASE
)
_A_RECIPIENT = re.compile(r"^(?:Final|Original|X-Actual)-Recipient[ \t]*:", re.MULTILINE | re.IGNORECASE)
_QUOTED_STATUS = re.compile(r"^>[> ]{0,10}(?:Final|Original)-Recipient[ \t]*:", re.MULTILINE | re.IGNORECASE)
_QUOTE = re.compile(r"^>[> ]?", re.MULTILINE)
_HIDDEN = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
_LINE_TAG = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h[1-6]|hr)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z!][^<>@]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Report:
    """The three parts of a report, and a fourth where it is an abuse report."""

    message: Message
    text: str = ""
    """What the host wrote for people."""
    statuses: str = ""
    """Fields of RFC 3464, from wherever they stood."""
    statuses_are_inline: bool = False
    """Whether they stood in the text."""
    feedback: str = ""
    """Fields of RFC 5965."""
    original: bytes = b""
    """The mail that it is about, or its headers; empty when none came back."""


def take_apart(message: Message) -> Report:
    """Read a message as a report, whether it is one or not."""
    own = [part for part in message.parts[:PARTS_LIMIT] if not (part.in_message or part.is_multipart)]
    texts = [_split(part.content(TEXT_LIMIT)) for part in own if part.content_type == "text/plain"]
    text = "\n".join(_decoded(part, octets) for part, (octets, _) in zip(_plain(own), texts, strict=True))
    statuses, rest = _machine_readable(own, STATUS_TYPES)
    text = text if text.strip() else _from_html(own)
    if not (text.strip() or statuses):
        # A multipart whose boundary cannot be found is still written for somebody.
        texts = [_split(message.raw[message.body_start :][:TEXT_LIMIT])]
        text = texts[0][0].decode("utf-8", "replace").replace("\r\n", "\n")
    text, inline = _inline_statuses(text)
    originals = (_enclosed(own), rest, *(original for _, original in texts))
    return Report(
        message,
        text,
        statuses or inline,
        bool(inline and not statuses),
        _machine_readable(own, FEEDBACK_TYPES)[0],
        next(filter(None, originals), b""),
    )


def _plain(parts: list[Part]) -> list[Part]:
    return [part for part in parts if part.content_type == "text/plain"]


def _split(octets: bytes) -> tuple[bytes, bytes]:
    """The report's own words, and the mail behind the line that announces it."""
    announced, begins = _ANNOUNCED.search(octets), _BEGINS.search(octets) or _ENCLOSED.search(octets)
    if announced and (begins is None or announced.start() < begins.start()):
        return octets[: announced.start()], octets[announced.end() :].lstrip(b" \t\r\n-=>*")
    return (octets[: begins.start()], octets[begins.start() :]) if begins else (octets, b"")


def _decoded(part: Part, octets: bytes) -> str:
    return to_text(octets, part.params.get("charset", ""), part.defects).replace("\r\n", "\n")


def _machine_readable(parts: list[Part], types: tuple[str, ...]) -> tuple[str, bytes]:
    """The fields of these parts; and the mail behind them, where the boundary between was lost."""
    split = [_split(part.content(STATUS_LIMIT)) for part in parts if part.content_type in types]
    fields = (octets.decode("utf-8", "replace").replace("\r\n", "\n") for octets, _ in split)
    return "\n\n".join(fields), next((rest for _, rest in split if rest), b"")


def _inline_statuses(text: str) -> tuple[str, str]:
    """Fields of RFC 3464 in a text: of a host without MIME, or of somebody who forwards a report."""
    if _QUOTED_STATUS.search(text):
        text = _QUOTE.sub("", text)
    if not _A_RECIPIENT.search(text) or not (match := _STATUS_FIELDS.search(text)):
        return text, ""
    return text[: match.start()], text[match.start() :]


def _from_html(parts: list[Part]) -> str:
    part = next((part for part in parts if part.content_type == "text/html"), None)
    if part is None:
        return ""
    shown = "".join(_shown(part.text(TEXT_LIMIT)))
    return unescaped(_TAG.sub(" ", _LINE_TAG.sub("\n", shown)))


def _shown(text: str) -> Iterator[str]:
    """HTML without what is not shown; an element that is not ended hides the rest, as it does in a browser."""
    small, at = text.lower(), 0
    while match := _HIDDEN.search(text, at):
        yield text[at : match.start()]
        end = small.find(f"</{match[1].lower()}", match.end())
        if end < 0:
            return
        at = small.find(">", end) + 1 or len(text)
    yield text[at:]


def _enclosed(parts: list[Part]) -> bytes:
    whole = next((part for part in parts if part.content_type in _MESSAGE_TYPES), None)
    part = whole or next((part for part in parts if part.content_type in _HEADERS_TYPES), None)
    return part.content() if part else b""
