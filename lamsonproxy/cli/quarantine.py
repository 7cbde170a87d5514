"""`lamson quarantine list|show|release|delete`: the mail that somebody should look at.

Law: release goes through the relay with the envelope that the mail came with, past the routes, and a mail is
deleted only after downstream has taken it.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lamsonproxy.cli.place import settled_at
from lamsonproxy.cli.send import deliver
from lamsonproxy.config import HostPort, Settings
from lamsonproxy.errors import LamsonError, RemoteError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.queues.letter import Letter, head
from lamsonproxy.queues.quarantine import MaildirQuarantine

_SHORTEST = 6
"""Letters of a name that are enough, if they are the only ones of their kind."""
PIPE_WIDTH = 1000


class NotThere(LamsonError):
    """There is no such mail in the quarantine, or more than one."""


class ReleaseFailed(LamsonError):
    """A mail was not taken by downstream for every recipient; it stays where it is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kept mail, as `list` tells it; `reason` says so when the file cannot be read."""

    name: str
    kept_at: str
    sender: str
    recipient: str
    size: int
    reason: str


def show_list(config: Path | None, *, as_json: bool) -> None:
    """Print what is kept."""
    _, quarantine = _opened(config)
    kept = rows(quarantine)
    if as_json:
        print(json.dumps([asdict(row) for row in kept], indent=2))
        return
    table = Table("name", "kept at", "from", "to", "size", "reason", box=None, pad_edge=False)
    for row in kept:
        cells = row.kept_at, f"<{row.sender}>", f"<{row.recipient}>", str(row.size), row.reason
        table.add_row(row.name[:12], *map(escape, map(printable, cells)))
    # A pipe has no width, and nothing may be cut for it.
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    console.print(table if kept else f"Nothing is kept in {quarantine.path}.")


def show_mail(config: Path | None, beginning: str) -> None:
    """Print one mail: a line of ours, then its own octets."""
    _, quarantine = _opened(config)
    letter = read(quarantine, find(quarantine, beginning))
    sys.stdout.buffer.write(head(letter.envelope, letter.reason, letter.kept_at) + letter.content)


def release_all(config: Path | None, beginnings: list[str]) -> None:
    """Release mails, one after the other. Raises NotThere, or ReleaseFailed for the first that was not taken."""
    settings, quarantine = _opened(config)
    for name in [find(quarantine, beginning) for beginning in beginnings]:
        try:
            reply = asyncio.run(release(settings, quarantine, name))
        except RemoteError as error:
            raise ReleaseFailed(f"{name} stays in quarantine: {error}") from error
        if not reply.is_positive:
            raise ReleaseFailed(f"{name} stays in quarantine: downstream said {reply}")
        print(f"{name} released: {reply}")


def delete_all(config: Path | None, beginnings: list[str]) -> None:
    """Forget mails. Raises NotThere."""
    _, quarantine = _opened(config)
    for name in [find(quarantine, beginning) for beginning in beginnings]:
        quarantine.delete(name)
        print(f"{name} deleted")


def _opened(config: Path | None) -> tuple[Settings, MaildirQuarantine]:
    settings = settled_at(config)()
    return settings, MaildirQuarantine(settings.quarantine.path)


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor: it was written by strangers."""
    return "".join(ch if ch.isprintable() else "?" for ch in text)[:200]


def rows(quarantine: MaildirQuarantine) -> list[Row]:
    """What is kept, oldest first."""
    return [_row(quarantine, name) for name in quarantine.names()]


def _row(quarantine: MaildirQuarantine, name: str) -> Row:
    try:
        letter = quarantine.read(name)
    except (KeyError, ValueError, LamsonError) as error:
        return Row(name, "", "", "", 0, f"unreadable: {error}")
    recipients = " ".join(str(recipient.address) for recipient in letter.envelope.recipients)
    return Row(
        name, letter.kept_at, str(letter.envelope.sender), recipients, len(letter.content), letter.reason
    )


def find(quarantine: MaildirQuarantine, beginning: str) -> str:
    """The name of the one mail whose name begins so. Raises NotThere."""
    names = [name for name in quarantine.names() if name.startswith(beginning)]
    if beginning in names:
        return beginning
    if len(names) != 1 or len(beginning) < _SHORTEST:
        raise NotThere(
            f"{beginning!r} begins the names of {len(names)} mails in {quarantine.path}; "
            f"give at least {_SHORTEST} letters of one that `lamson quarantine list` shows."
        )
    return names[0]


def read(quarantine: MaildirQuarantine, name: str) -> Letter:
    """The mail. Raises NotThere when it cannot be read."""
    try:
        return quarantine.read(name)
    except (KeyError, ValueError) as error:
        raise NotThere(f"{name} cannot be read: {error}") from error


async def release(settings: Settings, quarantine: MaildirQuarantine, name: str) -> Reply:
    """Hand the mail to downstream, and forget it when it was taken for every recipient. Raises RemoteError."""
    letter = read(quarantine, name)
    downstream = HostPort(settings.relay.host, settings.relay.port)
    replies = await deliver(downstream, settings.hostname, letter.envelope, letter.content)
    refused = next((reply for reply in replies if not reply.is_positive), None)
    if refused is None:
        quarantine.delete(name)
    return refused or replies[-1]
