"""One mail on its way through: session, envelope, message, and the name by which all logs know it.

Law: a transaction never changes; handlers work on copies (`lamsonproxy.app.mail.Mail`).
"""

import hashlib
import secrets
from dataclasses import dataclass

from lamsonproxy.mail.envelope import Envelope, Recipient
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session


@dataclass(frozen=True)
class Transaction:
    """What one DATA command handed over."""

    trace: str
    """The trace id: in every log line, in our Received line and in the text of our own 4xx replies."""
    session: Session
    envelope: Envelope
    message: Message

    def key(self, *recipients: Recipient) -> str:
        """The settled key (design law 3) as hex: the same for each retry of this recipient's mail, and for nothing
        else; with two, of the copy of the first one's mail for the second, whom a handler added. Postfix's queue id
        alone is not enough: short ids are used again (postconf enable_long_queue_ids).

        Before the queue there is none, and the topmost Received field is another one at each retry.
        """
        ident = self.envelope.xforward.ident
        digest = hashlib.sha256()
        addresses = (recipient.address.raw for recipient in recipients)
        for word in (self.session.door, ident, self.envelope.sender.raw, *addresses):
            encoded = word.encode("utf-8", "surrogateescape")
            digest.update(b"%d:" % len(encoded) + encoded)
        digest.update(self.message.digest if ident else self.message.digest_below_received)
        return digest.hexdigest()


def new_trace() -> str:
    """A fresh trace id: 50 random bits in letters that nobody mistakes on the telephone."""
    number = secrets.randbits(50)
    return "".join(_LETTERS[(number >> shift) & 31] for shift in range(45, -5, -5))


_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
