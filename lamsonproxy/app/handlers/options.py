"""What the options of ready handlers have in common: texts that stand there or in a file, words that are several.

Law: everything is read when the handler is made, so a mistake is told at start and no mail waits for a disk.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from lamsonproxy.errors import AppError

DAYS_LIMIT = 36_500
"""A hundred years: beyond some thousand of them there is no date."""


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
    """One word, or several; empty ones are none."""
    return tuple(filter(None, (words,) if isinstance(words, str) else words))


def seconds_of(name: str, days: float) -> float:
    """The days of an option as seconds. Raises AppError."""
    # NaN is not between any two numbers.
    if not 0 < days <= DAYS_LIMIT:
        raise AppError(f"{name} is a number above 0, and at most {DAYS_LIMIT}.")
    return timedelta(days=days).total_seconds()


def needed(handler: str, **options: object) -> None:
    """Raises AppError unless one of the options is given."""
    if not any(options.values()):
        raise AppError(f"{handler} needs {' or '.join(options)}.")


@contextmanager
def refusals(option: str = "") -> Iterator[None]:
    """What cannot be written into a mail is a mistake in the options."""
    try:
        yield
    except ValueError as error:
        raise AppError(f"{option}: {error}." if option else f"{error}.") from error
