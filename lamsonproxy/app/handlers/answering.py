"""`vacation`: an answer for those who wait for one, once in a while, beside the mail that goes on.

Law: nobody who could be a machine, a list or a crowd is answered (`mail/manners.py`), nor mail that was not written to
this address; and nobody twice within `days`, unless the answer has another text.

RFC 5230 §4.2 (days), §4.4 (the subject), §4.5 (whose address must stand in the mail), §4.6; RFC 3834 §2.
"""

from collections.abc import Sequence
from pathlib import Path

from lamsonproxy.app.given import given_recipient
from lamsonproxy.app.handlers.options import needed, refusals, seconds_of, several, text_of
from lamsonproxy.app.machines import Handler
from lamsonproxy.app.mail import Mail
from lamsonproxy.app.marks import stateless, uses_tables
from lamsonproxy.mail.answering import auto_subject
from lamsonproxy.mail.correspondent import folded, known_as, reachable
from lamsonproxy.mail.entity import text_entity
from lamsonproxy.mail.fields import check_line
from lamsonproxy.mail.manners import why_not

_NAMED_IN = ("To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc")


def vacation(
    *,
    text: str = "",
    text_file: str | Path = "",
    subject: str = "",
    days: float = 7,
    addresses: str | Sequence[str] = (),
) -> Handler:
    """Answer that nobody is there; to one correspondent once in `days`. Only mail that names the recipient in To or Cc,
    or one of its other `addresses`, is answered."""
    words = text_of("text", text, text_file)
    needed("vacation", text=words.strip(), text_file=words.strip())
    seconds = seconds_of("days", days)
    with refusals():
        text_entity("plain", words)
        check_line("subject", subject)
    with refusals("addresses"):
        others = {folded(given_recipient(address)) for address in several(addresses)}
    # SQLAlchemy is heavy, and most who import ready handlers need none of it.
    from lamsonproxy.app.handlers import remembering

    @uses_tables(remembering.TABLES)
    @stateless
    async def answer(mail: Mail, **captures: str | None) -> None:
        own = {folded(mail.recipient), *others}
        # Before the database: bulk mail is most of all mail.
        if why_not(mail.message, reachable(mail.sender), mail.recipient) or not _names(mail, own):
            return
        key = remembering.key_of("vacation", folded(mail.recipient), known_as(mail.sender), subject, words)
        if await remembering.in_session(mail.db, remembering.remember, key, mail.now, seconds):
            mail.reply(text=words, subject=subject or auto_subject(mail.message.subject))

    return answer


def _names(mail: Mail, own: set[str]) -> bool:
    """Whether the mail was written to one of these addresses, not to a list or by Bcc."""
    return any(
        folded(mailbox.address) in own for name in _NAMED_IN for mailbox in mail.message.mailboxes(name)
    )
