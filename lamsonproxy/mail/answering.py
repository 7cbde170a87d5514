"""Answering a mail: what a reply or a forwarded mail takes over from the one that it is about.

Law: whatever the mail holds, what comes out can be composed: one line where a line is asked, ids that are ids, all of
bounded length. A stranger's mail must not be able to make the answer to it fail, for then it would be tried for ever.

RFC 5322 §3.6.4 (In-Reply-To, References), §3.6.5 (Re:), RFC 3834 §3.1 (automatic replies), RFC 3676 §4.3 (signatures),
RFC 5537 §3.4.4 (which ids to leave out).
"""

import re
from datetime import datetime

from lamsonproxy.mail.compose import AnyMailbox, compose
from lamsonproxy.mail.entity import FILE, Attachment, is_media_type
from lamsonproxy.mail.fields import as_line, is_message_id
from lamsonproxy.mail.headers import unfold
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.shown import from_html

SUBJECT_LIMIT = 300
"""Characters of a subject that are taken over."""

REFERENCES_LIMIT = 21
"""Ids in References: the first, which is the thread, and the last ones."""

QUOTE_LIMIT = 20_000
"""Characters of a text that are quoted: an answer should not be a way to send somebody's mail elsewhere."""

HTML_LIMIT = 1_000_000
"""Characters of HTML of which a text is made: a third of a second."""

_IDS = re.compile(r"<[!-;=?-~]+>")
_OCTETS_OF_IDS = 64 * 1024
_IS_REPLY = re.compile(r"(?:re|aw|sv|vs|antw|odp|rif)(?:\[\d{1,3}\])? ?:", re.IGNORECASE)
_IS_FORWARD = re.compile(r"(?:fwd?|wg|tr|vs|doorst) ?:", re.IGNORECASE)
_SIGNATURE = re.compile(r"^-- $", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9._:+-]{1,60}")
_FORWARDED = ("From", "Date", "Subject", "To", "Cc")


def references_for(message: Message) -> tuple[str, str]:
    """In-Reply-To and References of an answer; each empty where the mail has nothing to put there."""
    parent = _ids(message, "Message-ID")[:1]
    answered = _ids(message, "In-Reply-To")
    # More than one: nobody knows which of them came first.
    ancestors = _ids(message, "References") or (answered if len(answered) == 1 else [])
    thread = [each for each in ancestors if each not in parent] + parent
    if len(thread) > REFERENCES_LIMIT:
        thread = [thread[0], *thread[1 - REFERENCES_LIMIT :]]
    return " ".join(parent), " ".join(thread)


def _ids(message: Message, name: str) -> list[str]:
    text = unfold(message.headers.raw_value(name)[-_OCTETS_OF_IDS:]).decode("latin-1")
    return list(dict.fromkeys(filter(is_message_id, _IDS.findall(text))))


def reply_subject(subject: str) -> str:
    """`Re: ` before the subject, once."""
    line = _short(subject)
    return line if _IS_REPLY.match(line) else f"Re: {line}".rstrip()


def forward_subject(subject: str) -> str:
    """`Fwd: ` before the subject, once."""
    line = _short(subject)
    return line if _IS_FORWARD.match(line) else f"Fwd: {line}".rstrip()


def auto_subject(subject: str) -> str:
    """`Auto: ` before the subject, so that people see what a machine wrote (RFC 3834 §3.1.5)."""
    return f"Auto: {_short(subject)}".rstrip()


def _short(text: str) -> str:
    """A stranger's text on one line, with single blanks, cut where it is too long."""
    line = " ".join(as_line(text).split())
    return line if len(line) <= SUBJECT_LIMIT else f"{line[: SUBJECT_LIMIT - 1]}…"


def attribution(message: Message) -> str:
    """The line above a quotation: who wrote it, and when."""
    when, who = _header(message, "Date"), _header(message, "From")
    return f"On {when}, {who or 'somebody'} wrote:" if when else f"{who or 'Somebody'} wrote:"


def said(message: Message) -> str:
    """What a mail says, as text: that of its HTML where it has no other, cut where that is endless."""
    if message.text.strip() or not message.html:
        return message.text
    html = message.html
    return from_html(html[:HTML_LIMIT]) + "[…]\n" * (len(html) > HTML_LIMIT)


def quote(text: str, attribution: str = "") -> str:
    """The text as a quotation, without its signature, below a line that says whose it is."""
    # All that somebody's reader may take for the end of a line: a line without a mark would be ours.
    plain = "\n".join(text[:QUOTE_LIMIT].splitlines())
    kept = _SIGNATURE.split(plain, maxsplit=1)[0].strip("\n")
    lines = kept.split("\n") + (["[…]"] if len(text) > QUOTE_LIMIT else [])
    quoted = "".join(f"{_quoted(line.rstrip())}\n" for line in lines)
    return f"{as_line(attribution)}\n{quoted}" if attribution else quoted


def _quoted(line: str) -> str:
    return f">{line}" if line.startswith(">") or not line else f"> {line}"


def forward_inline(message: Message, note: str = "") -> str:
    """A text that holds the mail's own, below a note and the headers that people want to see."""
    shown = [(name, _header(message, name)) for name in _FORWARDED]
    head = "".join(f"{name}: {value}\n" for name, value in shown if value)
    above = f"{note.rstrip()}\n\n" if note.strip() else ""
    return f"{above}---------- Forwarded message ----------\n{head}\n{said(message)}"


def forward_attached(message: Message) -> Attachment:
    """The mail itself, octet for octet, to be attached to another."""
    return Attachment(message.raw, "message.eml", "message/rfc822")


def attached(part: Part) -> Attachment:
    """An attachment of this mail, to be attached to another; a file where its type is none that can be written."""
    content_type = part.content_type if is_media_type(part.content_type) else FILE
    for name in ("charset", "method"):
        if _WORD.fullmatch(part.params.get(name, "")):
            content_type += f"; {name}={part.params[name]}"
    return Attachment(part.content(), part.filename, content_type)


def vacation(
    message: Message,
    *,
    to: AnyMailbox,
    from_: AnyMailbox,
    text: str,
    html: str = "",
    subject: str = "",
    date: datetime,
    message_id: str,
) -> bytes:
    """An automatic reply; whether one may be sent at all is not asked here (design law 9).

    `to` is the envelope sender: RFC 3834 §4 wants no other. Raises ValueError as `compose` does.
    """
    in_reply_to, references = references_for(message)
    return compose(
        to=to,
        from_=from_,
        subject=subject or auto_subject(message.subject),
        text=text,
        html=html,
        date=date,
        message_id=message_id,
        in_reply_to=in_reply_to,
        references=references,
        auto_submitted="auto-replied",
    )


def _header(message: Message, name: str) -> str:
    return _short(message.headers.get(name))
