"""Whom mail is handed to: they are asked first, and what is left undelivered is undone.

Law: an Offer that nobody delivers has left nothing downstream.

RFC 5321 §3.3.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.reply import Reply

Parts = Sequence[bytes | memoryview]
"""Message content in pieces, each beginning at the start of a line; every line ends in CRLF, no dot is stuffed."""


class Offer(Protocol):
    """A mail that downstream has been asked about: MAIL and every RCPT have been answered, no DATA content is sent."""

    @property
    def refusal(self) -> Reply | None:
        """Downstream's 4xx or 5xx to MAIL, or to DATA where that was sent along; then nothing can be delivered."""

    @property
    def recipients(self) -> Sequence[Reply]:
        """The reply to each RCPT, in envelope order; empty when MAIL was refused."""

    async def deliver(self, content: Parts) -> Reply:
        """Send the content to those that were taken, and give the reply: to the final dot, or to a refused DATA.

        Raises RemoteError; `ambiguous` when the connection failed between the final dot and its reply.
        """


class Offers(Protocol):
    """Makes offers."""

    def offer(self, envelope: Envelope, *, deadline: float) -> AbstractAsyncContextManager[Offer]:
        """Ask downstream about a mail. `deadline` is a time of the courier's clock by which all must be over.

        Leaving the context without `deliver` undoes it: downstream has nothing. Entering raises RemoteError when
        downstream cannot be talked to (connect, banner, EHLO, XFORWARD included, whatever it replied there).
        """


class Inquiry(Offers, Protocol):
    """A mail that downstream is asked about while our own client still names its recipients.

    An offer of it goes on where the asking has ended: what was answered is not asked again, unless downstream has
    taken recipients that the offer leaves out, or the offer is another in its sender or recipients: then all is undone
    and asked anew. There is one offer at most.
    """

    async def ask(self, recipient: Recipient, *, deadline: float) -> Reply:
        """Downstream's reply to this RCPT; to MAIL, where it refused that.

        Raises RemoteError when downstream cannot be talked to; so does then everything that follows but `end`.
        """

    async def end(self) -> None:
        """Undo what is not delivered: downstream has nothing. Call it once at last, offer or not. Never raises."""


class Courier(Offers, Protocol):
    """Hands mail to downstream."""

    def inquiry(self, envelope: Envelope) -> Inquiry:
        """Begin to ask about a mail; its recipients so far do not count. Says nothing before the first `ask`."""
