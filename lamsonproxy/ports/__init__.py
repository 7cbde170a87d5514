"""The ports: what the engine asks of the world, one Protocol each.

    Clock                                    time
    Courier, Inquiry, Offers, Offer          downstream
    Quarantine, Notices, Probes, Held        the disk
    Conversations, Unit, Timers, Retention   the database
    Outbox, Signer                           generated mail
    Templates, MailLog                       the application's words, and ours

Law: no port names a library. Whoever fulfils one is on a higher floor and raises only `lamsonproxy.errors`. A double
implements the whole port and passes the same contract suite (tests/contract/) as the real thing.
"""

from lamsonproxy.ports.clock import Clock
from lamsonproxy.ports.conversations import Conversations, Retention, Timers, Unit
from lamsonproxy.ports.downstream import Courier, Inquiry, Offer, Offers, Parts
from lamsonproxy.ports.keeping import Held, Notices, Probes, Quarantine
from lamsonproxy.ports.maillog import MailLog
from lamsonproxy.ports.outbox import Backlog, Due, Outbox, Signed, Signer
from lamsonproxy.ports.templates import Templates

__all__ = [
    "Backlog",
    "Clock",
    "Conversations",
    "Courier",
    "Due",
    "Held",
    "Inquiry",
    "MailLog",
    "Notices",
    "Offer",
    "Offers",
    "Outbox",
    "Parts",
    "Probes",
    "Quarantine",
    "Retention",
    "Signed",
    "Signer",
    "Templates",
    "Timers",
    "Unit",
]
