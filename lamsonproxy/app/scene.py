"""What surrounds a mail while its handlers run, and what they want beside their verdict.

Law: a Scene is a value that the engine makes; Effects are written by handlers through `Mail` and `Confirmation`, and
count for nothing unless the unit of work is committed. Neither asks the database: what may be needed was read when the
unit began, so that `def` and `async def` handlers use the same methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol

from lamsonproxy.mail.conversation import START, ConversationKey, Outgoing, Question
from lamsonproxy.ports import MailLog, Templates

LONG_AGO = datetime.fromtimestamp(0, UTC)

REPLIES_PER_HOUR = 20
"""Automatic mails to one correspondent; then `reply` and `ask` return False (RFC 3834 §2)."""


class Transacted(Protocol):
    """What has a session for handlers."""

    @property
    def db(self) -> Any:
        """See `ports.Unit.db`."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a handler stands."""

    now: datetime = LONG_AGO
    hostname: str = "localhost"
    templates: Templates | None = None
    unit: Transacted | None = None
    """The unit of work; None where there is no database."""
    conversation: ConversationKey | None = None
    """The one that a state function is called for; None for a stateless handler."""
    correspondent: str = ""
    state: str = START
    is_confirmed: bool = False
    captures: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    replies_left: int = REPLIES_PER_HOUR
    """Automatic mails that may still go to the correspondent within this hour."""
    verp: bool = False
    """Whether what is sent has a sender for each recipient, where nothing else is said."""
    questions: tuple[Question, ...] = ()
    """The correspondent's open questions."""
    has_questions: bool = False
    """Whether they were read, so that an empty `questions` means that there are none."""
    log: MailLog | None = None
    """For what is asked on behalf of a handler, such as a scanner."""


NOWHERE = Scene()


@dataclass(slots=True)
class Effects:
    """What the handlers of one recipient's mail want to be written, in the order in which they said it."""

    outgoing: list[Outgoing] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    answered: list[Question] = field(default_factory=list)
    is_confirmed: bool = False
    """A question was answered, so the conversation's correspondent is who it seems to be."""
    withheld: list[str] = field(default_factory=list)
    """Why automatic mail was not sent, each reason once: for the log, nothing to be written."""

    def __bool__(self) -> bool:
        return bool(self.outgoing or self.questions or self.answered or self.is_confirmed)

    def clear(self) -> None:
        """The handler failed: nothing of it was meant."""
        self.outgoing.clear()
        self.questions.clear()
        self.answered.clear()
        self.is_confirmed = False
        self.withheld.clear()
