"""What the application in app/counting.py has left behind, in its database and at the sink.

Law: it is read from outside, in SQL, while the service runs or when it does not.
"""

from collections import Counter, defaultdict
from itertools import pairwise

from sqlalchemy import create_engine, text

from integration import arrival
from integration.traffic import Traffic
from tests.downstream import RawSink

_STEPS = 'SELECT conversation, old, "new" FROM lamson_transition ORDER BY id'


def tags(traffic: Traffic) -> set[str]:
    """What tells the mails apart: the last word before the @."""
    return {recipient.partition("@")[0].rpartition(".")[2] for recipient in traffic.recipients}


def witnesses(sink: RawSink) -> Counter[str]:
    """How many mails each tag has brought forth."""
    arrived = arrival.by_recipient(list(sink.mails))
    return Counter(
        {who.partition("@")[0]: len(mails) for who, mails in arrived.items() if who.endswith("@witness.test")}
    )


def effects(url: str) -> Counter[str]:
    """How many rows of the application's own each tag has."""
    return Counter(row[0] for row in _rows(url, "SELECT tag FROM effect"))


def steps(url: str) -> Counter[str]:
    """How many steps each conversation has made. Raises AssertionError when one of them could not follow the other."""
    paths: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for conversation, old, new in _rows(url, _STEPS):
        paths[conversation].append((old, new))
    for path in paths.values():
        assert path[0] == ("START", "ODD"), path
        for (_, here), step in pairwise(path):
            assert step in ((here, "ODD"), (here, "EVEN")) and step[0] != step[1], path
    return Counter({conversation: len(path) for conversation, path in paths.items()})


def _rows(url: str, query: str) -> list[tuple[str, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()
