"""What the options of ready handlers have in common: texts that stand there or in a file, words that are several.

Law: everything is read when the handler is made, so a mistake is told at start and no mail waits for a disk.
"""

from collections.abc import Sequence
from pathlib import Path

from lamsonproxy.errors import AppError


def text_of(name: str, text: str, file: str | Path) -> str:
    """The text of two options, `name` and `name_file`; "" when neither is given. Raises AppError."""
    if text and file:
        raise AppError(f"{name} and {name}_file are both given: one of them is enough.")
    if not file:
        return text
    try:
        return Path(file).read_text("utf-8")
    except OSError as error:
        raise AppError(f'{name}_file is "{file}", which cannot be read: {error.strerror}.') from error
    except UnicodeDecodeError as error:
        raise AppError(f'{name}_file is "{file}", which is not UTF-8 (octet {error.start + 1}).') from error


def several(words: str | Sequence[str]) -> tuple[str, ...]:
    """One word, or several."""
    return (words,) if isinstance(words, str) else tuple(words)


def needed(handler: str, **options: object) -> None:
    """Raises AppError unless one of the options is given."""
    if not any(options.values()):
        raise AppError(f"{handler} needs {' or '.join(options)}.")
