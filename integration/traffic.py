"""Many small mails at once, each to an address of its own, so that every one can be accounted for.

Law: the sender is a world of its own: it goes on in threads while the test breaks things.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from integration.client import Mail, Rcpt, send_all
from integration.conftest import Rig

SESSIONS = 4
SENDER = "alice@example.com"
CONTENT = b"From: alice@example.com\r\nSubject: One of many\r\n\r\n" + b"A line of text.\r\n" * 100


class Traffic:
    """What was sent, by recipient."""

    def __init__(self, count: int, address: str) -> None:
        self.recipients = [address.format(tag=f"m{number}") for number in range(count)]

    def mails(self, session: int) -> Iterator[Mail]:
        for recipient in self.recipients[session::SESSIONS]:
            yield Mail(SENDER, [Rcpt(recipient)], CONTENT)

    @contextmanager
    def flowing(self, rig: Rig) -> Iterator[None]:
        """Send all while the block runs; on leaving, every mail is in Postfix's hands. Raises what a session raised."""
        with ThreadPoolExecutor(SESSIONS) as pool:
            sessions: list[Future[None]] = [
                pool.submit(send_all, rig.postfix.ports.front, self.mails(number))
                for number in range(SESSIONS)
            ]
            yield
            for session in sessions:
                session.result()
