"""What is wrong with a message, in plain sentences, collected while it is read.

Law: reading never raises; it gives what can be read and writes here what could not. Sentences hold no text of
the mail, so they may be logged, and each is kept once.
"""

from collections.abc import Iterator

LIMIT = 50
"""Sentences kept. There are fewer different ones than this, so it only guards against a mistake of ours."""


class Defects:
    """A note pad: shared by all that reads one message, safe to write to from several threads."""

    __slots__ = ("_sentences",)

    def __init__(self) -> None:
        self._sentences: dict[str, None] = {}

    def note(self, sentence: str) -> None:
        if len(self._sentences) < LIMIT:
            self._sentences.setdefault(sentence)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._sentences))
