"""What a door wants of the engine, and what the engine works with.

Law: values only.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from lamsonproxy.app.marks import OnError
from lamsonproxy.app.scene import REPLIES_PER_HOUR
from lamsonproxy.ports import (
    Clock,
    Conversations,
    Courier,
    MailLog,
    Notices,
    Probes,
    Quarantine,
    Templates,
)
from lamsonproxy.runner import Runner

__all__ = ["ATTEMPTS", "DISK_S", "RELAY_SHARE", "DoorPolicy", "Means", "OnError"]

DISK_S = 15
"""Seconds for one act on the disk; with the door's deadline before it still below Postfix's
`smtpd_proxy_timeout` (80 of 100) and `smtp_data_done_timeout` (540 of 600)."""

ATTEMPTS = 4
"""At one unit of work: the first, and three more where two transactions met (design law 3)."""

RELAY_SHARE = 0.1
"""The part of a door's time limits that handlers leave to the relay."""


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What a door wants of the engine."""

    unmatched: Literal["accept", "reject"] = "accept"
    on_error: OnError = "defer"
    deadline_s: float = 540
    """Seconds from end of data to our reply: below smtp(8)'s `smtp_data_done_timeout` of 600, and before the queue
    below `smtpd_proxy_timeout` of 100."""
    rcpt_timeout_s: float = 60
    """Seconds from a RCPT to our reply."""
    speed_adjust: bool = False
    """Postfix has promised every recipient before it connects, so no RCPT is refused (SMTPD_PROXY_README)."""
    received_limit: int = 100
    own_received_limit: int = 10
    out_of_state: Literal["reject", "consume", "quarantine"] = "reject"
    """What becomes of mail that a state function's route matches while the conversation is in another state."""
    poison_after: int = 0
    """Failures of its handlers after which a mail is kept in `undeliverable`; 0: never."""
    domains: Collection[str] = ()
    """Domains that Postfix hands us, in small letters: what is handed on to them comes back."""
    trace_header: bool = True

    def handlers_end(self, begun: float) -> float:
        """When the handlers must have decided about a mail that was read to its end then."""
        return begun + self.deadline_s * (1 - RELAY_SHARE)


@dataclass(frozen=True, slots=True)
class Means:
    """The ports behind the engine, and the name that it goes by."""

    runner: Runner
    courier: Courier
    quarantine: Quarantine
    notices: Notices
    probes: Probes
    conversations: Conversations
    log: MailLog
    clock: Clock
    hostname: str
    instance: str
    undeliverable: Quarantine
    """Where poisonous mail is kept."""
    templates: Templates | None = None
    replies_per_hour: int = REPLIES_PER_HOUR
    authserv_id: str = ""
    """Whose Authentication-Results are believed (RFC 8601); "" for nobody's."""
    lock_wait_s: float = 30
    copies_limit: int = 10
    """Relay transactions of one mail at most: each holds a connection while the others are asked."""
    verp: bool = False
    """Whether what handlers send has a sender for each recipient, where they say nothing else."""
    several: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the mail that has several relay transactions."""
    kick: Callable[[], None] = lambda: None
    """Tells the outbox that there is something to send."""
