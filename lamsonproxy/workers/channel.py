"""The words between supervisor and worker, over a socket pair: one JSON object a line.

Law: the worker gets everything it needs in the first line, the settings included, so a worker that is started
again has the settings that were checked, not what the file says by then. Afterwards the supervisor says
nothing more: the end of its side is the word that it is gone, and then the worker drains and leaves.

    supervisor -> worker   {"number": 0, "seat": 0, "settings": {...}, "sockets": {"filter": 7}, "metrics": "/run/..."}
    worker -> supervisor   {"event": "ready"}, {"event": "beat", "lag": 0.001, "stuck": 0, "used_up": false}
    each
                           second, {"event": "failed", "problems": ["..."]}
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

LINE_LIMIT = 1 << 20
"""Octets of a line; settings with many doors stay far below it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is told when it starts."""

    number: int
    """Its number among the living workers; the metrics know it by this."""
    seat: int
    """Its place in the crew, from 0: who is replaced leaves it to its successor."""
    settings: Mapping[str, Any]
    sockets: Mapping[str, int]
    """File descriptors of the listening sockets, by door."""
    metrics: str
    """The folder in which workers keep their numbers."""


def written(words: Assignment | Mapping[str, Any]) -> bytes:
    """One line for the channel."""
    return json.dumps(asdict(words) if isinstance(words, Assignment) else words).encode("ascii") + b"\n"


def read_assignment(line: bytes) -> Assignment:
    """The first line that a worker reads."""
    return Assignment(**json.loads(line))
