"""DNS for tests: what is in the table is the world, and a name may be out of order."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamsonproxy.scanners.resolver import DnsTrouble, Kind

Records = Mapping[tuple[str, Kind], Sequence[Any] | None]
"""None is a name that no server answers for."""


class Table:
    """The port `Resolver`."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.asked: list[tuple[str, Kind]] = []

    def resolve(self, name: str, kind: Kind, *, timeout_s: float) -> Sequence[Any]:
        self.asked.append((name, kind))
        found = self.records.get((name, kind), ())
        if found is None:
            raise DnsTrouble("Timeout")
        return found


def text(*pieces: str | bytes) -> tuple[bytes, ...]:
    """A TXT record."""
    return tuple(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
