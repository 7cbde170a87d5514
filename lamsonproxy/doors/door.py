"""A door: what its sessions share, who is let in, and how it closes.

Law: nothing here reads or writes a socket. Whoever settles a mail is behind `Desk`, whoever is asked about a recipient
behind `Gate`, and a session is a `Guest` that can be sent away.
"""

import asyncio
import ipaddress
from abc import ABC, abstractmethod
from asyncio import BaseProtocol
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.dialogue import Rules
from lamsonproxy.mail.reply import Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.mail.wire import BareCr, BareNewline
from lamsonproxy.ports import MailLog

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down")
NOT_TRUSTED = Reply(421, "4.7.1", "This door answers its own mail server only")
TOO_MANY_SESSIONS = Reply(421, "4.3.2", "Too many sessions")


@dataclass(frozen=True)
class DoorSettings:
    """What one door is told; each field is described in docs/settings.md."""

    name: str
    rules: Rules
    trust: tuple[Network, ...]
    bare_newline: BareNewline = BareNewline.NORMALIZE
    bare_cr: BareCr = BareCr.KEEP
    command_bytes: int = 4096
    sessions: int = 500
    idle_timeout_s: float = 300
    data_timeout_s: float = 600
    linger_s: float = 10
    """How long a client may take to read our last words; then the connection is cut."""


class Desk(Protocol):
    """Where a mail goes when it has been read."""

    def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        """Decide, relay, commit, and give the answer: one for all recipients, or, where the door's protocol has that
        many, one for each in envelope order and as soon as it is true. `withdrawn` is true once nobody waits for it
        any more."""

    def heard(self, transaction: Transaction) -> None:
        """The client has read every reply to this mail, for it has said something since."""


class Gate(Protocol):
    """Who is asked about each recipient when it is named."""

    async def ask(self, transaction: Transaction) -> Reply:
        """Whether the last recipient so far is taken. There is no message yet."""

    async def forget(self, trace: str) -> None:
        """The mail of this trace has ended, settled or not. Never raises."""


class Guest(Protocol):
    """A session, as its door knows it."""

    is_settling: bool

    def leave_if_idle(self) -> None:
        """Go, unless a mail is under way."""

    def leave(self, reply: Reply) -> None:
        """Say a last word and close."""


class Door(ABC):
    """What the sessions of one door share: the settings, the desk, the budget, and the list of sessions.

    Without a gate every recipient is taken.
    """

    def __init__(
        self, settings: DoorSettings, desk: Desk, budget: Budget, log: MailLog, gate: Gate | None = None
    ) -> None:
        self.settings = settings
        self.desk = desk
        self.gate = gate
        self.budget = budget
        self.log = log
        self.sessions: set[Guest] = set()
        self.is_closing = False
        self.is_empty = asyncio.Event()
        self.is_empty.set()
        self._trusts = lru_cache(maxsize=1024)(self._compare)

    @abstractmethod
    def session(self) -> BaseProtocol:
        """A protocol for one connection: give this method to `create_server`."""

    def entered(self, session: Guest) -> None:
        self.sessions.add(session)
        self.is_empty.clear()

    def left(self, session: Guest) -> None:
        self.sessions.discard(session)
        if not self.sessions:
            self.is_empty.set()

    @property
    def in_flight(self) -> int:
        """How many mails are being settled."""
        return sum(session.is_settling for session in self.sessions)

    def refuse(self, peer: str) -> Reply | None:
        """Why this peer is not let in, if it is not."""
        if not self._trusts(peer):
            self.log.refused_peer(self.settings.name, peer)
            return NOT_TRUSTED
        if self.is_closing:
            return SHUTTING_DOWN
        if len(self.sessions) > self.settings.sessions:
            self.log.refused_session(self.settings.name, peer, "sessions")
            return TOO_MANY_SESSIONS
        return None

    def close(self) -> None:
        """Let nobody in, send the idle away; those with a mail under way end it first."""
        self.is_closing = True
        for session in tuple(self.sessions):
            session.leave_if_idle()

    def abandon(self) -> None:
        """Send everybody away now: 421, and what had not reached downstream is undone."""
        for session in tuple(self.sessions):
            session.leave(SHUTTING_DOWN)

    def _compare(self, peer: str) -> bool:
        if not peer:
            return False  # gone before the kernel could say who it was
        if peer.startswith("/"):
            return True  # a unix socket: its permissions are the trust
        address = ipaddress.ip_address(peer.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.settings.trust)
