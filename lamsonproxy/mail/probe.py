"""The probe: a mail that asks whether the whole chain works, and that ends at the service.

`lamson postfix apply` sends it from <> to `RECIPIENT-name@...`, with a token in its header. The name is the hash of the
token, and a file of that name, which only the operator can make, says that somebody is waiting. The service deletes the
file and answers 250; nothing reaches a mailbox.

Law: without the file such a mail is a mail like any other, and whoever can make the file can read the queue anyway.
"""

import hashlib

from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.envelope import Recipient
from lamsonproxy.mail.transaction import Transaction

RECIPIENT = "lamson-probe-"
HEADER = "X-Lamson-Probe"
PROBE_FOLDER = ".probe"
"""Below `quarantine.path`."""


def name_of(token: str) -> str:
    """The name by which the file, and the recipient, know a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def may_be_probe(sender: Address, recipient: Recipient) -> bool:
    """Whether the envelope is that of a probe; its message tells whether it is one."""
    return sender == NULL_SENDER and recipient.address.spec.startswith(RECIPIENT)


def probe_name(transaction: Transaction, recipient: Recipient) -> str:
    """The name of the file that this mail asks for; "" for every mail that is no probe."""
    if not may_be_probe(transaction.envelope.sender, recipient):
        return ""
    token = transaction.message.headers.get(HEADER)
    return name_of(token) if token else ""
