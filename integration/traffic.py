"""Many small mails at once, each to an address of its own, so that every one can be accounted for.

Law: the sender is a world of its own: it goes on in threads while the test breaks things.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from integration.client import Mail, Rcpt, send_all

SESSIONS = 4
CONVERSATIONS = 25
"""No multiple of SESSIONS or of 2, so that every conversation has mails in every session."""
SENDER = "alice@example.com"
CONTENT = b"From: alice@example.com\r\nSubject: One of many\r\n\r\n" + b"A line of text.\r\n" * 100


class Traffic:
    """What was sent, by recipient."""

    def __init__(self, count: int, address: str) -> None:
        """`address` has a `{tag}`, another one for each mail, and perhaps a `{number}`, the same for several."""
        self.recipients = [address.format(tag=f"m{n}", number=n % CONVERSATIONS) for n in range(count)]

    def mails(self, session: int) -> Iterator[Mail]:
        for recipient in self.recipients[session::SESSIONS]:
            yield Mail(SENDER, [Rcpt(recipient)], CONTENT)

    @contextmanager
    def flowing(self, *ports: int) -> Iterator[None]:
        """Send all while the block runs, to these in turn; on leaving, every mail has been taken. Raises what a session
        raised."""
        with ThreadPoolExecutor(SESSIONS) as pool:
            sessions = [
                pool.submit(send_all, ports[number % len(ports)], self.mails(number))
                for number in range(SESSIONS)
            ]
            yield
            for session in sessions:
                session.result()
