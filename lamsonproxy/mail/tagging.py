"""A tag in front of a subject, such as `[cooks]`.

Law: the subject that came stays octet for octet behind the tag, encoded words, foldings and all. A subject that has the
tag already is left alone, wherever in it that stands: so a thread has it once, behind any number of `Re:`.
"""

import re

from lamsonproxy.mail.defects import Defects
from lamsonproxy.mail.folding import LINE_LENGTH, write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.words import encode

TAG_LIMIT = 200
"""Characters: it stands in one line with the beginning of the subject, which has an end (RFC 5322 §2.1.1)."""

_BLANK_OR_LINE_END = re.compile(rb"[ \t]|\r*+\n")


def tagged(field: Field, tag: str) -> Field:
    """The field with the tag; the same one when it has it. Raises ValueError for a tag that no header can hold."""
    written = _written(tag)
    if tag.casefold() in field.value.casefold():
        return field
    name, _, value = field.raw.partition(b":")
    # A CR alone is no line end: a line that began with it would be no continuation.
    if not _BLANK_OR_LINE_END.match(value):
        value = b" " + value
    first_line = len(name) + len(written) + len(value.partition(b"\n")[0]) + len(": ")
    if first_line > LINE_LENGTH and value.split(b"\n", 1)[0].strip():
        value = b"\r\n" + value
    return Field(name + b": " + written + value)


def check_tag(tag: str) -> None:
    """Raises ValueError for a tag that no header can hold, or that a reader would not give back."""
    if not tag.strip() or write_field("Subject", tag).read(Defects()) != tag:
        raise ValueError("a tag is not empty, and has no blanks around it")
    if len(tag) > TAG_LIMIT:
        raise ValueError(f"a tag has at most {TAG_LIMIT} characters")


def _written(tag: str) -> bytes:
    """The tag as it stands in a header; one that needs encoding holds the blank behind it, for a reader drops blanks
    between encoded words (RFC 2047 §6.2)."""
    check_tag(tag)
    if tag.isascii() and "=?" not in tag:
        return tag.encode("ascii")
    return "\r\n ".join(encode(f"{tag} ")).encode("ascii")
