"""A message that is being edited: the octets that came, and what stands in the place of some of them.

Law: a draft never changes; each edit gives another one, so whoever looks from another thread sees one or the other. An
edit is a splice: a range of the original octets and what leaves in its place. Everything between the splices leaves as
it came, and is looked at by nobody.

RFC 2046 §5.1.1 (the line end before a delimiter belongs to the delimiter).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter

from lamsonproxy.mail.content import Content
from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field, find_part_head
from lamsonproxy.mail.layout import AS_IT_CAME, Layout, describes_body, named
from lamsonproxy.mail.message import Message
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.shielding import holds_delimiter, in_base64

_BEFORE_DELIMITER = re.compile(rb"\r?\n(?=--)")

_ACTS = 20
"""Changes named in the log."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Octets that leave in the place of those between two offsets."""

    start: int
    end: int
    octets: bytes
    act: str
    """What was done, for the log."""


@dataclass(frozen=True)
class Draft:
    """What leaves of a message, or of one entity in it."""

    message: Message
    layout: Layout = AS_IT_CAME
    splices: tuple[Splice, ...] = ()
    """In order, none touching the head and none within another."""
    before: bytes = b""
    """What was put in front of the body, where it was wrapped."""
    behind: bytes = b""

    @cached_property
    def content(self) -> Content:
        """What leaves."""
        return Content(self.message, self.layout.encoded(self.message), self._body)

    @cached_property
    def now(self) -> Message:
        """What leaves, as a message to read."""
        return Message(b"".join(self.content.parts())) if self.content.is_edited else self.message

    @property
    def _body(self) -> bytes | None:
        if not self.splices and not self.before:
            return None
        raw, at = self.message.raw, self.message.body_start
        pieces = [self.before]
        for splice in self.splices:
            pieces += raw[at : splice.start], splice.octets
            at = splice.end
        return b"".join([*pieces, raw[at:], self.behind])

    @property
    def acts(self) -> tuple[str, ...]:
        """What was done to the body, each once; of very much the beginning."""
        done = dict.fromkeys(splice.act for splice in self.splices)
        more = [f"{len(done) - _ACTS} more parts changed"] * (len(done) > _ACTS)
        return (*list(done)[:_ACTS], *more, *["body wrapped"] * bool(self.before))

    def with_field(self, field: Field) -> "Draft":
        """With this field in the place of those of its name; at the end where there is none."""
        is_meant = named(field.name)
        if any(map(is_meant, self.layout.fields(self.message))):
            return replace(self, layout=self.layout.substituted(self.message, is_meant, [field]))
        return replace(self, layout=self.layout.added(field))

    def with_body(self, body: bytes, act: str) -> "Draft":
        """With another body, whatever was done to the one that came."""
        return replace(self, splices=(), before=b"", behind=b"")._spliced(
            Splice(self.message.body_start, len(self.message.raw), body, act)
        )

    def with_content(self, fields: Sequence[Field], body: bytes, act: str) -> "Draft":
        """With another body and the fields that describe it."""
        layout = self.layout.substituted(self.message, describes_body, fields)
        whole = replace(self, layout=layout).with_body(body, act)
        return (
            whole
            if "MIME-Version" in self.now.headers
            else whole.with_field(write_field("MIME-Version", "1.0"))
        )

    def entity(self, part: Part) -> Message:
        """A part as it leaves. Raises ValueError when it is gone."""
        if part.depth == 0:
            return self.now
        if not self.has(part):
            raise ValueError("this part is gone: it was removed or replaced, or what it stood in was")
        splice = self._splice_over(part)
        octets = self.message.raw[part.start : part.end] if splice is None else splice.octets
        return Message(octets, find_part_head(octets))

    def with_entity(self, part: Part, fields: Sequence[Field], body: bytes, act: str) -> "Draft":
        """With these fields and this body in a part; its other fields stay. Raises ValueError when it is gone."""
        entity = Draft(self.entity(part)) if part.depth else self
        for field in fields:
            entity = entity.with_field(field)
        if part.depth == 0:
            return entity.with_body(body, act)
        octets = b"".join(entity.with_body(body, act).content.parts())
        return self.with_part(part, octets, act)

    def with_part(self, part: Part, octets: bytes, act: str) -> "Draft":
        """With other octets for all of a part, its head included; in base64 where they would end the part. Raises
        ValueError when it is gone, or what may not be encoded would end it."""
        self.entity(part)
        if holds_delimiter(octets, self.message.structure.boundaries(part)):
            octets = _hidden(octets)
        return self._spliced(Splice(part.start, part.end, octets, act))

    def without(self, part: Part, act: str) -> "Draft":
        """Without a part of a multipart, and without the delimiter before it. Raises ValueError when it is gone."""
        self.entity(part)
        raw = self.message.raw
        start = raw.rfind(b"\n", 0, part.start - 1) + 1
        line_end = _BEFORE_DELIMITER.match(raw, part.end)
        return self._spliced(Splice(start, line_end.end() if line_end else part.end, b"", act))

    def has(self, part: Part) -> bool:
        """Whether the part is not gone."""
        splice = self._splice_over(part)
        return splice is None or (splice.start, splice.end) == (part.start, part.end)

    def _splice_over(self, part: Part) -> Splice | None:
        """The splice that has all of the part's octets."""
        last = bisect_right(self.splices, part.start, key=_start) - 1
        return self.splices[last] if last >= 0 and part.end <= self.splices[last].end else None

    def _spliced(self, new: Splice) -> "Draft":
        """With a splice more; those within it go. What is as it came is no splice."""
        first = bisect_left(self.splices, new.start, key=_start)
        last = max(first, bisect_right(self.splices, new.end, key=_end))
        is_new = self.message.raw[new.start : new.end] != new.octets
        # Slices, not a loop: ten thousand attachments may go one by one.
        return replace(self, splices=self.splices[:first] + (new,) * is_new + self.splices[last:])


def _hidden(octets: bytes) -> bytes:
    draft = Draft(Message(octets, find_part_head(octets)))
    encoding, body = in_base64(draft.message.parts[0])
    return b"".join(draft.with_field(encoding).with_body(body, "").content.parts())


_start, _end = attrgetter("start"), attrgetter("end")
