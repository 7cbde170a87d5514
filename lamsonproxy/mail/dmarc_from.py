"""From, rewritten for a mailing list: mail that a list has changed cannot pass DMARC as its author's.

    From: Zoë <zoe@example.com>          From: Zoë via cooks <cooks@lists.example.org>
                                         Reply-To: Zoë <zoe@example.com>

Law: the author stays reachable and readable, and nothing in the author's name can become an address. A Reply-To that
is there already stays: it is what the author, or the list, has asked for.

RFC 7960 §4.1.3.1 (what a mediator may do), RFC 7489 §3.1 (why From counts).
"""

from typing import Protocol

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.edited import EditedHeaders
from lamsonproxy.mail.fields import Mailbox, as_line, mailbox, write_mailboxes
from lamsonproxy.mail.mailboxes import read_mailboxes

NAME_LIMIT = 100
"""Characters of the author's name that are shown."""


class Edited(Protocol):
    """What is rewritten: a handler's mail, or `Edits`."""

    @property
    def headers(self) -> EditedHeaders:
        """Its fields as they will go."""


def dmarc_safe_from(mail: Edited, via: str | Address | Mailbox) -> None:
    """Let the mail be from the list, on behalf of its author. Raises ValueError when `via` is no address."""
    headers, own = mail.headers, mailbox(via)
    authors = read_mailboxes(headers.raw_value("From"), Defects())
    shown = ", ".join(as_line(author.name) or author.address.raw.partition("@")[0] for author in authors)
    name = f"{as_line(shown)[:NAME_LIMIT] or 'Somebody'} via {own.name or own.address.raw.partition('@')[0]}"
    rewritten = write_mailboxes("From", [Mailbox(own.address, name)])
    if authors and "Reply-To" not in headers:
        _keep_reachable(headers, authors)
    headers.put(rewritten)


def _keep_reachable(headers: EditedHeaders, authors: tuple[Mailbox, ...]) -> None:
    reachable = [Mailbox(author.address, as_line(author.name)) for author in authors]
    try:
        headers.put(write_mailboxes("Reply-To", reachable))
    except ValueError:
        # An address that no header of ours can hold is one that nobody could answer to.
        return
