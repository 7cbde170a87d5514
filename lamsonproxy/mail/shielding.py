"""What is put into a multipart, kept from ending its part: no line of it is a delimiter.

Law: nobody's text makes parts. One that holds such a line (an attachment's name in a note, a rule of dashes in a
footer, and a boundary that somebody chose to fit) is written in base64, which has no dashes.

RFC 2046 §5.1.1. A line that only begins as a delimiter does counts as one, for Postfix's mime_state(3) reads it so.
"""

import re
from collections.abc import Iterable

from lamsonproxy.mail.folding import write_field
from lamsonproxy.mail.headers import Field
from lamsonproxy.mail.part import Part
from lamsonproxy.mail.transfer import encode_octets


def holds_delimiter(octets: bytes, boundaries: Iterable[bytes]) -> bool:
    """Whether a line begins with a delimiter of one of these boundaries."""
    either = b"|".join(map(re.escape, boundaries))
    return bool(either) and re.search(rb"^--(?:" + either + rb")", octets, re.MULTILINE) is not None


def in_base64(part: Part) -> tuple[Field, bytes]:
    """The field and the body of a part whose content is hidden. Raises ValueError for what may not be encoded."""
    if part.is_multipart or part.is_message:
        raise ValueError("this would end the part that it stands in: one of its lines is a delimiter")
    return write_field("Content-Transfer-Encoding", "base64"), encode_octets(part.content())[1]
