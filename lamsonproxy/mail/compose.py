"""A mail, composed: values in, octets out, ready for the wire.

Law: what is read back is what was asked, and nothing else. No header, address, part or line can be put into a mail
through a value, whoever wrote it; what could is refused in a sentence. All is ASCII with CRLF, but for an address or
an attached mail that can be nothing else. The same values are the same octets: a clock and chance are asked only by
whoever gives no date and no id.

RFC 5322 §3.6 (fields), RFC 2046 (structure), RFC 3834 §5 (Auto-Submitted).
"""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.content import ended
from lamsonproxy.mail.entity import (
    Attachment,
    Entity,
    attachment_entity,
    image_entity,
    multipart,
    text_entity,
)
from lamsonproxy.mail.fields import (
    Mailbox,
    check_line,
    is_message_id,
    mailbox,
    write_mailboxes,
    write_message_ids,
)
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.rendered import Image

FIELD_LIMIT = 100_000
"""Octets of one field; beyond 102,400 Postfix cuts it (header_size_limit)."""

NOBODY_NAMED = "undisclosed-recipients:;"
"""What To holds when it names nobody (RFC 5322 §3.4)."""

AnyMailbox = str | Address | Mailbox
Mailboxes = AnyMailbox | Sequence[AnyMailbox]
Given = Mapping[str, str] | Sequence[tuple[str, str]]

_MAILBOX_FIELDS = {name.lower(): name for name in ("From", "Sender", "Reply-To", "To", "Cc")}
_COMPOSED = ("date", "message-id", "in-reply-to", "references", "auto-submitted", "mime-version", "bcc")
_AUTO_SUBMITTED = re.compile(r"(?:no|auto-generated|auto-replied|auto-notified)(?:;[ -~]*)?")


def compose(
    *,
    to: Mailboxes,
    from_: AnyMailbox,
    subject: str = "",
    text: str = "",
    html: str = "",
    attachments: Sequence[Attachment] = (),
    images: Sequence[Image] = (),
    cc: Mailboxes = (),
    reply_to: Mailboxes = (),
    headers: Given = (),
    date: datetime | None = None,
    message_id: str | None = None,
    in_reply_to: str = "",
    references: str = "",
    auto_submitted: str = "",
) -> bytes:
    """Compose a mail. A string is one mailbox, `local@domain` or `Name <local@domain>`; for several give a sequence.

    From, Sender, Reply-To, To, Cc and Subject among `headers` stand in the place of their arguments: a template has
    the last word. Without `date` it is of now, and without `message_id` it has a new one. Raises ValueError, with a
    sentence, for what cannot be written.
    """
    people: dict[str, Mailboxes] = {"From": from_, "Reply-To": reply_to, "To": to, "Cc": cc}
    subject, others = _adopt(headers, people, subject)
    fields = (
        write_field("Date", _date(datetime.now(UTC) if date is None else date)),
        *_people(people),
        *_subject(subject),
        write_message_ids("Message-ID", _new_id(people["From"]) if message_id is None else message_id),
        *([write_message_ids("In-Reply-To", in_reply_to)] if in_reply_to else ()),
        *([write_message_ids("References", references)] if references else ()),
        *([_auto_submitted(auto_submitted)] if auto_submitted else ()),
        *others,
        write_field("MIME-Version", "1.0"),
    )
    if any(len(field.raw) > FIELD_LIMIT for field in fields):
        raise ValueError(f"a header has at most {FIELD_LIMIT} octets; beyond that Postfix would cut it")
    content = _content(text, html, images, attachments)
    return ended(b"".join([*(field.raw for field in fields), *content.pieces]))


def check_header_name(name: str) -> None:
    """Raises ValueError for a header that a mail is composed with, and that nobody else may write."""
    if name.lower() in _COMPOSED or name.lower().startswith("content-"):
        raise ValueError(f"{name} is written by whoever composes the mail, and is no header to be given")


def _adopt(headers: Given, people: dict[str, Mailboxes], subject: str) -> tuple[str, list[Field]]:
    """Put what `headers` says in the place of the arguments; give the subject, and the fields that are no argument."""
    others = []
    said: dict[str, list[AnyMailbox]] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        check_header_name(name)
        key = name.lower()
        if key == "subject":
            subject = value
        elif key in _MAILBOX_FIELDS:
            said.setdefault(_MAILBOX_FIELDS[key], []).append(value)
        else:
            others.append(write_field(name, check_line(f"the header {name!r}", value)))
    people.update(said)
    return subject, others


def _people(people: Mapping[str, Mailboxes]) -> Iterator[Field]:
    if len(_several(people["From"])) != 1:
        raise ValueError("a mail has one From")
    for name, given in people.items():
        mailboxes = [mailbox(each) for each in _several(given)]
        if mailboxes:
            yield write_mailboxes(name, mailboxes)
        elif name == "To":
            yield write_field(name, NOBODY_NAMED)


def _several(given: Mailboxes) -> Sequence[AnyMailbox]:
    if isinstance(given, str | Address | Mailbox):
        return (given,) if given else ()
    return given


def _date(date: datetime) -> str:
    if date.tzinfo is None:
        raise ValueError("the date of a mail has a time zone")
    return format_datetime(date)


def _new_id(author: Mailboxes) -> str:
    domain = mailbox(_several(author)[0]).address.ascii_domain
    # A name of our own would tell where the mail was made; one that no header can hold tells nothing.
    right = domain if is_message_id(f"<x@{domain}>") else "mail.invalid"
    return f"<{secrets.token_hex(16)}@{right}>"


def _subject(subject: str) -> Iterator[Field]:
    if subject:
        yield write_field("Subject", check_line("a subject", subject))


def _auto_submitted(keyword: str) -> Field:
    if not _AUTO_SUBMITTED.fullmatch(keyword):
        raise ValueError("Auto-Submitted is one of RFC 3834's keywords, such as `auto-replied`")
    return write_field("Auto-Submitted", keyword)


def _content(text: str, html: str, images: Sequence[Image], attachments: Sequence[Attachment]) -> Entity:
    """The body: mixed of alternative of related, each only where it is needed."""
    if images and not html:
        raise ValueError("images are shown by the HTML, and there is none")
    shown = [text_entity("plain", text)] if text or not (html or attachments) else []
    if html:
        shown.append(_html(html, images))
    if len(shown) > 1:
        # The last is the one preferred (RFC 2046 §5.1.4).
        shown = [multipart("alternative", shown)]
    if not attachments:
        return shown[0]
    return multipart("mixed", [*shown, *map(attachment_entity, attachments)])


def _html(html: str, images: Sequence[Image]) -> Entity:
    entity = text_entity("html", html)
    if not images:
        return entity
    pictures = [image_entity(image.content_id, image.content_type, image.content) for image in images]
    # RFC 2387 §3.1: the type of the root is said here too.
    return multipart("related", [entity, *pictures], {"type": entity.content_type})
