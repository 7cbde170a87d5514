"""Floor 4: handing mail to downstream over SMTP. aiosmtplib is known here and nowhere else.

    settings   what the relay is told
    replies    blocks in, replies out
    commands   an envelope as commands for a downstream that offers certain extensions
    content    a message as blocks for the wire, the dot at the end
    limit      a time limit on each wait
    client     one connection
    pool       connections kept open
    offer      one mail on one connection
    inquiry    the same, its recipients one at a time
    courier    the port `Courier` over all of these

A RemoteError from here has one of the stages `client.Stage` and one of the kinds `client.Kind`: closed sets,
so they can be metric labels (design law 10).
"""

from lamsonproxy.relay.courier import SmtpCourier
from lamsonproxy.relay.settings import RelaySettings

__all__ = ["RelaySettings", "SmtpCourier"]
