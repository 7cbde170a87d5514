"""Signs what leaves the outbox, in a thread.

Law: a signature is no reason to keep a mail. What cannot be signed, or not in time, leaves as it is, and the log tells.
What only passes through (`relay`) is somebody else's, and never changed (design law 2).
"""

import asyncio
from functools import partial

from lamsonproxy.ports import Due, MailLog, Signed, Signer
from lamsonproxy.threads import Threads


class SigningThread:
    """A signer, and the thread that it works in: more of them would only wait for the interpreter, and for each other
    when a list's mail leaves with one signature for all."""

    def __init__(self, signer: Signer, log: MailLog) -> None:
        self._signer = signer
        self._log = log
        self._threads = Threads(1, "signing")

    async def content(self, due: Due, *, timeout: float) -> bytes:
        """The octets of a mail as they leave, after at most so many seconds. Never raises."""
        if due.outgoing.kind == "relay":
            return due.outgoing.content
        try:
            future = asyncio.wrap_future(self._threads.submit(partial(self._signer.signed, due.outgoing)))
            async with asyncio.timeout(timeout):
                signed = await future
        except Exception as error:
            signed = Signed(due.outgoing.content, error)
        if signed.trouble is not None:
            self._log.not_signed(due, signed.trouble)
        return signed.content
