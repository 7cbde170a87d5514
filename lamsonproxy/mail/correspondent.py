"""The correspondent: by which name the application knows who wrote a mail.

Law: one person is one correspondent, whatever hosts on the way made of the sender: capitals, U-labels, SRS and BATV
make no difference. The name is for comparing and for keys; mail goes to the sender in the spelling that came, unless
that would be another host than the name says.

A bounce has no envelope sender, so its From stands in: a conversation with MAILER-DAEMON is one too. Both are easily
forged (docs/identity.md).
"""

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.wrapped import unwrapped


def correspondent_of(sender: Address, message: Message) -> str:
    """Who wrote a mail with this envelope sender; "" when neither the envelope nor From says."""
    return known_as(sender or Address(message.sender))


def known_as(address: Address) -> str:
    """The name of the correspondent who has this address."""
    return folded(unwrapped(address))


def reachable(sender: Address) -> Address:
    """Where an answer to the correspondent goes: to the sender as it came (BATV), but never to the host that wrapped it
    (SRS). Anybody can write such a wrapping, and would be told what is meant for somebody else."""
    inner = unwrapped(sender)
    return sender if sender.ascii_domain == inner.ascii_domain else inner


def folded(address: Address) -> str:
    """The address in small letters, its domain in A-labels: equal for addresses that reach the same mailbox.

    Capitals in a local part may mean something to its host (RFC 5321 §2.4), but people write them as they please.
    """
    local = address.local.lower()
    return f"{local}@{address.ascii_domain}" if address.domain else local
