"""What an application, app/counting.py above all, has left behind in its database and at the sink.

Law: it is read from outside, in SQL, while the service runs or when it does not.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise

from sqlalchemy import create_engine, text

from integration import arrival
from integration.children import poll
from integration.client import Mail, Rcpt
from integration.postfix import PrivatePostfix
from integration.service import Service
from integration.traffic import CONTENT, SENDER, Traffic
from tests.downstream import RawSink

STEPS = "step.{number}.{tag}@app.test"
"""The addresses of `Traffic`."""
PACE = "[outbox]\nsweep_s = 1\nretry_min_s = 1\nlease_s = 120\n"
"""Retries come within seconds; and soon what was claimed while the database died, of which nobody knows."""
LIMIT_S = 240

_STEPS = "SELECT conversation, old, lamson_transition.new FROM lamson_transition ORDER BY id"


def tags(traffic: Traffic) -> set[str]:
    """What tells the mails apart: the last word before the @."""
    return {recipient.partition("@")[0].rpartition(".")[2] for recipient in traffic.recipients}


def mails_each(traffic: Traffic) -> Counter[str]:
    """How many mails each conversation has, by its number."""
    return Counter(recipient.split(".")[1] for recipient in traffic.recipients)


def witnesses(sink: RawSink) -> Counter[str]:
    """How many mails each tag has brought forth."""
    arrived = arrival.by_recipient(list(sink.mails))
    return Counter(
        {who.partition("@")[0]: len(mails) for who, mails in arrived.items() if who.endswith("@witness.test")}
    )


def effects(url: str) -> Counter[str]:
    """How many rows of the application's own each tag has."""
    return Counter(row[0] for row in _rows(url, "SELECT tag FROM effect"))


def settled(url: str) -> int:
    """How many mails are remembered, for the case that they come again."""
    return len(_rows(url, "SELECT key FROM lamson_settled"))


def unsent(url: str) -> int:
    """How many mails are in the outbox, dead letters included."""
    return len(_rows(url, "SELECT id FROM lamson_outbox"))


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


@contextmanager
def told(service: Service, postfix: PrivatePostfix) -> Iterator[None]:
    """Show both logs beside a failure, and leave nothing in the queue."""
    try:
        yield
    finally:
        print(*postfix.log()[-30:], *service.log()[-60:], sep="\n")
        postfix.delete_all()


def assert_only_passing_mail_arrives(postfix: PrivatePostfix, sink: RawSink, *, until: float) -> None:
    """Mail that needs no database arrives, one after the other until then, and nothing else does."""
    before, alone = witnesses(sink), 0
    for number in count():
        assert_passes(postfix, sink, f"passing{number}@pass.test")
        # What was being sent when the database went away may still come, in the beginning.
        alone = alone + 1 if witnesses(sink) == before else 0
        before = witnesses(sink)
        if time.monotonic() >= until:
            break
    assert alone > number // 2


def assert_passes(postfix: PrivatePostfix, sink: RawSink, recipient: str) -> None:
    """A mail that needs no database arrives."""
    postfix.send(Mail(SENDER, [Rcpt(recipient)], CONTENT))
    poll(f"{recipient} has mail", lambda: recipient in arrival.by_recipient(list(sink.mails)), LIMIT_S)


def assert_each_counts_once(traffic: Traffic, url: str, postfix: PrivatePostfix, sink: RawSink) -> None:
    once = dict.fromkeys(tags(traffic), 1)

    def have_counted() -> bool:
        # Each time: what was under way when the database came back was deferred after the flush before.
        postfix.flush()
        return witnesses(sink).keys() >= once.keys()

    poll("every mail has counted", have_counted, LIMIT_S, every_s=1)
    postfix.wait_until_empty(LIMIT_S)
    assert witnesses(sink) == once
    assert effects(url) == once
    assert sorted(steps(url).values()) == sorted(mails_each(traffic).values())
    ours = [each for each in postfix.deliveries() if each["to"] in traffic.recipients]
    assert {(each["status"], each["dsn"]) for each in ours} == {("sent", "2.0.0"), ("deferred", "4.3.0")}


def waiting(postfix: PrivatePostfix) -> set[str]:
    """Who has deferred mail."""
    deferred = (mail for mail in postfix.queue() if mail["queue_name"] == "deferred")
    return {recipient["address"] for mail in deferred for recipient in mail["recipients"]}


def deferred(postfix: PrivatePostfix) -> set[str]:
    """Whose mail has been deferred at some time."""
    return {each["to"] for each in postfix.deliveries() if each["status"] == "deferred"}


def _rows(url: str, query: str) -> list[tuple[str, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()
