"""What the relay has to be told, as plain values.

Law: nothing is read from a file or the environment here, and every wait that the relay can make has its limit
here; on top of each stands the deadline of the mail.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Where downstream is, and how long and how often it is talked to."""

    host: str
    port: int
    helo: str
    """Our name in EHLO."""
    instance: str = ""
    """What our own doors say of themselves in their greeting; "" when there are none."""
    connections: int = 20
    """Connections at most; more mails wait. As many as Postfix's default_destination_concurrency_limit."""
    idle_s: float = 30.0
    """How long an unused connection is kept: less than smtpd_timeout (300 s), so that we close first."""
    mails_per_connection: int = 100
    """After so many mails a connection is closed; each may cost a RSET, of which Postfix allows 100 in a row
    (smtpd_junk_command_limit)."""
    connect_s: float = 10.0
    command_s: float = 60.0
    """The wait for each reply but the last; that one may take all that is left until the deadline."""
    quit_s: float = 2.0
    """The wait for the reply to QUIT and to RSET; a mail's reply waits for the latter, and nothing depends on it."""
