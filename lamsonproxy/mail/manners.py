"""Manners: to which mail no automatic answer goes.

Law: whoever may be a machine is not answered, so that two machines never talk to each other. A mail is judged by what
it says of itself, by the envelope it came in, and by the marks that we left in it. When in doubt there is no answer:
a person asks again, a machine does not stop. Reasons are plain words without any text of the mail, a closed set.

RFC 3834 §2 (when not to respond), RFC 5230 §4.6 (what a vacation responder looks at), RFC 2369 and 2919 (List
fields), RFC 6522 (reports), MS-OXCMAIL (X-Auto-Response-Suppress). The rule that the responder's address must stand
in To or Cc is for people's own responders: an application is there to be written to, by Bcc too.
"""

import re
from collections.abc import Iterator

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.correspondent import folded, known_as
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.fields import Mailbox, write_mailboxes
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.parameters import parse
from lamsonproxy.mail.words import one_line
from lamsonproxy.mail.wrapped import unwrapped

# RFC 5230 §4.6 has owner-, -request, and the names of programs; bounces and returns are the lists' own addresses.
# What may follow is VERP: `list-bounces+alice=example.com`, `list-return-7-alice=example.com`.
_MACHINE = re.compile(
    r"(?:"
    r"mailer-daemon|mail-daemon|postmaster|listserv|majordomo|mailman"
    r"|owner-.*|.*-owner|.*-request"
    r"|bounces?|bounces?-.*|.*-bounces?"
    r"|(?:no|do-?not)[-_.]?reply"
    r")(?:[+=].*)?|.*-return-\d.*",
    re.IGNORECASE | re.DOTALL,
)
_BULK = frozenset(("bulk", "list", "junk", "auto_reply"))
_SUPPRESSED = frozenset(("all", "oof", "autoreply"))
# Of responders that are older than Auto-Submitted, or have never heard of it.
_RESPONDERS = frozenset(
    ("x-autoreply", "x-autorespond", "x-autoresponder", "x-autoresponse", "x-mail-autoreply")
)


def why_not(message: Message, sender: Address, recipient: Address) -> str:
    """Why this mail to `recipient` may not be answered automatically; "" when it may."""
    return next(_reasons(message, sender, recipient), "")


def mark_of(recipient: Address) -> Field:
    """The line that shows that a mail was sent on from this address: a list that sees its own mark is in a loop.

    The words before the address are ezmlm's. They make it ours: a bare address is what Postfix writes itself, before
    we see the mail, where lmtp(8) or pipe(8) has `flags=D`.
    """
    return write_field("Delivered-To", _mark(recipient))


def has_mark_of(message: Message, recipient: Address) -> bool:
    """Whether the mail was sent on from this address before."""
    return _mark(recipient) in message.headers.get_all("Delivered-To")


def _mark(recipient: Address) -> str:
    # Octets that are no text cannot stand in a header as they are, and control characters are read as blanks.
    text = f"mailing list {folded(recipient)}".encode("utf-8", "backslashreplace").decode("utf-8")
    return one_line(text, Defects()).rstrip(" \t")


def _reasons(message: Message, sender: Address, recipient: Address) -> Iterator[str]:
    headers = message.headers
    names = {field.name.lower() for field in headers}
    if not sender:
        yield "it has no sender"
    if not (_can_be_written(sender) and _can_be_written(recipient)):
        yield "no header can hold its addresses"
    if known_as(sender) == known_as(recipient):
        yield "it is from the address that it is to"
    if _MACHINE.fullmatch(unwrapped(sender).local):
        yield "its sender is a machine by its name"
    if message.is_auto_submitted:
        yield "it is Auto-Submitted"
    if not names.isdisjoint(_RESPONDERS):
        yield "it is an autoresponder's"
    if not _SUPPRESSED.isdisjoint(re.split(r"[\s,;]+", headers.get("X-Auto-Response-Suppress").lower())):
        yield "it wants no answer (X-Auto-Response-Suppress)"
    if any(value.lower() in _BULK for value in headers.get_all("Precedence")):
        yield "it is bulk mail (Precedence)"
    if any(name.startswith(("list-", "mailing-list")) for name in names):
        yield "it is a mailing list's"
    if parse(headers.raw_value("Content-Type"), message.notes).value == "multipart/report":
        yield "it is a report"
    if has_mark_of(message, recipient):
        yield "it was sent on from here before"


def _can_be_written(address: Address) -> bool:
    try:
        write_mailboxes("To", [Mailbox(address)])
    except ValueError:
        return False
    return True
