"""`lamson outbox list|show|retry|drop`: mail that handlers sent and that has not left, and the dead letters.

Law: nothing is sent from here. `retry` makes a mail due, and the running service sends it; what is being sent at this
moment is left alone.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection

from lamsonproxy.cli.database import opened
from lamsonproxy.cli.place import settled_at
from lamsonproxy.cli.quarantine import PIPE_WIDTH, printable
from lamsonproxy.clock import SystemClock
from lamsonproxy.errors import LamsonError
from lamsonproxy.queues.letter import head
from lamsonproxy.state import letters
from lamsonproxy.state.letters import Letter


class NotThere(LamsonError):
    """There is no such mail in the outbox, or it is being sent."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What `list` is to show."""

    only_dead: bool = False
    limit: int = 100
    as_json: bool = False


def show_list(config: Path | None, wanted: Wanted) -> None:
    """Print what is there, oldest first."""
    now = SystemClock().now()
    with opened(settled_at(config)()) as connection:
        found = letters.letters(connection, wanted.limit, only_dead=wanted.only_dead)
        total = letters.count(connection, only_dead=wanted.only_dead)
    if wanted.as_json:
        print(json.dumps([as_fields(letter, now) for letter in found], indent=2))
        return
    # A pipe has no width, and nothing may be cut for it.
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    console.print(_table(found, now) if found else "Nothing waits.")
    if total > len(found):
        console.print(f"{total - len(found)} more; --limit shows them.")


def show_mail(config: Path | None, number: int) -> None:
    """Print one mail: a line of ours, then its own octets. Raises NotThere."""
    with opened(settled_at(config)()) as connection:
        found = letters.letter(connection, number)
    if found is None:
        raise NotThere(f"There is no mail {number} in the outbox.")
    letter, octets = found
    first_line = head(letter.envelope, letter.reply, letter.written_at.isoformat())
    sys.stdout.buffer.write(first_line + octets)


def retry(config: Path | None, numbers: list[int], *, are_all_dead: bool) -> None:
    """Make mails due. Raises NotThere for the first that cannot be."""
    with opened(settled_at(config)()) as connection:
        _each(connection, letters.dead_numbers(connection) if are_all_dead else numbers, letters.retry, "due")


def drop(config: Path | None, numbers: list[int]) -> None:
    """Forget mails. Raises NotThere for the first that cannot be."""
    with opened(settled_at(config)()) as connection:
        _each(connection, numbers, letters.drop, "dropped")


def _each(
    connection: Connection,
    numbers: Sequence[int],
    act: Callable[[Connection, int, datetime], bool],
    done: str,
) -> None:
    now = SystemClock().now()
    for number in numbers:
        if not act(connection, number, now):
            raise NotThere(f"{number} is not in the outbox, or it is being sent; nothing was changed.")
    for number in numbers:
        print(f"{number} {done}")


def state_of(letter: Letter, now: datetime) -> str:
    """In a word."""
    if letter.is_dead:
        return "dead"
    if letter.lease_until is not None and letter.lease_until > now:
        return "sending"
    return "waiting" if letter.attempts else "new"


def as_fields(letter: Letter, now: datetime) -> dict[str, object]:
    """As JSON tells it."""
    return {
        "id": letter.id,
        "state": state_of(letter, now),
        "kind": letter.kind,
        "sender": letter.envelope.sender.raw,
        "recipients": [recipient.address.raw for recipient in letter.envelope.recipients],
        "size": letter.size,
        "trace": letter.trace,
        "written_at": letter.written_at.isoformat(),
        "due_at": letter.due_at.isoformat(),
        "attempts": letter.attempts,
        "reply": letter.reply,
    }


def _table(found: list[Letter], now: datetime) -> Table:
    table = Table("id", "state", "kind", "from", "to", "written", "due", "reply", box=None, pad_edge=False)
    for letter in found:
        sender, recipients = letter.envelope.sender, letter.envelope.recipients
        others = f" and {len(recipients) - 1} more" if len(recipients) > 1 else ""
        cells = (
            str(letter.id),
            state_of(letter, now),
            letter.kind,
            f"<{sender}>",
            " ".join(f"<{recipient.address}>" for recipient in recipients[:1]) + others,
            _moment(letter.written_at),
            "-" if letter.is_dead else _moment(letter.due_at),
            letter.reply,
        )
        table.add_row(*map(escape, map(printable, cells)))
    return table


def _moment(at: datetime) -> str:
    return at.astimezone().isoformat(" ", "seconds")[:19]
