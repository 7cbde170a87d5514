"""One mail to a door that speaks LMTP, for `lamson send`.

Law: the commands and the octets are the relay's own; here is only who waits for the replies: one for each RCPT, and
behind the final dot one for each that was taken.

RFC 2033 §4.2.
"""

import smtplib

from lamsonproxy.config import HostPort
from lamsonproxy.errors import RemoteError
from lamsonproxy.mail.envelope import Envelope
from lamsonproxy.mail.reply import Reply, from_lines
from lamsonproxy.relay.commands import commands_for
from lamsonproxy.relay.content import blocks

GO_AHEAD = 354


def deliver(door: HostPort, helo: str, envelope: Envelope, content: bytes, limit_s: float) -> list[Reply]:
    """Send, and give the replies that tell how it ended: to MAIL, where it was refused; else one for each recipient.

    Raises RemoteError.
    """
    try:
        with smtplib.LMTP(door.host, door.port, helo, timeout=limit_s) as client:
            client.ehlo_or_helo_if_needed()
            return _Dialogue(client).deliver(envelope, content)
    except (OSError, smtplib.SMTPException) as error:
        raise RemoteError("lmtp", "closed", str(error)) from error


class _Dialogue:
    def __init__(self, client: smtplib.LMTP) -> None:
        self._client = client
        self._offered = {name.upper(): words for name, words in client.esmtp_features.items()}

    def deliver(self, envelope: Envelope, content: bytes) -> list[Reply]:
        commands = commands_for(envelope, self._offered)
        for command in (*commands.xforward, commands.mail):
            reply = self._said(command)
            if not reply.is_positive:
                return [reply]
        replies = [self._said(command) for command in commands.rcpts]
        taken = [n for n, reply in enumerate(replies) if reply.is_positive]
        if taken:
            answers = self._finished(content, len(taken))
            replies = [answers[taken.index(n)] if n in taken else reply for n, reply in enumerate(replies)]
        return replies

    def _finished(self, content: bytes, count: int) -> list[Reply]:
        reply = self._said(b"DATA")
        if reply.code != GO_AHEAD:
            return [reply] * count
        for block, _ in blocks((content,)):
            self._client.send(block)
        return [self._heard() for _ in range(count)]

    def _said(self, command: bytes) -> Reply:
        self._client.send(command + b"\r\n")
        return self._heard()

    def _heard(self) -> Reply:
        code, text = self._client.getreply()
        return from_lines(code, text.decode("utf-8", "backslashreplace").split("\n"))
