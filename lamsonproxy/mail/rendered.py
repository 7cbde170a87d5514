"""What a template gave: header fields, and the text.

Law: values only; whether they may stand in a mail is `compose`'s judgement.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that the HTML shows by `cid:`."""

    content_id: str
    """Without angle brackets."""
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendered template."""

    headers: tuple[tuple[str, str], ...]
    """Names and values in their order, as written in the template's head."""
    text: str
    html: str = ""
    images: tuple[Image, ...] = ()
