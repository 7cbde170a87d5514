"""Generated mail on its way out.

Law: a row is sent by at most one process at a time, and forgotten only when somebody has answered for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import Outgoing
from lamsonproxy.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Due:
    """An outgoing mail whose time has come, claimed by us alone until `lease` ends."""

    id: int
    lease: str
    """Ours; a claim of somebody else after us has another one."""
    outgoing: Outgoing
    attempts: int
    """How often it was tried before."""
    trace: str
    """The trace of the mail whose handler wrote it."""
    written_at: datetime
    """When it was written, or last taken up again by an operator."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What an outbox holds, in rows."""

    pending: int = 0
    oldest_s: float = 0.0
    """Seconds since the oldest pending one was written."""
    dead: int = 0


class Outbox(Protocol):
    """Generated mail on its way out. Raises StoreError."""

    async def claim(self, limit: int, *, now: datetime, lease_until: datetime) -> Sequence[Due]:
        """Mail that is due and that nobody else is sending, at most so many; of one conversation the oldest first, and
        none while an older one waits."""

    async def settle(
        self,
        due: Due,
        replies: Mapping[Address, Reply],
        *,
        now: datetime,
        retry_at: datetime,
        notice: Outgoing | None = None,
    ) -> None:
        """What became of one that was claimed: who was taken is forgotten, who was refused for good becomes a dead
        letter with the reply, everybody else waits until `retry_at`, and keeps nobody of the conversation waiting if
        somebody was taken; `notice` is a DSN that is to be sent about it. Nothing of all that when the claim is no
        longer ours."""

    async def backlog(self, now: datetime) -> Backlog:
        """How much it holds."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The content of a mail as it leaves."""

    content: bytes
    trouble: Exception | None = None
    """Why it has not all the signatures that it should have."""


class Signer(Protocol):
    """Signs what the application sends."""

    def signed(self, outgoing: Outgoing) -> Signed:
        """The content below its signatures, as far as there is a key. Keeps the processor: run it in a thread, and one
        mail at a time. Never raises."""
