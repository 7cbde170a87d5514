"""What an answer takes over from the mail that it answers: its place in the thread, and its subject.

Law: never raises, whatever the mail says. What is taken over is bounded, can be written again, and ends no line.

RFC 5322 §3.6.4 (In-Reply-To, References), §3.6.5 (Re:), RFC 5537 §3.4.4 (which references to leave out).
"""

import re

from lamsonproxy.mail.fields import is_message_id
from lamsonproxy.mail.headers import unfold
from lamsonproxy.mail.message import Message

REFERENCES_LIMIT = 20
"""Message ids: the thread's first one and the last ones. Mail readers need no more to find the place."""

OCTETS_LIMIT = 32 * 1024
"""Octets read from a field of message ids: its end, because the last ones count most."""

SUBJECT_LIMIT = 500
"""Characters; no person wrote more."""

_MESSAGE_ID = re.compile(rb"<[^<>\s]++>")
# "Aw" and "Sv" are what some programs write for it.
_RE = re.compile(r"(?:(?:re|aw|sv)(?:\[\d+\])?\s*+:\s*+)++", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def references_for(message: Message) -> tuple[str, str]:
    """In-Reply-To and References of an answer; "" when the mail has no name that could be written."""
    own = _ids(message, "Message-ID")[:1]
    if not own:
        return "", ""
    answered = _ids(message, "In-Reply-To")
    # More than one: nobody knows which of them comes first in the thread.
    before = _ids(message, "References") or (answered if len(answered) == 1 else [])
    thread = [each for each in dict.fromkeys(before) if each not in own] + own
    if len(thread) > REFERENCES_LIMIT:
        thread = thread[:1] + thread[1 - REFERENCES_LIMIT :]
    return own[0], " ".join(thread)


def reply_subject(subject: str) -> str:
    """`Re:` and the subject, once; "" where there is none."""
    line = _CONTROL.sub(" ", subject[:SUBJECT_LIMIT]).strip()
    line = line[match.end() :] if (match := _RE.match(line)) else line
    return f"Re: {line}" if line else ""


def _ids(message: Message, name: str) -> list[str]:
    octets = unfold(message.headers.raw_value(name)[-OCTETS_LIMIT:])
    found = (word.decode("latin-1") for word in _MESSAGE_ID.findall(octets))
    return [word for word in found if is_message_id(word)]
