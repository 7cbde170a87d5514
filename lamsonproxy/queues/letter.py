"""A mail on disk with the envelope it travelled in: one file, readable by any mail reader.

Law: below the first line the file holds the mail's own octets, and nothing else was touched. The first line is a header
field of ours, one line of ASCII JSON, so that envelope and mail can never be parted.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lamsonproxy.mail.envelope import Envelope

FIELD = b"X-Lamson-Kept: "


@dataclass(frozen=True, slots=True)
class Letter:
    """A kept mail: why and when it was kept (ISO 8601), its envelope, its octets."""

    envelope: Envelope
    content: bytes
    reason: str = ""
    kept_at: str = ""

    @classmethod
    def parse(cls, octets: bytes) -> "Letter":
        """Raises ValueError when this is no letter of ours."""
        line, _, content = octets.partition(b"\r\n")
        if not line.startswith(FIELD):
            raise ValueError("the first line is not ours")
        fields = json.loads(line[len(FIELD) :])
        if not isinstance(fields, dict):
            raise ValueError("the first line holds no object")
        envelope = Envelope.from_json(json.dumps(fields.get("envelope")))
        return cls(envelope, content, str(fields.get("reason", "")), str(fields.get("kept_at", "")))


def head(envelope: Envelope, reason: str = "", kept_at: str = "") -> bytes:
    """The first line."""
    fields = {"kept_at": kept_at, "reason": reason, "envelope": json.loads(envelope.to_json())}
    return FIELD + json.dumps(fields).encode("ascii") + b"\r\n"


def parts(
    envelope: Envelope, content: Sequence[bytes | memoryview], reason: str, kept_at: str
) -> Sequence[bytes | memoryview]:
    """The file in pieces, without a copy of the mail."""
    return (head(envelope, reason, kept_at), *content)
