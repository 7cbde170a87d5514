"""A mail on disk with the envelope it travelled in: one file, readable by any mail reader.

Law: below the first line the file holds the mail's own octets, and nothing else was touched. The first line is a header
field of ours, one line of ASCII JSON, so that envelope and mail can never be parted.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

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
        line, end, content = octets.partition(b"\r\n")
        if not line.startswith(FIELD) or not end:
            raise ValueError("the first line is not ours")
        fields = _loaded(line[len(FIELD) :])
        envelope = Envelope.from_json(json.dumps(fields.get("envelope")))
        if not all(isinstance(word, str) for word in _words(envelope)):
            raise ValueError("not an envelope")
        return cls(envelope, content, str(fields.get("reason", "")), str(fields.get("kept_at", "")))


def _loaded(line: bytes) -> dict[str, object]:
    try:
        fields = json.loads(line)
    except RecursionError as error:
        raise ValueError("the first line is nested too deep") from error
    if not isinstance(fields, dict):
        raise ValueError("the first line holds no object")
    return fields


def _words(envelope: Envelope) -> Iterator[object]:
    yield from (envelope.sender.raw, *envelope.params)
    for recipient in envelope.recipients:
        yield from (recipient.address.raw, *recipient.params)
    yield from chain.from_iterable(envelope.xforward.raw)


def head(envelope: Envelope, reason: str = "", kept_at: str = "") -> bytes:
    """The first line."""
    fields = {"kept_at": kept_at, "reason": reason, "envelope": json.loads(envelope.to_json())}
    return FIELD + json.dumps(fields).encode("ascii") + b"\r\n"


def parts(
    envelope: Envelope, content: Sequence[bytes | memoryview], reason: str, kept_at: str
) -> Sequence[bytes | memoryview]:
    """The file in pieces, without a copy of the mail."""
    return (head(envelope, reason, kept_at), *content)
