"""The header fields of a working copy: read like those of a message, and changed.

Law: what is changed is one value on a desk, put there at once; a field is put where another was, or at one end, and all
others leave as they came.

RFC 5322 §3.6 (fields may be added at either end).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

from lamsonproxy.mail.draft import Draft
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field, Fields
from lamsonproxy.mail.layout import AS_IT_CAME, Layout, named
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.tagging import check_tag, tagged

_NAME_IN_LOG = 60
"""Characters of a header's name in `list_changes`: the mail may hold a name of a megabyte."""


class Desk:
    """Where the draft lies, as it is now. Not the edits themselves: they and their headers would hold each other, and
    the mail, until the collector of cycles comes."""

    __slots__ = ("draft",)

    def __init__(self, draft: Draft) -> None:
        self.draft = draft


class EditedHeaders(Fields):
    """The header fields of a working copy: read like `Headers`, and changed."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.draft.message.notes)
        self._desk = desk

    def __iter__(self) -> Iterator[Field]:
        return self._layout.fields(self._message)

    def add(self, name: str, value: str) -> None:
        """Add a field at the end of the head. Raises ValueError for what is no field (see `write_field`)."""
        self._lay(self._layout.added(write_field(name, value)))

    def insert(self, name: str, value: str) -> None:
        """Add a field at the very top. Raises ValueError like `add`."""
        self._lay(self._layout.inserted(write_field(name, value)))

    def replace(self, name: str, value: str) -> None:
        """Put a field in the place of the first one of this name and take out the others; add it where there
        is none. Raises ValueError like `add`."""
        self._desk.draft = self._desk.draft.with_field(write_field(name, value))

    def remove(self, name: str) -> int:
        """Take out all fields of this name; give how many there were."""
        return self.remove_where(named(name))

    def put(self, field: Field) -> None:
        """Put a field that is made already in the place of the first one of its name, as `replace` does."""
        self._desk.draft = self._desk.draft.with_field(field)

    def remove_where(self, is_meant: Callable[[Field], bool]) -> int:
        """Take out the fields that are meant; give how many there were."""
        count = sum(map(is_meant, self))
        if count:
            self._lay(self._layout.substituted(self._message, is_meant))
        return count

    def tag_subject(self, tag: str) -> None:
        """Put a tag such as "[cooks]" in front of the subject, unless it has it; the subject itself stays as it came.
        Raises ValueError for a tag that no header can hold."""
        subject = next(self._named("Subject"), None)
        if subject is None:
            check_tag(tag)
            self.add("Subject", tag)
        elif (new := tagged(subject, tag)) is not subject:
            # It and no other: of two subjects the first is what readers show.
            self._lay(self._layout.substituted(self._message, lambda field: field is subject, [new]))

    @property
    def changed(self) -> bool:
        """Whether the fields are others than the message's, or stand in another order."""
        return self.encoded() is not None

    def undo(self) -> None:
        """Go back to the fields of the message."""
        self._lay(AS_IT_CAME)

    def encoded(self) -> bytes | None:
        """The head as it leaves, to the empty line, mbox lines and unread fields included; None as it came."""
        return self._layout.encoded(self._message)

    def list_changes(self) -> tuple[str, ...]:
        """What has changed, by names alone: `header X-Foo added`."""
        if not self.changed:
            return ()
        before, now = Counter(self._message.headers), Counter(self)
        came, went = _names(now - before), _names(before - now)
        return tuple(
            f"header {name[:_NAME_IN_LOG]} {_act(key in came, key in went)}"
            for key, name in (went | came).items()
        ) or ("headers moved",)

    @property
    def _message(self) -> Message:
        return self._desk.draft.message

    @property
    def _layout(self) -> Layout:
        return self._desk.draft.layout

    def _lay(self, layout: Layout) -> None:
        self._desk.draft = replace(self._desk.draft, layout=layout)


def _names(fields: Counter[Field]) -> dict[str, str]:
    return {field.name.lower(): field.name for field in fields}


def _act(came: bool, went: bool) -> str:
    return "replaced" if came and went else "added" if came else "removed"
