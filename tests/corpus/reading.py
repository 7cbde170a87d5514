"""Reading all of a message: every property, every field, every part."""

from lamsonproxy.mail.answering import attribution, references_for, said
from lamsonproxy.mail.headers import Headers
from lamsonproxy.mail.mailboxes import read_mailboxes
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part

_NAMES = ("From", "To", "Subject", "Received", "Content-Type", "X-Not-There")


def read_everything(raw: bytes) -> Message:
    """Ask a message for all that it can tell."""
    message = Message(raw)
    _ask(repr(message), message.body_start, message.digest, message.received_count)
    _ask(message.digest_below_received)
    _ask(message.sender, message.subject, message.is_auto_submitted)
    _ask(message.is_list_mail, message.is_signed, message.is_encrypted, message.structure)
    _ask(message.text, message.html, message.attachments, message.has_attachment("*.exe"))
    _ask(said(message), attribution(message), references_for(message))
    _ask(message.inline_images, *[attached.subject for attached in message.messages])
    _read_headers(message.headers)
    for part in message.parts:
        _read_part(part)
    _ask(message.defects)
    return message


def _read_headers(headers: Headers) -> None:
    for field in headers:
        _ask(field.name, field.value, field.raw_value, field.raw)
    for name in _NAMES:
        _ask(read_mailboxes(headers.raw_value(name), headers.notes))
        _ask(headers.get(name), headers.get_all(name), headers.count(name), name in headers)
    _ask(len(headers), headers.unread)


def _read_part(part: Part) -> None:
    _ask(repr(part), part.content_type, part.params, part.disposition, part.filename, part.is_attachment)
    _ask(part.filenames, part.content_id, part.encoding, part.is_inline_image, part.is_named("*.exe"))
    _ask(part.content(), part.text(), len(part.headers))


def _ask(*answers: object) -> None:
    """The questions have been answered by the time that this is called."""
