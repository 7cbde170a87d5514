"""Conversations: who talks to which machine, where they stand, and what a handler wants to become true.

    ConversationKey   one correspondent with one machine (and one of its keys, such as a list)
    Standing          where that conversation stands
    Question          a confirmation that was asked for and is not answered yet
    Asked, Found      what a unit of work needs to begin, and what it found under its locks
    Work              all that it writes: moves, mail, questions, timers and answers are one transaction

Law: values only, without a clock, a database or a secret in clear (a Question knows its secret's digest). A state is
the name of a function, a machine the name of its module.

Design laws 3 to 5.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply

START = "START"
"""The state of everybody who has not been heard of; a conversation that goes back to it is forgotten."""

ERROR = "ERROR"
"""The state that a machine may have for conversations whose mail failed too often (`poison_after`)."""

OutgoingKind = Literal["reply", "ask", "send", "send_on", "relay", "notice"]
"""Why a mail is in the outbox: `relay` is what a downstream deferred after another copy had been taken, `notice` a
DSN."""


@dataclass(frozen=True, order=True)
class ConversationKey:
    """One conversation."""

    machine: str
    """The module of its state functions, in full: `app.handlers.lists`."""
    key: str
    """What the module's STATE_KEY gave, such as the list's name; "" for one conversation per correspondent."""
    correspondent: str
    """`correspondent_of` the mail."""

    @cached_property
    def id(self) -> str:
        """64 hexadecimal digits that stand for it: of one length whatever strangers put into an address. Locks are
        taken in the order of these."""
        return digest_of(self.machine, self.key, self.correspondent)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a conversation stands."""

    state: str = START
    is_confirmed: bool = False
    """Whether its correspondent has answered a confirmation in it."""


@dataclass(frozen=True, slots=True)
class Question:
    """A confirmation that waits for its answer. At most one of a name, a target and a correspondent."""

    name: str
    """The Confirmation's."""
    target: str
    """The address that was written to, in small letters."""
    correspondent: str
    digest: str
    """`digest_of` the secret, which itself is in the mail and nowhere else."""
    asked_at: datetime
    expires_at: datetime
    envelope: Envelope
    """The envelope of the mail that was asked about."""
    content: bytes = b""
    """Its octets. Read back only for a question whose secret stands in the address that is answered to."""

    @property
    def id(self) -> str:
        return digest_of(self.name, self.target, self.correspondent)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A mail that the application sends: a row of the outbox."""

    envelope: Envelope
    content: bytes
    """In wire form: every line ends in CRLF, no dot is stuffed."""
    kind: OutgoingKind
    conversation: str = ""
    """The id of the conversation that it belongs to: such mail leaves in the order in which it was written."""

    @property
    def is_automatic(self) -> bool:
        """Whether it answers the correspondent, so that the hourly limit counts it (RFC 3834 §2)."""
        return self.kind in ("reply", "ask")


@dataclass(frozen=True, slots=True)
class Move:
    """A conversation's step from one state into another."""

    conversation: ConversationKey
    old: str
    new: str
    route: str


@dataclass(frozen=True, slots=True)
class Timer:
    """What is to happen to a conversation in which nothing happens."""

    conversation: ConversationKey
    state: str
    """It is for this state only."""
    to: str
    """The function that runs then, of the same machine."""
    due_at: datetime
    recipient: Address
    """The address that the correspondent wrote to last."""
    captures: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a unit of work is about."""

    trace: str
    now: datetime
    conversations: frozenset[ConversationKey] = frozenset()
    """To be locked."""
    settled: tuple[str, ...] = ()
    """The settled keys of its recipients."""
    correspondent: str = ""
    """Whose questions and replies are to be counted; "" for nobody's."""
    secrets: frozenset[str] = frozenset()
    """The digests of what might be a secret in the recipients' addresses: those questions are read in full."""
    with_timers: bool = False
    """Whether the conversations' timers are to be read too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stood in the database when a unit had its locks."""

    standings: Mapping[ConversationKey, Standing] = field(default_factory=lambda: MappingProxyType({}))
    """Of every conversation that was asked for."""
    settled: Mapping[str, Reply] = field(default_factory=lambda: MappingProxyType({}))
    """Our answers to those of the recipients whose mail was settled before."""
    replies: int = 0
    """Automatic mails to the correspondent within the last hour."""
    questions: tuple[Question, ...] = ()
    """The correspondent's, the expired ones left out."""
    timers: tuple[Timer, ...] = ()


@dataclass(frozen=True, slots=True)
class Work:
    """What a unit of work writes, all of it or nothing."""

    moves: tuple[Move, ...] = ()
    """In order; a conversation may move more than once."""
    ran: tuple[ConversationKey, ...] = ()
    """Conversations of which a state function ran: their old timers are over."""
    timers: tuple[Timer, ...] = ()
    """The new ones, one of a conversation at most."""
    confirmed: tuple[ConversationKey, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    questions: tuple[Question, ...] = ()
    """Asked: each takes the place of an older one of its id."""
    answered: tuple[Question, ...] = ()
    """Answered or cancelled: each must still be there, or somebody was faster and the unit fails as a conflict."""
    settled: Mapping[str, Reply] = field(default_factory=lambda: MappingProxyType({}))
    """Our answers by settled key, as far as they are known before the relay."""


def digest_of(*words: str) -> str:
    """The SHA-256 of words, as hex; no two lists of words run into one."""
    digest = hashlib.sha256()
    for word in words:
        encoded = word.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(encoded) + encoded)
    return digest.hexdigest()
