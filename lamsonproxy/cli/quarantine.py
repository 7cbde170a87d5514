"""`lamson quarantine list|show|release|delete`: the mail that somebody should look at.

Law: release goes through the relay with the envelope that the mail came with, past the routes, and a mail is deleted only
after downstream has taken it.
"""

from dataclasses import dataclass

from lamsonproxy.cli.send import deliver
from lamsonproxy.config import HostPort, Settings
from lamsonproxy.errors import LamsonError
from lamsonproxy.mail.reply import Reply
from lamsonproxy.queues.letter import Letter
from lamsonproxy.queues.quarantine import MaildirQuarantine

_SHORTEST = 6
"""Letters of a name that are enough, if they are the only ones of their kind."""


class NotThere(LamsonError):
    """There is no such mail in the quarantine, or more than one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kept mail, as `list` tells it; `reason` says so when the file cannot be read."""

    name: str
    kept_at: str
    sender: str
    recipient: str
    size: int
    reason: str


def rows(quarantine: MaildirQuarantine) -> list[Row]:
    """What is kept, oldest first."""
    return [_row(quarantine, name) for name in quarantine.names()]


def _row(quarantine: MaildirQuarantine, name: str) -> Row:
    try:
        letter = quarantine.read(name)
    except (KeyError, ValueError, LamsonError) as error:
        return Row(name, "", "", "", 0, f"unreadable: {error}")
    recipients = " ".join(str(recipient.address) for recipient in letter.envelope.recipients)
    return Row(name, letter.kept_at, str(letter.envelope.sender), recipients, len(letter.content), letter.reason)


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
