"""Somebody who writes to the application and reads what comes back.

Law: a mailbox is what was sent to its address, in order; a letter is read once it was heard. What fails shows the
mailbox and the log.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.correspondent import folded
from lamsonproxy.mail.reply import Reply
from lamsonproxy.testing.letter import Letter

if TYPE_CHECKING:
    from lamsonproxy.testing.world import World

SUBJECT_LENGTH = 60


class Correspondent:
    """One address, and whoever is behind it."""

    def __init__(self, world: "World", address: Address, shown: str) -> None:
        """`shown` is the address as it stands in From, perhaps with a name."""
        self._world = world
        self._address = address
        self._shown = shown
        self._read: list[Letter] = []
        self.replies: Sequence[Reply] = ()
        """What the service said to the last mail, for each of its recipients."""

    def __repr__(self) -> str:
        return f"<Correspondent {self.address}>"

    @property
    def address(self) -> str:
        return self._address.raw

    @property
    def letters(self) -> list[Letter]:
        """All that ever came, read or not."""
        own = folded(self._address)
        return [
            letter
            for letter in self._world.sent
            if own in [folded(recipient.address) for recipient in letter.envelope.recipients]
        ]

    @property
    def unread(self) -> list[Letter]:
        """What came and was not heard yet."""
        return [letter for letter in self.letters if letter not in self._read]

    def says(
        self,
        text: str,
        *,
        to: str | Sequence[str],
        subject: str | None = None,
        html: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        sender: str | None = None,
    ) -> Self:
        """Write a mail. It answers the letter heard last whose sender it goes to; `sender` is another envelope sender
        than the own address."""
        recipients = [to] if isinstance(to, str) else list(to)
        answered = next((letter for letter in reversed(self._read) if letter.sender in recipients), None)
        if subject is None:
            subject = f"Re: {answered.subject}" if answered else _first_words(text)
        self.replies = self._world.send(
            self.address if sender is None else sender,
            recipients,
            shown_from=self._shown,
            subject=subject,
            text=text,
            html=html,
            headers=headers,
            answers=answered,
        )
        return self

    def hears(self, pattern: str) -> Letter:
        """Read the first unread letter in whose From, Subject or text the expression is found, in whatever case."""
        __tracebackhide__ = True
        expression = re.compile(pattern, re.IGNORECASE)
        for letter in self.unread:
            if expression.search(letter.seen):
                self._read.append(letter)
                return letter
        raise AssertionError(self._told(f"{self.address} has heard nothing with {pattern!r}."))

    def hears_nothing(self) -> Self:
        """No letter is unread."""
        __tracebackhide__ = True
        if self.unread:
            raise AssertionError(self._told(f"{self.address} has heard something."))
        return self

    def is_refused(self, pattern: str = "") -> Self:
        """The last mail was refused for good, for one of its recipients at least, in words with this expression."""
        __tracebackhide__ = True
        return self._is_answered("refused", pattern, [reply for reply in self.replies if reply.is_permanent])

    def is_deferred(self, pattern: str = "") -> Self:
        """The last mail is to be sent again later: a handler failed, or wanted so."""
        __tracebackhide__ = True
        return self._is_answered("deferred", pattern, [reply for reply in self.replies if reply.is_transient])

    def _is_answered(self, how: str, pattern: str, replies: Sequence[Reply]) -> Self:
        __tracebackhide__ = True
        if not any(re.search(pattern, str(reply), re.IGNORECASE) for reply in replies):
            words = f" with {pattern!r}" if pattern else ""
            raise AssertionError(self._told(f"The last mail of {self.address} was not {how}{words}."))
        return self

    def _told(self, sentence: str) -> str:
        replies = [f"  {reply}" for reply in self.replies] or ["  nothing: there was none"]
        unread = [_indented(str(letter)) for letter in self.unread] or ["  none"]
        log = [_indented(line) for line in self._world.recent_log] or ["  nothing"]
        return "\n".join(
            [sentence, "Said to the last mail:", *replies, "Unread letters:", *unread, "The log:", *log]
        )


def _first_words(text: str) -> str:
    return text.strip().partition("\n")[0][:SUBJECT_LENGTH]


def _indented(text: str) -> str:
    return "  " + text.replace("\n", "\n  ")
