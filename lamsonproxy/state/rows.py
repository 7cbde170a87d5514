"""Values to rows, and rows to values.

    conversation_row, transition_row, settled_row, question_row, timer_row, outbox_rows
    reply_of, question_of, timer_of

Law: no connection. What a stranger wrote goes into a column of its own only through `shown`; where it must come back
without loss it goes as JSON in ASCII, which holds NUL and lone surrogates in every database's text.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lamsonproxy.mail.address import Address
from lamsonproxy.mail.conversation import (
    START,
    ConversationKey,
    Move,
    Outgoing,
    Question,
    Standing,
    Timer,
    digest_of,
)
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply
from lamsonproxy.state.tables import WORDS, shown

BATCH = 100
"""Recipients in one row of the outbox; RFC 5321 §4.5.3.1.8: every server takes that many."""


REPLY_TEXT = 4096
"""Characters kept of a reply's text; what we write ourselves is far shorter."""

Row = dict[str, Any]


def conversation_row(conversation: ConversationKey, now: datetime) -> Row:
    """Somebody who has not been heard of."""
    return {
        "id": conversation.id,
        **_names(conversation),
        "state": START,
        "is_confirmed": False,
        "moved_at": now,
    }


def transition_row(move: Move, trace: str, now: datetime) -> Row:
    return {
        "conversation": move.conversation.id,
        **_names(move.conversation),
        "old": shown(move.old, WORDS),
        "new": shown(move.new, WORDS),
        "route": shown(move.route, WORDS),
        "trace": trace,
        "at": now,
    }


def _names(conversation: ConversationKey) -> Row:
    return {
        "machine": shown(conversation.machine, WORDS),
        "key": shown(conversation.key),
        "correspondent": shown(conversation.correspondent),
    }


def standing_of(row: Any) -> Standing:
    return Standing(row.state, row.is_confirmed)


def settled_row(key: str, reply: Reply, trace: str, now: datetime) -> Row:
    return {"key": key, **reply_columns(reply), "trace": trace, "at": now}


def reply_columns(reply: Reply) -> Row:
    return {"code": reply.code, "status": reply.status, "text": shown(reply.text, REPLY_TEXT)}


def reply_of(row: Any) -> Reply:
    return Reply(row.code, row.status, row.text)


def question_row(question: Question) -> Row:
    return {
        "id": question.id,
        "name": shown(question.name, WORDS),
        "target": shown(question.target),
        "correspondent": digest_of(question.correspondent),
        "digest": question.digest,
        "asked_at": question.asked_at,
        "expires_at": question.expires_at,
        "envelope": question.envelope.to_json(),
        "octets": question.content,
    }


def question_of(row: Any, correspondent: str) -> Question:
    return Question(
        name=row.name,
        target=row.target,
        correspondent=correspondent,
        digest=row.digest,
        asked_at=row.asked_at,
        expires_at=row.expires_at,
        envelope=Envelope.from_json(row.envelope),
        content=row.octets or b"",
    )


def timer_row(timer: Timer) -> Row:
    key = timer.conversation
    fields = {
        "conversation": [key.machine, key.key, key.correspondent],
        "state": timer.state,
        "to": timer.to,
        "recipient": timer.recipient.raw,
        "captures": dict(timer.captures),
    }
    return {"conversation": key.id, "due_at": timer.due_at, "timer": json.dumps(fields), "lease_until": None}


def timer_of(row: Any) -> Timer:
    """Raises ValueError when the row is none of ours."""
    try:
        fields = json.loads(row.timer)
        return Timer(
            conversation=ConversationKey(*fields["conversation"]),
            state=fields["state"],
            to=fields["to"],
            due_at=row.due_at,
            recipient=Address(fields["recipient"]),
            captures=fields["captures"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not a timer") from error


def outbox_rows(outgoing: Outgoing, content: int, trace: str, now: datetime) -> Iterator[Row]:
    """The rows of one mail: at most BATCH recipients each, all due at once."""
    recipients = outgoing.envelope.recipients
    for start in range(0, len(recipients), BATCH):
        yield {
            "content": content,
            "conversation": outgoing.conversation,
            "kind": outgoing.kind,
            "envelope": _part(outgoing.envelope, start).to_json(),
            "trace": trace,
            "written_at": now,
            "due_at": now,
        }


def _part(envelope: Envelope, start: int) -> Envelope:
    return Envelope(
        envelope.sender, envelope.recipients[start : start + BATCH], envelope.params, envelope.xforward
    )


def automatic_row(correspondent: str, now: datetime) -> Row:
    return {"recipient": digest_of(correspondent), "at": now}
