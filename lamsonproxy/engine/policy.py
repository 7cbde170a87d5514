"""What a door wants of the engine, and what the engine works with.

Law: values only.
"""

from dataclasses import dataclass
from typing import Literal

from lamsonproxy.app.marks import OnError
from lamsonproxy.ports import Clock, Conversations, Courier, MailLog, Notices, Quarantine
from lamsonproxy.runner import Runner

__all__ = ["DoorPolicy", "Means", "OnError"]


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What a door wants of the engine."""

    unmatched: Literal["accept", "reject"] = "accept"
    on_error: OnError = "defer"
    deadline_s: float = 540
    """Seconds from end of data to our reply: below smtp(8)'s `smtp_data_done_timeout` of 600."""
    received_limit: int = 100
    trace_header: bool = True


@dataclass(frozen=True, slots=True)
class Means:
    """The ports behind the engine, and the name that it goes by."""

    runner: Runner
    courier: Courier
    quarantine: Quarantine
    notices: Notices
    conversations: Conversations
    log: MailLog
    clock: Clock
    hostname: str
