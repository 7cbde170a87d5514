"""`greylist`: who writes for the first time is asked to come again, as mail servers do and many spammers do not.

Law: what is remembered is who asked (the network of the client, sender and recipient), and that is committed with the
answer. It is for a door before the queue: behind it Postfix itself would be asked to come again.

RFC 6647 (greylisting), Postfix XFORWARD_README (who the client is).
"""

import ipaddress

from lamsonproxy.app.announced import Announced
from lamsonproxy.app.handlers.options import seconds_of
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.marks import stateless, uses_tables
from lamsonproxy.errors import AppError
from lamsonproxy.mail.correspondent import folded, known_as
from lamsonproxy.mail.verdict import Defer

ASK_AGAIN = Defer("4.7.1", "Greylisted: please try again later")


def greylist(*, delay_s: float = 300, retry_days: float = 2, keep_days: float = 36) -> Handler:
    """Ask who writes for the first time to come again: not before `delay_s` seconds, and within `retry_days`. Who has
    done so is let in from then on, until nothing has come for `keep_days`."""
    retry_s, keep_s = seconds_of("retry_days", retry_days), seconds_of("keep_days", keep_days)
    if not 0 < delay_s < retry_s:
        raise AppError("greylist needs 0 < delay_s < retry_days.")
    # SQLAlchemy is heavy, and most who import ready handlers need none of it.
    from lamsonproxy.app.handlers import remembering

    @uses_tables(remembering.TABLES)
    @stateless
    async def admit(mail: Announced, **captures: str | None) -> Defer | None:
        if not isinstance(mail, Announced):
            raise AppError('greylist is asked at RCPT: route(..., phase="rcpt").')
        key = remembering.key_of("greylist", _network(mail.client_address), *_envelope(mail))
        patience = remembering.Patience(delay_s, retry_s, keep_s)
        is_known = await remembering.in_session(mail.db, remembering.has_come_again, key, mail.now, patience)
        return None if is_known else ASK_AGAIN

    return admit


def _network(client: str) -> str:
    """The network that a client is in: large senders come again from the machine next door."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))


def _envelope(mail: Announced) -> tuple[str, str]:
    return known_as(mail.sender), folded(mail.recipient)
