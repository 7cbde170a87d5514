"""lamsonproxy: mail applications written like web applications, as a service behind Postfix.

What an application is written with; docs/routes.md tells how.
"""

from lamsonproxy.app.announced import Announced
from lamsonproxy.app.application import App
from lamsonproxy.app.bounces import bounce_to
from lamsonproxy.app.confirm import Confirmation, Pending
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import after, leads_to, requires, route, route_like, stateless
from lamsonproxy.errors import AppError, LamsonError
from lamsonproxy.mail.address import NULL_SENDER, Address
from lamsonproxy.mail.compose import compose
from lamsonproxy.mail.edits import SealedError
from lamsonproxy.mail.entity import Attachment
from lamsonproxy.mail.fields import Mailbox
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.verdict import Accept, Consume, Defer, Discard, Quarantine, Reject

__version__ = "0.1.0"

__all__ = [
    "NULL_SENDER",
    "Accept",
    "Address",
    "Announced",
    "App",
    "AppError",
    "Attachment",
    "Confirmation",
    "Consume",
    "Defer",
    "Discard",
    "LamsonError",
    "Mail",
    "Mailbox",
    "Message",
    "Pending",
    "Quarantine",
    "Reject",
    "SealedError",
    "__version__",
    "after",
    "bounce_to",
    "compose",
    "leads_to",
    "requires",
    "route",
    "route_like",
    "stateless",
]
