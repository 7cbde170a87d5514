"""`lamson sink`: an SMTP server that keeps what it gets in a Maildir and prints a line per mail.

The far end for trying things: put it where Postfix's re-entry would be. It says 250 when the mail is on disk.
"""

import asyncio
import ipaddress
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from lamsonproxy.config import HostPort, host_port
from lamsonproxy.doors.budget import Budget
from lamsonproxy.doors.dialogue import Rules
from lamsonproxy.doors.door import DoorSettings
from lamsonproxy.doors.smtp import SmtpDoor
from lamsonproxy.errors import ConfigError, StorageError
from lamsonproxy.mail.reply import TROUBLE, Reply
from lamsonproxy.mail.transaction import Transaction
from lamsonproxy.maillog import MailLog
from lamsonproxy.metrics import Metrics
from lamsonproxy.queues.quarantine import MaildirQuarantine

EVERYBODY = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class SinkDesk:
    """The desk behind the sink's door: everything is kept."""

    maildir: MaildirQuarantine
    tell: Callable[[str], None]

    async def settle(self, transaction: Transaction, withdrawn: Callable[[], bool]) -> AsyncIterator[Reply]:
        envelope = transaction.envelope
        try:
            await asyncio.to_thread(self._keep, transaction)
        except StorageError as error:
            self.tell(f"sink: {error}")
            yield TROUBLE
            return
        recipients = " ".join(f"<{r.address}>" for r in envelope.recipients)
        self.tell(
            f"{transaction.trace} from=<{envelope.sender}> to={recipients} size={len(transaction.message.raw)}"
        )
        yield Reply(250, "2.0.0", f"Ok: queued as {transaction.trace}")

    def heard(self, transaction: Transaction) -> None:
        return None

    def _keep(self, transaction: Transaction) -> None:
        content = (transaction.message.raw,)
        self.maildir.hold(transaction.trace, transaction.envelope, content, "sink").release()


def run_sink(folder: Path, listen: str, size_limit: int) -> None:
    """Receive mail until told to leave. Raises ConfigError when it cannot start."""
    try:
        address = host_port(listen)
    except ValueError as error:
        raise ConfigError(f"--listen {listen} {error}.") from None
    asyncio.run(serve_sink(folder, address, size_limit, partial(print, flush=True)))


async def serve_sink(folder: Path, listen: HostPort, size_limit: int, tell: Callable[[str], None]) -> None:
    """Receive mail until SIGTERM or SIGINT. Raises ConfigError when it cannot start."""
    maildir = MaildirQuarantine(folder)
    settings = DoorSettings("sink", Rules("sink.localhost", size_limit=size_limit), trust=EVERYBODY)
    door = SmtpDoor(
        settings, SinkDesk(maildir, tell), Budget(4 * size_limit), MailLog(Metrics(CollectorRegistry()))
    )
    loop = asyncio.get_running_loop()
    try:
        maildir.open()
        server = await loop.create_server(door.session, listen.host, listen.port)
    except (OSError, StorageError) as error:
        raise ConfigError(f"The sink cannot listen on {listen} and keep mail in {folder}: {error}") from error
    leave = asyncio.Event()
    for number in signal.SIGTERM, signal.SIGINT:
        loop.add_signal_handler(number, leave.set)
    address = HostPort(*server.sockets[0].getsockname()[:2])
    tell(f"sink: listening on {address}, keeping mail in {folder}")
    await leave.wait()
    server.close()
    door.abandon()
