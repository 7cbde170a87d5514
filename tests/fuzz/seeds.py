"""Where fuzzing begins: the corpus, and for each target inputs of its own.

Law: `inputs` holds what is short and has its reason: one kind of syntax each, and whatever was found. What a run
learns beside them is in var/fuzz, and goes when somebody likes.
"""

from collections.abc import Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
LEARNT = REPOSITORY / "var" / "fuzz"

_INPUTS = REPOSITORY / "tests" / "fuzz" / "inputs"
_CORPUS = REPOSITORY / "tests" / "corpus"
_WHOLE_MAILS = {"splicer": "mails", "reader": "mails", "bounces": "bounces"}


def folders_of(name: str) -> Sequence[Path]:
    """The folders of a target's seeds."""
    own = _INPUTS / name
    return [own, _CORPUS / _WHOLE_MAILS[name]] if name in _WHOLE_MAILS else [own]
