"""A mail as a handler gets it, with time left and a log that remembers."""

import time

from lamsonproxy.app.mail import Mail
from lamsonproxy.app.scene import Scene
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.session import Session
from lamsonproxy.mail.transaction import Transaction
from tests.doubles import RecordingLog
from tests.relay_rig import envelope

CONTENT = b"From: alice@example.org\r\nSubject: Soup\r\n\r\nIs there any?\r\n"


def transaction(*recipients: str, content: bytes = CONTENT, **words: str) -> Transaction:
    session = Session(door="filter", peer="127.0.0.1", helo="mx.example.org")
    return Transaction("7QF3T0A1B2", session, envelope(*recipients, **words), Message(content))


def mail(
    of: Transaction | None = None, *, recipient: int = 0, left_s: float = 60, log: RecordingLog | None = None
) -> Mail:
    """The mail for one recipient of the transaction."""
    of = of or transaction()
    deadline = time.monotonic() + left_s
    return Mail(of, of.envelope.recipients[recipient], deadline=deadline, scene=Scene(log=log))
