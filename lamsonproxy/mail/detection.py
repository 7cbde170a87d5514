"""Which charset text is in, when it does not say so, or says what is not true.

Law: a guess costs what its sample costs, and one message gets a few guesses: ten thousand parts of noise take no
longer than these. A guess is only ever the second opinion, behind UTF-8, which text is not by chance.

charset-normalizer looks at how likely the letters are; of a few words it can know nothing, so short text is not asked.
"""

from charset_normalizer import from_bytes

from lamsonproxy.mail.charset import codec_of

SAMPLE = 8 * 1024
"""Octets looked at: some pages. It takes about 5 ms, whatever they are."""

GUESSES = 20
"""Guesses for one message; real mail has one or two texts that need them."""

_ENOUGH = 16
"""Octets above 127 or escapes that a guess can rest upon: with fewer, words in Latin letters come out as Czech."""


class Detection:
    """The guesses that one message has left."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = GUESSES

    def guess(self, octets: bytes) -> str:
        """The name of the codec that they are probably in; "" when nobody can tell."""
        sample = octets[:SAMPLE]
        if self._left <= 0 or sum(map(_is_telling, sample)) < _ENOUGH:
            return ""
        self._left -= 1
        best = from_bytes(sample, steps=5, chunk_size=512, enable_fallback=False).best()
        return codec_of(best.encoding) if best is not None else ""


def _is_telling(octet: int) -> bool:
    return octet > 127 or octet == 27
