"""Where mail is kept on disk: for people to look at, or until it can be sent.

Law: what is held is durable and does not count; what is released counts. Every call blocks on the disk.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.ports.downstream import Parts


class Held(Protocol):
    """Mail on disk that does not count yet. Calls block on the disk: run them in a thread."""

    def release(self) -> None:
        """From now on it counts, in the place of what had its name before; durable on return. Raises StorageError."""

    def cancel(self) -> None:
        """It never was; nothing once it is released. Takes away no other mail of this name. Raises StorageError."""


class Quarantine(Protocol):
    """Where mail is kept for people to look at. Calls block on the disk: run them in a thread."""

    def hold(self, name: str, envelope: Envelope, content: Parts, reason: str) -> Held:
        """Make the mail durable; nobody sees it until it is released. Raises StorageError."""


class Probes(Protocol):
    """Probes that an operator waits for (`mail/probe.py`). Calls block on the disk."""

    def claim(self, name: str) -> bool:
        """Whether somebody waits for this one; from now on nobody does. Raises StorageError."""


class Notices(Protocol):
    """DSNs that wait for their mail to be relayed, and then to be sent. Calls block on the disk."""

    def hold(self, name: str, envelope: Envelope, content: Parts) -> Held:
        """Make the DSN durable; it is not sent until it is released. Raises StorageError."""

    def claim(self) -> AbstractContextManager[None] | None:
        """The right to send until the context is left; None while another process has it. Raises StorageError."""

    def waiting(self) -> Sequence[str]:
        """The names of what is to be sent, oldest first. Raises StorageError."""

    def read(self, name: str) -> tuple[Envelope, bytes]:
        """One that is to be sent. Raises ValueError when it is none of ours, StorageError when it cannot be read."""

    def done(self, name: str) -> None:
        """Downstream answered for good: it is forgotten. Raises StorageError."""

    def forget_orphans(self) -> None:
        """Forget what was held by a process that died. Raises StorageError."""
